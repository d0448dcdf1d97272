"""The numbers of every front end are those of its feature extractor."""

import itertools

import numpy as np
import pytest
import torch
import transformers

from staanet.core.seeds import seeded
from staanet.models.hugging_face.front_ends import FRONT_ENDS, front_end_of
from staanet.models.hugging_face.front_ends.kaldi import _constants
from staanet.models.hugging_face.front_ends.seamless import _sum

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter:UserWarning")

ARCHITECTURES = {
    "ASTFeatureExtractor": {"model_type": "audio-spectrogram-transformer", "num_mel_bins": 128, "max_length": 1024},
    "SeamlessM4TFeatureExtractor": {"model_type": "wav2vec2-bert", "feature_projection_input_dim": 160},
    "Wav2Vec2FeatureExtractor": {"model_type": "wavlm", "conv_stride": [5, 2]},
    "WhisperFeatureExtractor": {"model_type": "whisper", "num_mel_bins": 80, "max_source_positions": 1500},
}

CASES = [
    ("ASTFeatureExtractor", {}, {}),
    ("ASTFeatureExtractor", {"do_normalize": False, "mean": 1.0}, {}),
    ("ASTFeatureExtractor", {"num_mel_bins": 40, "max_length": 98}, {"num_mel_bins": 40, "max_length": 98}),
    ("ASTFeatureExtractor", {"sampling_rate": 22_050, "std": 2}, {}),
    ("SeamlessM4TFeatureExtractor", {}, {}),
    ("SeamlessM4TFeatureExtractor", {"padding_value": 1, "return_attention_mask": False}, {}),
    ("SeamlessM4TFeatureExtractor", {"stride": 3, "sampling_rate": 8_000}, {"feature_projection_input_dim": 240}),
    ("Wav2Vec2FeatureExtractor", {}, {}),
    ("Wav2Vec2FeatureExtractor", {"do_normalize": False}, {}),
    ("WhisperFeatureExtractor", {}, {}),
    (
        "WhisperFeatureExtractor",
        {"feature_size": 128, "chunk_length": 2},
        {"num_mel_bins": 128, "max_source_positions": 100},
    ),
]


LENGTHS = (880, 5_041, 33_333)
SOUNDS = ("loud", "quiet", "tone", "silent", "sudden", "mixed")


def sound(kind, samples):
    """Return a clip `[1, T]`: noise, a tone whose frames are all equal, silence, or several of them."""
    time = torch.arange(samples, dtype=torch.float32)
    with seeded("clip", samples):
        noise = torch.randn(1, samples).clamp(-3, 3) / 3
    tone = 0.5 * torch.sin(2 * torch.pi * time / 16)[None]
    known = {"loud": noise, "quiet": noise * 1e-4, "tone": tone, "silent": torch.zeros(1, samples)}
    return {**known, "sudden": noise * (time > samples // 2), "mixed": tone + noise * 1e-3}[kind]


def test_every_front_end_is_tested():
    assert {name for name, *_ in CASES} == set(FRONT_ENDS) == set(ARCHITECTURES)


@pytest.mark.parametrize(("name", "settings", "sizes"), CASES, ids=str)
def test_inputs_are_those_of_the_extractor_within_1e_4(name, settings, sizes):
    extractor = getattr(transformers, name)(**settings)
    architecture = {**ARCHITECTURES[name], **sizes}
    front_end = front_end_of(architecture).read(extractor, architecture, "")
    assert front_end.name == name
    for samples, kind in itertools.product(LENGTHS, SOUNDS):
        waveform = sound(kind, samples)
        expected = extractor(waveform[0].numpy(), sampling_rate=extractor.sampling_rate, return_tensors="pt")
        found = front_end(waveform)
        assert set(found) == set(expected)
        for key, value in found.items():
            assert value.dtype == (torch.int64 if key == "attention_mask" else torch.float32)
            torch.testing.assert_close(value, expected[key].to(value.dtype), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_are_finite_also_for_silence(name):
    front_end = front_end_of(ARCHITECTURES[name]).build({}, 16_000, None, ARCHITECTURES[name], "")
    for kind in SOUNDS:
        waveform = sound(kind, 5_041).requires_grad_()
        cells = next(iter(front_end(waveform).values()))
        (gradient,) = torch.autograd.grad(cells.square().sum(), waveform)
        assert gradient.isfinite().all(), kind


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_are_computed_after_a_call_in_inference_mode(name):
    _constants.cache_clear()
    front_end = front_end_of(ARCHITECTURES[name]).build({}, 16_000, None, ARCHITECTURES[name], "")
    with torch.inference_mode():
        front_end(sound("loud", 5_041))
    waveform = sound("loud", 5_041).requires_grad_()
    next(iter(front_end(waveform).values())).square().sum().backward()
    assert waveform.grad.abs().max() > 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_gradient_is_the_slope(name):
    front_end = front_end_of(ARCHITECTURES[name]).build({}, 16_000, None, ARCHITECTURES[name], "")
    waveform = sound("loud", 5_041).requires_grad_()
    with seeded("direction"):
        direction = torch.randn_like(waveform)
        weights = torch.randn_like(next(iter(front_end(waveform).values())))

    def weighted(step):
        return (next(iter(front_end(waveform + step * direction).values())) * weights).double().sum()

    (gradient,) = torch.autograd.grad(weighted(0), waveform)
    slope = (weighted(1e-4) - weighted(-1e-4)) / 2e-4
    torch.testing.assert_close((gradient * direction).sum().double(), slope, rtol=0.02, atol=0.1)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 127, 128, 129, 300, 2998])
def test_sums_of_bands_are_numpys_bit_for_bit(count):
    with seeded("cells", count):
        cells = torch.randn(40, count) * 3 - 10
    assert np.array_equal(_sum(cells).numpy(), cells.numpy().T.sum(0))
