import pytest
import torch

from staanet.attacks.components.random_input import RandomInput
from staanet.core.seeds import ClipRandom, seeded

LENGTHS = torch.cat([torch.full((150,), 300), torch.full((150,), 200)])
ROWS = torch.arange(300)


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return (torch.rand(300, 300) - 0.5) * (torch.arange(300) < LENGTHS[:, None])


def seen(waveforms, diversity=0.0, noise=0.0, rows=ROWS, bounds=(-1.0, 1.0)):
    random = ClipRandom(0, waveforms, LENGTHS)
    seen_as = RandomInput(random, diversity, torch.full((300, 1), noise), bounds)
    return seen_as(waveforms[rows], LENGTHS[rows], rows)


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_diversity_is_the_share_of_clips_that_are_changed(waveforms, diversity):
    clips, lengths = seen(waveforms, diversity)
    changed = (clips != waveforms).any(1)
    assert float(changed.float().mean()) == pytest.approx(diversity, abs=0.1)
    assert torch.equal(lengths[~changed], LENGTHS[~changed])
    assert (lengths <= 300).all()
    assert (lengths >= 0.9 * LENGTHS - 1).all()
    assert not clips[torch.arange(300) >= lengths[:, None]].any()


def test_noise_has_its_deviation_and_stays_in_the_clip_and_the_bounds(waveforms):
    noise = seen(waveforms, noise=0.05)[0] - waveforms
    inside = torch.arange(300) < LENGTHS[:, None]
    assert float(noise[inside].std()) == pytest.approx(0.05, rel=0.05)
    assert not noise[~inside].any()
    assert seen(waveforms, noise=0.5, bounds=(-0.5, 0.5))[0].abs().max() <= 0.5


def test_a_clip_is_seen_alike_in_any_selection(waveforms):
    rows = torch.tensor([7, 200])
    together, _ = seen(waveforms, 0.5, 0.1)
    alone, _ = seen(waveforms, 0.5, 0.1, rows)
    assert torch.equal(alone, together[rows])
