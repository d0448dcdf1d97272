"""Training in two processes: the same as in one, and resumed by one after a process was killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from staanet.core.errors import StaanetError
from staanet.training.loop import Steps
from staanet.training.parallel import Group, current, joined
from training_together import TRAININGS

PROGRAM = "training_together.py"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port")


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_shares_cover_a_batch_once_and_are_no_single_clips(size, count):
    shares = [Group(rank, size).share(count) for rank in range(size)]
    assert [clip for share in shares for clip in range(count)[share]] == list(range(count))
    sizes = [len(range(count)[share]) for share in shares]
    assert all(one == 0 or one >= 2 for one in sizes) or sizes[0] == count == 1
    assert max(sizes) <= max(3, -(-count // size) + 1)


class Summed(Group):
    """A process whose partner has the gradients `others`."""

    others: torch.Tensor

    def add_gradients(self, weights):
        for weight in weights:
            weight.grad = weight.grad + self.others


def gradient(rows, network, clips):
    losses = (network(clips[rows]) - 1).square().mean()
    return torch.autograd.grad(losses, network.weight)[0]


def test_a_step_adds_the_shares_of_a_batch_by_their_number_of_clips(monkeypatch):
    clips, network = torch.randn(5, 3), nn.Linear(3, 1, bias=False)
    whole = gradient(slice(0, 5), network, clips)
    group = Summed(0, 2)
    object.__setattr__(group, "others", gradient(slice(2, 5), network, clips) * 3 / 5)
    monkeypatch.setattr("staanet.training.loop.current", lambda: group)
    steps = Steps(torch.optim.SGD(network.parameters(), lr=0.0))
    steps.take(5, lambda rows: {"loss": (network(clips[rows]) - 1).square().mean()})
    torch.testing.assert_close(network.weight.grad, whole)


def test_a_process_draws_numbers_of_its_own_and_leaves_the_common_ones():
    def drawn(rank, size):
        torch.manual_seed(7)
        with Group(rank, size).own_draws(3):
            own = torch.rand(4)
        return own, torch.rand(4)

    (first, common), (second, same) = drawn(0, 2), drawn(1, 2)
    assert torch.equal(common, same)
    assert not torch.equal(first, second)
    torch.manual_seed(7)
    assert torch.equal(drawn(0, 1)[0], common)  # alone, there is one stream only


def test_another_number_of_processes_than_asked_for_is_refused(monkeypatch):
    with pytest.raises(StaanetError, match=r"expected 3 processes, got 1; start them with torchrun --nproc-per-node 3"):
        joined(3).__enter__()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StaanetError, match="expected 4 processes, got 2"):
        joined(4).__enter__()
    assert current() == Group()


def test_a_device_that_not_all_processes_have_is_refused(monkeypatch):
    pytest.importorskip("accelerate", reason="needs the extra scale")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StaanetError, match="expected --device cpu or cuda for 2 processes, got cpu:0"):
        joined(2, "cpu:0").__enter__()


def test_several_processes_need_the_extra(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate.state", None)
    with pytest.raises(StaanetError, match=r"install staanet\[scale\]"):
        joined(2, "cpu").__enter__()


# ------------------------------------------------------------------ two processes


def environment(tests):
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tests)}


@pytest.fixture
def start(dataset, request):
    pytest.importorskip("accelerate", reason="needs the extra scale")
    pytest.importorskip("transformers", reason="needs the extra hf")
    tests, started = request.path.parents[1], []

    def begin(kind, out, together, **options):
        launcher = [*TORCHRUN, str(29_000 + os.getpid() % 1000)] if together else [sys.executable]
        words = [str(tests / PROGRAM), kind, str(dataset.folder), str(out), json.dumps(options)]
        started.append(
            subprocess.Popen(
                [*launcher, *words], env=environment(tests), stderr=subprocess.PIPE, start_new_session=True
            )
        )
        return started[-1]

    yield begin
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.communicate()


def trained(start, kind, out, together, **options):
    process = start(kind, out, together, **options)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()[-2000:]
    untrained, weights = (torch.load(out / f"{name}.pt", weights_only=True) for name in ("untrained", "weights"))
    return untrained, weights, json.loads((out / "history.json").read_text())


def distance(one, other):
    return sum((tensor - other[name]).double().square().sum() for name, tensor in one.items()).sqrt()


def assert_learnt_alike(untrained, one, other):
    """Adam divides a gradient by its own size, so weights whose gradient is nearly zero differ by a step or two."""
    assert distance(one, other) < 0.005 * distance(one, untrained)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAININGS)
def test_two_processes_train_as_one(start, tmp_path, kind):
    (untrained, one, history), (_, two, same) = (
        trained(start, kind, tmp_path / name, together) for name, together in (("one", False), ("two", True))
    )
    for epoch, other in zip(history, same, strict=True):
        assert epoch == pytest.approx(other, rel=1e-3, abs=1e-4)
    assert_learnt_alike(untrained, one, two)


@pytest.mark.slow
def test_one_process_goes_on_after_one_of_two_was_killed(start, tmp_path):
    untrained, whole, history = trained(start, "model", tmp_path / "whole", False, epochs=6)
    process = start("model", tmp_path / "killed", True, epochs=6, pause=0.3)
    until = time.monotonic() + 120
    second = tmp_path / "killed" / "pid-1"
    while not (tmp_path / "killed" / "progress").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(int(second.read_text()), signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert not (tmp_path / "killed" / "weights.pt").exists(), errors.decode()[-2000:]
    _, weights, same = trained(start, "model", tmp_path / "killed", False, epochs=6)
    assert [epoch["loss"] for epoch in same] == pytest.approx([epoch["loss"] for epoch in history], rel=1e-3)
    assert_learnt_alike(untrained, whole, weights)
