import pytest
import torch

from staanet.audio.warping import warped
from staanet.core.seeds import seeded

LENGTHS = torch.tensor([100, 60])
ONE = torch.ones(2)


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return torch.randn(2, 100) * (torch.arange(100) < LENGTHS[:, None])


def test_speed_one_from_the_beginning_changes_nothing(waveforms):
    clips, lengths = warped(waveforms, LENGTHS, ONE, 0 * ONE, 130)
    assert torch.equal(lengths, LENGTHS)
    assert torch.equal(clips[:, :100], waveforms)
    assert not clips[:, 100:].any()


def test_a_shift_rotates_each_clip_within_its_length(waveforms):
    clips, _ = warped(waveforms, LENGTHS, ONE, torch.tensor([7.0, 59.0]), 100)
    assert torch.equal(clips[0], waveforms[0].roll(-7))
    assert torch.equal(clips[1, :60], waveforms[1, :60].roll(1))


def test_half_the_speed_interpolates_and_doubles_the_length(waveforms):
    clips, lengths = warped(waveforms, LENGTHS, 0.5 * ONE, 0 * ONE, 200)
    assert lengths.tolist() == [200, 120]
    assert torch.equal(clips[:, ::2], waveforms)
    torch.testing.assert_close(clips[0, 1:199:2], (waveforms[0, :-1] + waveforms[0, 1:]) / 2)
    assert not clips[1, 120:].any()


def test_what_does_not_fit_is_cut_off(waveforms):
    clips, lengths = warped(waveforms, LENGTHS, ONE, 0 * ONE, 50)
    assert lengths.tolist() == [50, 50]
    assert torch.equal(clips, waveforms[:, :50])


def test_a_pure_tone_becomes_higher_by_the_speed():
    tone = torch.sin(2 * torch.pi * 50 * torch.arange(8000) / 8000)[None]
    clip, length = warped(tone, torch.tensor([8000]), torch.tensor([1.25]), torch.zeros(1), 8000)
    spectrum = torch.fft.rfft(clip[0, : int(length)]).abs()
    assert int(length) == 6400
    assert int(spectrum.argmax()) * 8000 / 6400 == pytest.approx(62.5, abs=1.3)


def test_gradients_reach_the_samples(waveforms):
    waveforms = waveforms.double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda clips: warped(clips, LENGTHS, torch.tensor([0.9, 1.1]), torch.tensor([3.0, 5.0]), 40)[0], waveforms
    )
