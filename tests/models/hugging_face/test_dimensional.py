"""Checkpoints whose outputs are emotional dimensions: heads for regression in two layouts."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from staanet.models import load_model
from tiny import hugging_face

NAMES = ("arousal", "dominance", "valence")


@pytest.fixture
def regression(tmp_path):
    """A checkpoint of a tiny wav2vec 2.0 with a head for regression."""
    folder = hugging_face(tmp_path / "regression", labels=NAMES)
    change(folder, problem_type="regression")
    return folder


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@torch.no_grad()
def test_a_regression_head_gives_shares_of_the_scale_with_gradients(regression, clips):
    from transformers import AutoModelForAudioClassification

    waveforms, lengths, _ = clips
    model = load_model(regression, dimensions=NAMES, scale=(1, 7))
    assert (model.dimensions, model.labels, model.access) == (NAMES, (), "gradient")
    network = AutoModelForAudioClassification.from_pretrained(regression).eval()
    clip = waveforms[:1, :900]
    normalised = (clip - clip.mean()) / torch.sqrt(clip.var(correction=0) + 1e-7)
    torch.testing.assert_close(model(waveforms, lengths)[:1], (network(normalised).logits - 1) / 6, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_layout_of_audeering_is_read(regression, clips):
    weights = load_file(regression / "model.safetensors")
    encoder = {name: tensor for name, tensor in weights.items() if name.startswith("wav2vec2.")}
    head = {
        "classifier.dense.weight": torch.randn(32, 32) / 6,
        "classifier.dense.bias": torch.randn(32),
        "classifier.out_proj.weight": torch.randn(3, 32) / 6,
        "classifier.out_proj.bias": torch.randn(3),
    }
    save_file({**encoder, **head}, regression / "model.safetensors", metadata={"format": "pt"})
    change(regression, architectures=["Wav2Vec2ForSpeechClassification"])
    waveforms, lengths, _ = clips
    model = load_model(regression, dimensions=NAMES)
    from transformers import AutoModel

    clip = waveforms[:1, :900]
    normalised = (clip - clip.mean()) / torch.sqrt(clip.var(correction=0) + 1e-7)
    pooled = AutoModel.from_pretrained(regression).eval()(normalised).last_hidden_state.mean(1)
    hidden = torch.tanh(pooled @ head["classifier.dense.weight"].T + head["classifier.dense.bias"])
    expected = hidden @ head["classifier.out_proj.weight"].T + head["classifier.out_proj.bias"]
    torch.testing.assert_close(model(waveforms, lengths)[:1], expected, atol=1e-5, rtol=0)


def test_other_names_or_another_order_are_refused(regression, error_of):
    message = error_of(load_model, regression, dimensions=("valence", "arousal", "dominance"))
    assert "in the order of its outputs (arousal, dominance, valence), got valence, arousal, dominance" in message


def test_a_head_for_regression_is_no_decision_and_the_message_says_how_to_load_it(regression, error_of):
    assert "load it by load_model with its dimensions = [arousal, dominance, valence]" in error_of(
        load_model, regression
    )


def test_labels_and_dimensions_exclude_each_other(regression, error_of):
    assert "drop one" in error_of(load_model, regression, dimensions=NAMES, labels=("a", "b", "c"))
