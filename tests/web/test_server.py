import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

pytest.importorskip("uvicorn", reason="needs the extra web")

from staanet.core.errors import StaanetError
from staanet.web.server import serve
from staanet.web.settings import WebSettings


@pytest.fixture
def command(tmp_path):
    """Start `staanet web` with its temporary files in a folder of the test, and return it with its address."""
    started = []

    def start(*options):
        environment = {**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-m", "staanet", "web", "--port", "0", *options]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return process, re.search(r"http://\S+", process.stdout.readline()).group()

    yield start
    for process in started:
        process.kill()
        process.wait()


def asked(address, method, path, body=None):
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request(method, path, body, {"x-staanet": "1"})
    status = connection.getresponse().status
    connection.close()
    return status


def received(folder):
    return list(folder.glob("staanet-web-*/*/*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_was_received_is_removed_whatever_ends_the_server(command, tmp_path, number):
    process, address = command()
    assert asked(address, "POST", "/api/clips?name=a.wav", b"audio") == 201
    assert [path.name for path in received(tmp_path)] == ["a.wav"]
    assert [oct(path.stat().st_mode)[-3:] for path in tmp_path.glob("staanet-web-*")] == ["700"]
    process.send_signal(number)
    assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_part_of_the_address_with_trust(command):
    process, address = command("--trust")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
    assert asked(address, "GET", "/") == 401
    assert asked(address, "GET", address[address.index("/?") :]) == 303
    process.terminate()


def test_a_port_that_is_taken_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StaanetError, match=rf"127.0.0.1:{port}: expected an address .* choose another --port"):
            serve(WebSettings(None), "127.0.0.1", port, print)


@pytest.mark.parametrize("setting", ["data", "runs", "generator"])
def test_a_folder_that_does_not_exist_is_a_sentence(tmp_path, setting):
    with pytest.raises(StaanetError, match="nosuch: expected a folder, found none"):
        serve(WebSettings(tmp_path, **{setting: tmp_path / "nosuch"}), "127.0.0.1", 0, print)
