import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from staanet.audio.lengths import SILENCE, fit_length, is_silent, standardise, trimmed


def tiled(clip, size):
    return np.tile(clip, -(-size // len(clip)))[:size]


@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4), size=st.integers(1, 50), padding=st.integers(0, 5))
def test_every_clip_is_repeated_or_cut_by_itself(lengths, size, padding):
    waveforms = torch.randn(len(lengths), max(lengths) + padding)
    fitted = fit_length(waveforms, torch.tensor(lengths), size)
    expected = [tiled(row[:length], size) for row, length in zip(waveforms.numpy(), lengths, strict=True)]
    assert np.array_equal(fitted.numpy(), np.stack(expected))


@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4), size=st.integers(1, 50))
def test_each_samples_gradient_is_the_sum_over_its_repeats(lengths, size):
    waveforms = torch.randn(len(lengths), max(lengths), dtype=torch.float64, requires_grad=True)
    weights = torch.randn(len(lengths), size, dtype=torch.float64)
    (fit_length(waveforms, torch.tensor(lengths), size) * weights).sum().backward()
    for gradient, weight, length in zip(waveforms.grad.numpy(), weights.numpy(), lengths, strict=True):
        places = tiled(np.arange(length), size)
        expected = np.bincount(places, weights=weight, minlength=waveforms.shape[1])
        assert gradient == pytest.approx(expected, abs=1e-12)


def test_standardise_agrees_with_numpy():
    waveforms = 0.2 * torch.randn(4, 1000, dtype=torch.float64) + torch.tensor([[0.0], [0.1], [-0.3], [5.0]])
    numbers = waveforms.numpy()
    expected = (numbers - numbers.mean(1, keepdims=True)) / numbers.std(1, ddof=1, keepdims=True)
    assert standardise(waveforms).numpy() == pytest.approx(expected, abs=1e-9)


@given(gain=st.floats(0.01, 1), offset=st.floats(-0.5, 0.5))
def test_standardise_removes_gain_and_offset(gain, offset):
    waveforms = torch.sin(torch.arange(500, dtype=torch.float64))[None]
    assert torch.allclose(standardise(gain * waveforms + offset), standardise(waveforms), atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.5, 0.3, 0.31, -0.7, 1e-3])
@pytest.mark.parametrize("length", [1, 2, 100, 8000, 96_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_silence_and_constant_clips_become_zero_and_their_gradient_is_finite(value, length, dtype):
    waveforms = torch.full((2, length), value, dtype=dtype, requires_grad=True)
    standardised = standardise(waveforms)
    assert standardised.abs().max() < 1e-6
    (standardised * torch.randn(2, length)).sum().backward()
    assert torch.isfinite(waveforms.grad).all()


@pytest.mark.parametrize("ripple", [2**-17, 2**-15, 1e-3])
@pytest.mark.parametrize("offset", [0.3, -0.9])
def test_a_ripple_on_an_offset_is_standardised_as_in_double_precision(ripple, offset):
    waveforms = (offset + ripple * torch.sin(torch.arange(8000.0) ** 1.1))[None]
    expected = (waveforms.double() - waveforms.double().mean()) / waveforms.double().std()
    assert (standardise(waveforms) - expected).abs().max() < 1e-3


def test_the_numbers_of_ordinary_clips_are_those_of_one_subtraction():
    """Published results depend on every bit of it."""
    torch.manual_seed(0)
    levels = 10 ** torch.linspace(-4, -0.5, 8)[:, None]
    clips = (levels * torch.randn(8, 20_000) + levels * torch.randn(8, 1)).clamp(-1, 1)
    clips *= torch.arange(20_000) < torch.linspace(300, 20_000, 8)[:, None]
    for waveforms in (clips, fit_length(clips, torch.linspace(300, 20_000, 8).long(), 16_000), clips[:, :2]):
        centred = waveforms - waveforms.mean(1, keepdim=True)
        variance = centred.square().sum(1, keepdim=True) / (waveforms.shape[1] - 1)
        assert torch.equal(standardise(waveforms), centred / variance.add(1e-14).sqrt())


def test_the_gradient_of_standardise_is_the_numerical_one():
    waveforms = torch.randn(2, 30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(standardise, waveforms)


@pytest.mark.parametrize("offset", [0.0, 0.31, -1.0])
def test_a_clip_is_silent_if_it_stays_at_its_mean(offset):
    ripple = np.tile(np.array([1.0, -1.0], dtype=np.float32), 500)
    samples = np.full(1000, offset, dtype=np.float32)
    assert is_silent(samples)
    assert is_silent(samples + np.float32(0.9 * SILENCE) * ripple)
    assert not is_silent(samples + np.float32(1.1 * SILENCE) * ripple)
    samples[7] += 0.1
    assert not is_silent(samples)


@pytest.mark.parametrize("samples", [[], [0.4]])
def test_a_clip_of_less_than_two_samples_is_silent(samples):
    assert is_silent(np.array(samples, dtype=np.float32))


# ------------------------------------------------------------------ trimmed

RATE = 1000
FRAME = 32


def clip(*levels):
    """Return a clip of a frame per level, in dB of full scale; minus infinity is silence."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (len(levels), FRAME))
    return (signs * 10 ** (np.array(levels, dtype=np.float64)[:, None] / 20)).astype(np.float32).ravel()


@pytest.mark.parametrize(
    ("levels", "kept"),
    [
        ((-np.inf, -10, -20, -np.inf, -np.inf), (1, 3)),
        ((-51, -10, -51), (1, 2)),  # 41 dB below the loudest
        ((-49, -10, -49), (0, 3)),  # 39 dB
        ((-10, -np.inf, -90, -30), (0, 4)),  # silence within a clip stays
        ((-90, -90, -90), (0, 3)),  # as quiet throughout
        ((-np.inf, -90), (1, 2)),
    ],
)
def test_trimmed_cuts_the_frames_at_both_ends_that_are_far_below_the_loudest(levels, kept):
    start, end = (FRAME * frame for frame in kept)
    samples = clip(*levels)
    assert np.array_equal(trimmed(samples, RATE, 40), samples[start:end])
    assert np.array_equal(trimmed(samples * np.float32(0.01), RATE, 40), samples[start:end] * np.float32(0.01))


def test_trimmed_keeps_a_last_frame_that_is_not_whole():
    samples = clip(-np.inf, -10, -10)[: 2 * FRAME + 5]
    assert np.array_equal(trimmed(samples, RATE, 40), samples[FRAME:])


@pytest.mark.parametrize("samples", [np.zeros(100), np.ones(3), np.array([0.0, 0.5]), np.zeros(0)])
def test_silence_and_clips_shorter_than_a_frame_stay_as_they_are(samples):
    samples = samples.astype(np.float32)
    assert np.array_equal(trimmed(samples, RATE, 40), samples)
