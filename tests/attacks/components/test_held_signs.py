import pytest
import torch

from staanet.attacks.components.held_signs import held_signs
from staanet.core.seeds import ClipRandom, seeded


def drawn(hold, counts, lengths=None, clips=1, size=9000):
    """Return held signs [B, T] of random clips."""
    lengths = torch.full((clips,), size) if lengths is None else lengths
    with seeded("clips"):
        waveforms = torch.rand(len(lengths), size)
    waveforms[torch.arange(size) >= lengths[:, None]] = 0
    return held_signs(torch.as_tensor(counts), lengths, size, ClipRandom(0, waveforms, lengths), hold)


def runs(values):
    """Return the values of the runs of equal values [T], and their lengths."""
    kept, sizes = torch.unique_consecutive(values, return_counts=True)
    return kept, sizes


@pytest.mark.parametrize("hold", [8, 32, 64])
def test_dense_signs_are_held_in_geometric_runs(hold):
    _, sizes = runs(drawn(hold, [90_000], size=90_000)[0])
    inner = sizes[1:-1]  # the clip may begin and end within a block
    assert (inner % hold == 0).all()
    blocks = inner / hold
    assert abs(blocks.mean() - 2) < 4 * (2 / len(blocks)) ** 0.5  # mean and variance of a geometric law of 1/2 are 2
    assert abs((blocks == 1).float().mean() - 0.5) < 2 / len(blocks) ** 0.5


def test_half_of_the_energy_is_where_the_documentation_says():
    hold = 32
    energy = torch.fft.rfft(drawn(hold, [2**18], size=2**18)[0]).abs().square()
    below = energy[: int(0.27 / hold * 2**18)].sum() / energy.sum()
    assert abs(below - 0.5) < 0.02


@pytest.mark.parametrize("hold", [1, 7, 32, 64, 20_000])
@pytest.mark.parametrize("count", [1, 1079, 8999, 9000])
def test_as_many_samples_as_allowed_change(hold, count):
    assert (drawn(hold, [count])[0] != 0).sum() == count


def test_sparse_signs_are_whole_blocks_but_for_one():
    hold, count = 16, 1000
    signs = drawn(hold, [count])[0]
    values, sizes = runs(signs)
    changed = sizes[values != 0]
    assert (changed % hold != 0).sum() <= 2  # the last block drawn, and the one in which the clip begins or ends
    assert changed.sum() == count
    isolated = (changed == hold).float().mean()
    assert isolated > 0.7  # at a ninth of the samples, most blocks have no neighbour of the same sign


def test_blocks_begin_anywhere():
    hold = 64
    starts = [int((signs.diff() != 0).nonzero()[0]) % hold for signs in drawn(hold, [640] * 200, clips=200, size=640)]
    assert len(set(starts)) > hold / 2


@pytest.mark.parametrize("hold", [5, 64])
def test_a_clip_has_the_same_signs_in_any_batch(hold):
    lengths = torch.tensor([900, 641, 700])
    together = drawn(hold, [90, 641, 70], lengths, size=900)
    with seeded("clips"):
        waveforms = torch.rand(3, 900)
    for row, length in enumerate(lengths.tolist()):
        clip = waveforms[row : row + 1, :length]
        counts = torch.tensor([[90, 641, 70][row]])
        alone = held_signs(counts, lengths[row : row + 1], length, ClipRandom(0, clip, lengths[row : row + 1]), hold)
        assert torch.equal(alone[0], together[row, :length])
        assert (together[row, length:] == 0).all()
