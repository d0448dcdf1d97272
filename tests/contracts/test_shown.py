"""What a session shows of datasets, splits, outcomes and every model is one short line, and a table in a notebook."""

import pytest
import torch

import staanet
from staanet.core.notebook import Shown
from staanet.corpora import Synthetic
from staanet.data import prepare
from staanet.data.splits import by_speaker
from staanet.models import MODELS, External
from staanet.models.external import ExternalSettings
from staanet.models.wrappers import DefendedView, LabelView, ResampledView
from tiny import TINY

LABELS = ("anger", "joy", "neutral")


def unchanged(waveforms, lengths, rate):
    del lengths, rate
    return waveforms


def short(shown):
    assert isinstance(shown, Shown)
    line = repr(shown)
    assert len(line) < 400
    assert "\n" not in line
    assert shown._repr_html_().startswith("<table>")
    return line


@pytest.mark.parametrize("name", ["zhao19", "emo18", "cnn_lstm"])
def test_a_model_is_shown_by_labels_rate_and_size(name):
    assert name in MODELS
    model = staanet.create_model(name, LABELS, seconds=1.0, **TINY.get(name, {}))
    line = short(model)
    weights = sum(weight.numel() for weight in model.parameters())
    assert f"<Model {name}: labels anger, joy, neutral; rate 16000 Hz; length 1 s; parameters {weights:,};" in line
    assert "labels anger, joy; " in short(LabelView(model, LABELS[:2]))
    assert "rate 8000 Hz" in short(ResampledView(model, 8000))
    assert f"parameters {weights:,}" in short(DefendedView(model, unchanged))


def test_a_model_from_elsewhere_of_many_labels_is_one_short_line():
    labels = tuple(f"a rather long name of an emotion {number}" for number in range(50))
    model = External(lambda clips: clips[:, :50].repeat(1, 1), ExternalSettings(labels=labels), "theirs")
    assert "and 42 more" in short(model) or "..." in short(model)
    assert "length any" in short(model)


def test_a_dataset_and_its_split_are_shown_by_their_sizes(tmp_path):
    dataset = prepare(Synthetic(speakers=6, sentences=1, seconds=(0.5, 0.6)), tmp_path, tmp_path / "dataset")
    line = short(dataset)
    assert line.startswith("<Dataset synthetic: clips 24; speakers 6; minutes 0.3; rate 16000 Hz; emotions anger")
    split = by_speaker(list(dataset.utterances.values()))
    sizes = "; ".join(f"{name} {len(getattr(split, name))} clips" for name in ("train", "val", "test"))
    assert f": {sizes}; by speaker>" in short(split)


def test_an_outcome_is_shown_by_its_counts():
    clips = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.5, 0.0]]).repeat(100, 1)
    adversarial = clips.flip(1)
    labels = torch.zeros(300, dtype=torch.int64)
    outcome = staanet.observe(lambda waveforms: waveforms * 2 - 0.3, clips, adversarial, labels)
    assert short(outcome) == "<Outcome: clips 300; correct 200; robust 0; fooled 300>"
