"""The log-mel spectrogram of Whisper, compared with the extractor of `transformers`."""

import pytest
import torch

from staanet.audio.whisper_mel import MIN_SAMPLES, whisper_mel
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded


def clip(samples, loudness=0.5):
    with seeded("clip"):
        envelope = torch.linspace(0, 1, samples) ** 4  # a wide dynamic range, so that quiet cells are raised
        return loudness * (2 * torch.rand(samples) - 1) * envelope


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize(("samples", "loudness"), [(16_000, 0.5), (3_333, 1e-4), (400, 1.0), (401, 0.0)])
def test_equals_the_extractor_at_the_clips_own_length(samples, loudness, bands):
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=bands)
    waveform = clip(samples, loudness)
    expected = torch.from_numpy(extractor._np_extract_fbank_features(waveform[None].numpy(), "cpu"))
    found = whisper_mel(waveform[None], bands)
    assert found.shape == (1, bands, samples // 160)
    torch.testing.assert_close(found, expected.float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", [16_000, 3_333])
def test_equals_the_extractor_for_clips_padded_to_30_s(samples):
    from transformers import WhisperFeatureExtractor

    waveform = clip(samples)
    expected = WhisperFeatureExtractor()(waveform.numpy(), sampling_rate=16_000, return_tensors="pt").input_features
    padded = torch.nn.functional.pad(waveform[None], (0, 480_000 - samples))
    torch.testing.assert_close(whisper_mel(padded), expected, atol=1e-4, rtol=0)


def test_the_dynamic_range_is_limited_clip_by_clip():
    loud, quiet = clip(4_000, 1.0), clip(4_000, 1e-5)
    together = whisper_mel(torch.stack([loud, quiet]))
    torch.testing.assert_close(together[1:], whisper_mel(quiet[None]))
    assert float(together[0].amax() - together[0].amin()) == pytest.approx(2.0, abs=1e-5)


def test_silence_has_finite_gradients():
    silence = torch.zeros(1, 1_000, requires_grad=True)
    (gradient,) = torch.autograd.grad(whisper_mel(silence).sum(), silence)
    assert torch.isfinite(gradient).all()


def test_the_gradient_is_the_slope():
    waveform = clip(1_600).double()[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda value: whisper_mel(value)[:, ::20, ::3], (waveform,), fast_mode=True)


def test_clips_that_are_too_short_are_refused():
    assert whisper_mel(torch.zeros(1, MIN_SAMPLES)).shape == (1, 80, 2)
    with pytest.raises(StaanetError, match="320 samples or more, got 319"):
        whisper_mel(torch.zeros(1, MIN_SAMPLES - 1))
