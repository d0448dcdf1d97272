"""Contract tests of all registered models."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.audio.lengths import standardise
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import MODELS, HasFeatures, HuggingFace, create_model
from tiny import TINY_MODELS, hugging_face

pytestmark = pytest.mark.filterwarnings("ignore:.*expected a head for:staanet.core.errors.StaanetWarning")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build a model for clips of 0.06 s, or one from a tiny Hugging Face checkpoint for clips of any length."""

    def build(name, **settings):
        if not issubclass(MODELS[name], HuggingFace):
            return create_model(name, **{"seconds": 0.06, **TINY_MODELS.get(name, {}), **settings})
        family = "wav2vec2" if name == "hugging_face" else name
        folder = tmp_path_factory.getbasetemp() / family
        if not folder.is_dir():
            hugging_face(folder, family)
        return create_model(name, checkpoint=str(folder), **settings)

    return build


@pytest.fixture(params=MODELS)
def model(request, built):
    with seeded("victim"):
        return built(request.param, labels=["a", "b", "c"]).eval()


def test_maps_waveforms_to_logits(model, clips):
    waveforms, lengths, _ = clips
    assert model(waveforms, lengths).shape == (3, 3)
    assert model.labels == ("a", "b", "c")
    assert model.sample_rate == 16_000


@torch.no_grad()
def test_batch_order_and_padding_change_nothing(model, clips):
    waveforms, lengths, _ = clips
    together = model(waveforms, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = model(waveforms[row : row + 1, :length])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-4)
    padded = functional.pad(waveforms, (0, 5000))
    torch.testing.assert_close(model(padded, lengths), together, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_representations_do_not_depend_on_the_batch(model, clips):
    waveforms, lengths, _ = clips
    together = model.represent(waveforms, lengths)
    assert together.ndim == 2
    assert len(together) == 3
    for row, length in enumerate(lengths.tolist()):
        alone = model.represent(waveforms[row : row + 1, :length])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-4)
    if not isinstance(model, HuggingFace):  # whose head has more than one layer
        linear = next(part for part in reversed(list(model.modules())) if isinstance(part, nn.Linear))
        torch.testing.assert_close(linear(together), model(waveforms, lengths), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_loudness_and_offset_change_nothing(model, clips):
    if isinstance(model, HasFeatures):
        pytest.skip("its logits depend on the level of a clip, as published")
    waveforms, lengths, _ = clips
    full = waveforms[:1]
    torch.testing.assert_close(model(full * 0.25 + 0.1, lengths[:1]), model(full, lengths[:1]), atol=1e-3, rtol=1e-3)


def test_silence_gives_finite_logits_and_gradients(model):
    silence = torch.zeros(1, 1000, requires_grad=True)
    logits = model(silence)
    (gradient,) = torch.autograd.grad(logits.sum(), silence)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(gradient).all()


def test_the_gradient_reaches_the_files_own_samples(model, clips):
    waveforms, lengths, _ = clips
    waveforms = waveforms.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(waveforms, lengths)[:, 0].sum(), waveforms)
    for row, length in zip(gradient, lengths.tolist(), strict=True):
        assert (row[:length] != 0).float().mean() > 0.5
        assert (row[length:] == 0).all()


def test_the_gradient_is_the_slope(model, clips):
    waveform = clips[0][:1].double().requires_grad_()
    model = model.double()
    direction = torch.sign(torch.sin(torch.arange(900.0).double()))[None]
    (gradient,) = torch.autograd.grad(model(waveform)[0, 0], waveform)
    step = 1e-7
    with torch.no_grad():
        slope = (model(waveform + step * direction) - model(waveform - step * direction))[0, 0] / (2 * step)
    torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-6)


def test_a_gradient_leaves_eval_mode_as_it_was(model, clips):
    waveforms = clips[0].clone().requires_grad_()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = torch.autograd.grad(model(waveforms).sum(), waveforms)[0]
    assert not any(part.training for part in model.modules())
    assert torch.equal(first, torch.autograd.grad(model(waveforms).sum(), waveforms)[0])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_same_seed_same_weights(built):
    for name in MODELS:
        states = []
        for _ in range(2):
            with seeded("weights"):
                states.append(built(name, labels="ab", seconds=0.1).state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["a"]}, "two or more different labels"),
        ({"labels": ["a", "a"]}, "two or more different labels"),
        ({"labels": "ab", "seconds": 1e-5}, "trained length"),
        ({"labels": "ab", "second": 3}, "did you mean 'seconds'"),
    ],
)
@pytest.mark.parametrize("name", MODELS)
def test_invalid_settings_raise(built, name, settings, message):
    with pytest.raises(StaanetError, match=message):
        built(name, **settings)


def test_an_exportable_model_only_standardises_and_classifies(model, clips):
    if not model.exportable:
        pytest.skip("prepares clips in its own way")
    waveforms, lengths, _ = clips
    fitted, _ = model.fit_length(waveforms, lengths)
    torch.testing.assert_close(model.classify(standardise(fitted)), model(waveforms, lengths))


def test_features_are_classified_as_their_clips(model, clips):
    if not isinstance(model, HasFeatures):
        pytest.skip("has no features")
    waveforms, lengths, _ = clips
    features = model.features(waveforms, lengths)
    assert features.shape == (3, math.prod(model.grid))
    torch.testing.assert_close(model.decide(features), model(waveforms, lengths))
    assert model.feature_bounds.shape == (2,)
