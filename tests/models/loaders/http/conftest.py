import pytest
import torch

from loopback import Server


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def audio():
    """Three clips of different lengths: waveforms [3, 300], lengths [3]."""
    lengths = torch.tensor([300, 200, 251])
    waveforms = torch.rand(3, 300, generator=torch.Generator().manual_seed(1)) - 0.5
    return waveforms * (torch.arange(300) < lengths[:, None]), lengths


class Clock:
    """A clock on which pauses take no time; it counts them."""

    def __init__(self):
        self.now, self.pauses = 0.0, []

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("urllib3.util.retry.time", clock)
    monkeypatch.setattr("staanet.models.loaders.http.client.time", clock)
    return clock
