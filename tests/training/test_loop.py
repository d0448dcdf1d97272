import pytest
import torch
from torch import nn

from staanet.core.seeds import seeded
from staanet.training.loop import train


def run(progress, epochs=5, stop_after=None, keep="last", scores=None):
    """Train a small network on random numbers; `stop_after` interrupts in the middle of the next epoch."""
    with seeded("weights"):
        network = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 1))
    seen = []

    def one_epoch(optimiser, epoch):
        seen.append(epoch)
        for step in range(3):
            loss = (network(torch.randn(6, 4)) - 1).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if stop_after is not None and epoch == stop_after and step == 1:
                raise KeyboardInterrupt
        return {"loss": loss.item()}

    def validate():
        assert not network.training
        return {"score": scores[seen[-1]] if scores else network(torch.ones(1, 4)).item()}

    history = train(
        network,
        epochs=epochs,
        learning_rate=lambda history: 0.01 / (len(history) + 1),
        one_epoch=one_epoch,
        validate=validate,
        score=lambda figures: figures["score"],
        keep=keep,
        progress=progress,
        seed=0,
    )
    return history, network.state_dict(), seen


@pytest.mark.parametrize("stop_after", [0, 1, 4])
@pytest.mark.parametrize("keep", ["best", "last"])
def test_an_interrupted_training_ends_with_the_same_bits(tmp_path, stop_after, keep):
    history, weights, _ = run(tmp_path / "whole", keep=keep)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "progress", stop_after=stop_after, keep=keep)
    resumed_history, resumed_weights, seen = run(tmp_path / "progress", keep=keep)
    assert seen == list(range(stop_after, 5))
    assert resumed_history == history
    assert all(torch.equal(weights[name], resumed_weights[name]) for name in weights)


def test_a_finished_training_is_not_repeated(tmp_path):
    _, weights, _ = run(tmp_path / "progress")
    _, again, seen = run(tmp_path / "progress")
    assert seen == []
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_the_best_epoch_stays(tmp_path):
    _, best, _ = run(tmp_path / "best", epochs=4, keep="best", scores=[0.1, 0.9, 0.3, 0.2])
    _, second, _ = run(tmp_path / "second", epochs=2, scores=[0.1, 0.9])
    assert all(torch.equal(best[name], second[name]) for name in best)


def test_the_random_state_outside_is_left_alone(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    run(tmp_path / "progress")
    assert torch.equal(torch.rand(1), expected)


def truncated(content):
    return content[: len(content) // 2]


def flipped(content):
    return content[:-10] + bytes([content[-10] ^ 1]) + content[-9:]


def zeroed(content):
    return content[: len(content) // 3] + bytes(len(content) - len(content) // 3)


def of_other_figures(content):
    return content.replace(b"score", b"scord")


@pytest.mark.parametrize("harm", [truncated, flipped, zeroed, of_other_figures, lambda _: b""])
def test_damaged_progress_is_told_and_the_training_starts_again(tmp_path, harm, caplog):
    _, weights, _ = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "progress", stop_after=3)
    content = (tmp_path / "progress").read_bytes()
    (tmp_path / "progress").write_bytes(harm(content))
    assert (tmp_path / "progress").read_bytes() != content
    _, again, seen = run(tmp_path / "progress")
    assert seen == list(range(5))
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert f"{tmp_path / 'progress'}: expected the state of a training, got a damaged file" in caplog.text


def test_a_part_of_a_network_learns_at_a_rate_of_its_own(tmp_path):
    """The first step of Adam moves each weight by the learning rate."""
    network = nn.ModuleList([nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)])
    before = [float(part.weight) for part in network]

    def one_epoch(optimiser, _):
        optimiser.zero_grad()
        sum(part.weight.sum() for part in network).backward()
        optimiser.step()
        return {"loss": 0.0}

    train(
        network,
        epochs=1,
        learning_rate=lambda _: 0.01,
        one_epoch=one_epoch,
        validate=dict,
        score=lambda _: 0.0,
        keep="last",
        progress=tmp_path / "progress",
        seed=0,
        faster=(network[1], 5.0),
    )
    moved = [start - float(part.weight) for start, part in zip(before, network, strict=True)]
    assert moved == pytest.approx([0.01, 0.05], rel=1e-3)
