import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.training.batch_augmentation import BatchAugmentation

LENGTHS = torch.tensor([400, 300, 200])
OFF = {"speed": (1.0, 1.0), "mix": 0.0, "shift": False, "polarity": False}


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return (torch.rand(3, 400) * 2 - 1) * (torch.arange(400) < LENGTHS[:, None])


def augmented(waveforms, longest=None, **settings):
    with seeded("augmentation"):
        return BatchAugmentation(**{**OFF, **settings})(waveforms, LENGTHS, longest)


def test_off_changes_nothing(waveforms):
    clips, lengths = augmented(waveforms)
    assert torch.equal(clips, waveforms)
    assert torch.equal(lengths, LENGTHS)


@pytest.mark.parametrize("longest", [None, 250])
def test_all_changes_stay_within_full_scale_and_length(waveforms, longest):
    clips, lengths = augmented(waveforms, longest, speed=(0.8, 1.25), mix=1.0, shift=True, polarity=True)
    assert clips.shape[1] == (longest or 500)
    assert (lengths <= clips.shape[1]).all()
    assert clips.abs().max() <= 1
    for clip, length in zip(clips, lengths.tolist(), strict=True):
        assert not clip[length:].any()
        assert clip[:length].any()


def test_a_mixed_clip_keeps_at_least_half_of_itself(waveforms):
    clips, lengths = augmented(waveforms, mix=1.0)
    assert torch.equal(lengths, LENGTHS)
    assert not torch.equal(clips, waveforms)
    for clip, own, other, length in zip(clips, waveforms, waveforms.roll(1, 0), LENGTHS.tolist(), strict=True):
        shares = torch.linalg.lstsq(torch.stack([own, other], 1)[:length], clip[:length, None]).solution[:, 0]
        assert shares.sum() == pytest.approx(1, abs=1e-3)
        assert shares[0] >= 0.5 - 1e-3


def test_polarity_turns_whole_clips_and_not_all(waveforms):
    with seeded("signs"):
        signs = torch.stack(
            [BatchAugmentation(**{**OFF, "polarity": True})(waveforms, LENGTHS, None)[0] for _ in range(20)]
        )
    turned, kept = (signs == -waveforms).all(2), (signs == waveforms).all(2)
    assert (turned ^ kept).all()
    assert turned.any()
    assert kept.any()


def test_a_shift_keeps_the_samples_of_each_clip(waveforms):
    clips, _ = augmented(waveforms, shift=True)
    assert not torch.equal(clips, waveforms)
    torch.testing.assert_close(clips.sort(1).values, waveforms.sort(1).values)


@pytest.mark.parametrize(("settings", "told"), [({"speed": (2.0, 1.0)}, "speed as a range"), ({"mix": 50.0}, "mix")])
def test_invalid_settings_are_refused(settings, told):
    with pytest.raises(StaanetError, match=told):
        BatchAugmentation(**settings)
