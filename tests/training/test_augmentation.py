import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.training.augmentation import Augmentation


@pytest.fixture
def clip():
    return torch.sin(torch.arange(4000) * 0.05) * 0.5


def test_off_changes_nothing(clip):
    assert torch.equal(Augmentation()(clip), clip)


def test_noise_keeps_to_its_ranges(clip):
    augment = Augmentation(noise=1.0, noise_snr_db=(10.0, 20.0), noise_density=(0.05, 0.2))
    with seeded("noise"):
        changes = [augment(clip) - clip for _ in range(50)]
    sizes = torch.stack([change.abs().max() for change in changes])
    shares = torch.stack([(change.abs() > 1e-4).float().mean() for change in changes])
    peak = clip.abs().max()
    assert (sizes <= peak * 10**-0.5 + 1e-5).all()
    assert (sizes >= peak * 10**-1 - 1e-5).all()
    assert ((shares > 0.03) & (shares < 0.23)).all()


def test_noise_hits_its_share_of_the_clips(clip):
    with seeded("noise"):
        hit = sum(not torch.equal(Augmentation(noise=0.7)(clip), clip) for _ in range(400))
    assert 0.62 < hit / 400 < 0.78


def test_speed_changes_length_and_pitch_together(clip):
    with seeded("speed"):
        fast = Augmentation(speed=(2.0, 2.0))(clip)
    assert len(fast) == 2000
    assert fast.abs().max() == pytest.approx(0.5, abs=0.01)
    crossings = (fast[1:] * fast[:-1] < 0).sum()
    assert abs(int(crossings) - int((clip[1:] * clip[:-1] < 0).sum())) <= 1


def test_shift_turns_the_clip_round(clip):
    with seeded("shift"):
        turned = Augmentation(shift=True)(clip)
    assert not torch.equal(turned, clip)
    assert torch.equal(turned.sort().values, clip.sort().values)


@pytest.mark.parametrize("settings", [{"noise": 1.5}, {"speed": (1.2, 0.8)}, {"noise_density": (0.0, 1.0)}])
def test_invalid_ranges_raise(settings):
    with pytest.raises(StaanetError):
        Augmentation(**settings)
