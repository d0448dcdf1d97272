import pytest
import torch

from staanet.attacks import create_attack
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded


def logits(waveforms):
    return waveforms[:, :3]


@pytest.fixture
def speech():
    """Four clips of a second at 16 kHz, [4, 16000]."""
    with seeded("clips"):
        return torch.rand(4, 16_000) - 0.5


@pytest.mark.parametrize("sparsity", [0.12, 1.0])
def test_held_for_one_sample_it_is_noise(sparsity, clips):
    waveforms, lengths, labels = clips
    budget = {"epsilon": 0.05, "sparsity": sparsity}
    held = create_attack("held_noise", hold=1, **budget)(logits, waveforms, labels, lengths, seed=5)
    assert torch.equal(held, create_attack("noise", **budget)(logits, waveforms, labels, lengths, seed=5))


@pytest.mark.parametrize("sparsity", [0.12, 1.0])
@pytest.mark.parametrize("hold", [8, 64])
def test_uses_the_whole_budget(sparsity, hold, speech):
    attack = create_attack("held_noise", hold=hold, epsilon=0.1, sparsity=sparsity)
    change = attack(logits, speech, torch.zeros(4, dtype=torch.int64)) - speech
    assert ((change != 0).sum(1) == int(sparsity * 16_000)).all()
    torch.testing.assert_close(change[change != 0].abs(), torch.full((int(sparsity * 64_000),), 0.1))


def test_invalid_settings_are_rejected():
    with pytest.raises(StaanetError, match="hold of 1 or more samples, got 0"):
        create_attack("held_noise", hold=0)
