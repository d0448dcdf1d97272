"""The lock of a folder: one process at a time, others wait and say for whom, and a dead holder's is taken over."""

import json
import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from staanet.core import processes
from staanet.core.files import remove
from staanet.core.processes import LOCK, is_alive, locked

HOLD = """
import sys, time
from pathlib import Path
from staanet.core.processes import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_waits_and_says_for_whom(tmp_path, holder, caplog):
    released = []

    def release():
        time.sleep(0.5)
        released.append(time.monotonic())
        holder.stdin.close()

    thread = threading.Thread(target=release)
    thread.start()
    with locked(tmp_path):
        assert released
    thread.join()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{tmp_path}: process {holder.pid} on {processes.HOST_NAME} (since 2")
    assert line.endswith("writes to this folder; waits until it has ended")


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path, holder, caplog):
    caplog.set_level(logging.INFO)
    holder.kill()
    holder.wait()
    assert json.loads((tmp_path / LOCK).read_text())["process"] == holder.pid
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert f"process {holder.pid} on" in caplog.text
    assert "has died; goes on from what it made" in caplog.text
    assert (tmp_path / LOCK).read_text() == ""


def test_a_process_with_the_number_of_a_dead_one_is_another(tmp_path):
    holder = {"process": os.getppid(), "host": processes.HOST_NAME, "since": "long ago", "started": "1"}
    (tmp_path / LOCK).write_text(json.dumps(holder))
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


def test_a_holder_on_another_machine_is_alive_as_long_as_it_shows_it(tmp_path, monkeypatch, caplog):
    (tmp_path / LOCK).write_text(json.dumps({"process": 1, "host": "elsewhere", "since": "now", "started": ""}))
    monkeypatch.setattr(processes, "SILENT", 0.5)
    began = time.monotonic()
    with locked(tmp_path):
        assert time.monotonic() - began > 0.3
    assert "process 1 on elsewhere (since now) writes to this folder" in caplog.text


def test_a_holder_shows_that_it_is_alive(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "SIGN_OF_LIFE", 0.01)
    with locked(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        time.sleep(0.2)
        assert (tmp_path / LOCK).stat().st_mtime > 0


def test_a_process_shares_its_lock_with_itself_and_with_forked_workers(tmp_path):
    with locked(tmp_path):
        with locked(tmp_path):
            pass
        if (child := os.fork()) == 0:
            with locked(tmp_path):
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": "x"}', "\x00" * 40])
def test_a_damaged_lock_hinders_nobody(tmp_path, content):
    (tmp_path / LOCK).write_text(content)
    with locked(tmp_path):
        pass


def test_a_process_that_ended_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not is_alive(process.pid)
    assert not is_alive(2**40)


def test_who_waited_while_the_folder_was_removed_holds_the_lock_of_the_new_one(tmp_path):
    """The holder removes what it locked, such as the folder of its progress; the lock of a deleted file is none."""
    place = tmp_path / "progress"
    waits = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with locked(place):
        time.sleep(0.1)
        remove(place)
    with waits:
        assert waits.stdout.readline() == "held\n"
        assert json.loads((place / LOCK).read_text())["process"] == waits.pid
        waits.stdin.close()
