"""A workbench whose processes are threads, so that tests start at once, with a linear model on short clips."""

import threading
import time

import pytest

pytest.importorskip("starlette", reason="needs the extra web")

from starlette.testclient import TestClient

from staanet.web import attacking
from staanet.web.app import create_app
from staanet.web.process import serve
from staanet.web.settings import WebSettings

MODEL = """
import time

import torch

labels = ["anger", "joy", "neutral"]
torch.manual_seed(0)
weights = torch.randn(4000, 3) / 20


def build(clips):
    return clips[:, :4000] @ weights


def slow(clips):
    time.sleep(0.02)
    return build(clips)


def fails(clips):
    raise RuntimeError("no weights today")
"""


class ThreadProcess(threading.Thread):
    """What a worker takes for a process; it cannot be killed."""

    def __init__(self, connection, settings):
        super().__init__(target=serve, args=(connection, settings), daemon=True)
        self.start()

    def kill(self):
        pass


class Bench:
    """A browser's view of a workbench."""

    def __init__(self, client, references):
        self.client, self.references = client, references

    def ask(self, task, **question):
        answer = self.client.post("/api/jobs", json={"task": task, **question})
        assert answer.status_code == 201, answer.json()
        return answer.json()["job"]

    def about(self, job):
        return self.client.get(f"/api/jobs/{job}").json()

    def wait(self, job, seconds=60):
        end = time.monotonic() + seconds
        while (about := self.about(job))["state"] in ("waiting", "running"):
            assert time.monotonic() < end, about
            time.sleep(0.01)
        return about

    def answer(self, task, **question):
        about = self.wait(self.ask(task, **question))
        assert about["state"] == "done", about
        return about["answer"]

    def error(self, task, **question):
        about = self.wait(self.ask(task, **question))
        assert about["state"] == "failed", about
        return about["error"]

    def send(self, content, name="clip.wav"):
        answer = self.client.post("/api/clips", params={"name": name}, content=content)
        assert answer.status_code == 201, answer.json()
        return {"kind": "upload", "key": answer.json()["clip"]}

    def file(self, job, name, **options):
        return self.client.get(f"/api/jobs/{job}/{name}", **options)

    def ready(self):
        while not (about := self.client.get("/api/start").json())["ready"]:
            assert not about["error"], about
            time.sleep(0.02)
        return about


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(MODEL)
    return path


@pytest.fixture
def opened(tmp_path, network):
    """Open workbenches: `opened(trust=True, runs=folder)` gives a `Bench`; all are closed after the test."""
    clients = []

    def open_(*, names=("build", "slow"), app=None, headers=None, **settings):
        folder = tmp_path / f"received-{len(clients)}"
        folder.mkdir()
        references = tuple(f"{network}:{name}" for name in names)
        settings = {"models": references, "trust": True, "device": "cpu", **settings}
        made = create_app(WebSettings(folder, **settings), start=ThreadProcess, **(app or {}))
        client = TestClient(made, "http://127.0.0.1", headers={"x-staanet": "1"} if headers is None else headers)
        client.__enter__()
        clients.append(client)
        bench = Bench(client, references)
        bench.folder = folder
        return bench

    yield open_
    for client in clients:
        client.__exit__(None, None, None)
    attacking._models.clear()


@pytest.fixture
def bench(opened):
    return opened()
