import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from small_work import SmallWork
from staanet.core.errors import StaanetError
from staanet.core.processes import is_alive
from staanet.engines import Job, Local, carry_out

DRIVER = """
import signal
import sys
from pathlib import Path
from small_work import SmallWork
from staanet.engines import Job, Local, carry_out

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where it is ignored
    carry_out(Local(2), SmallWork(Path(sys.argv[1])), [Job("waits 1"), Job("waits 2")])
"""


def test_processes_that_die_are_replaced_and_errors_do_not_stop_others(tmp_path, caplog):
    work = SmallWork(tmp_path)
    jobs = [Job("dies-1"), Job("refuses"), Job("next", ("refuses",)), Job("dies-9"), Job("last", ("dies-1",))]
    failures = {one.name: one.reason for one in carry_out(Local(2), work, jobs)}
    assert work.done() == {"dies-1", "last"}
    assert failures["refuses"] == "expected something else; change it"
    assert "got one that was killed (SIGKILL; often for too little memory)" in failures["dies-9"]
    assert set(failures) == {"refuses", "next", "dies-9"}
    assert (work.begun("dies-1"), work.begun("dies-9"), work.begun("next")) == (2, 3, 0)
    assert "refuses: expected something else; change it" in caplog.messages
    pids = {int(line) for path in tmp_path.glob("*.begun") for line in path.read_text().split()}
    assert not [pid for pid in pids if is_alive(pid)]


def test_no_process_is_refused():
    with pytest.raises(StaanetError, match="expected 1 worker or more, got 0; change --workers"):
        Local(0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(tmp_path, how):
    work, script = SmallWork(tmp_path), tmp_path / "driver.py"
    script.write_text(DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    driver = subprocess.Popen([sys.executable, script, tmp_path], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (work.begun("waits 1") and work.begun("waits 2")) and time.monotonic() < deadline:
        time.sleep(0.05)
    pids = [int(path.read_text()) for path in tmp_path.glob("*.begun")]
    assert len(pids) == 2
    assert all(is_alive(pid) for pid in pids)
    driver.send_signal(how)
    driver.wait()
    deadline = time.monotonic() + 10
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in pids if is_alive(pid)]
    assert work.done() == set()
