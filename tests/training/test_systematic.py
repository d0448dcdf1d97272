"""How the CNN-LSTM is trained: presets, dropout, statistics, plateaus and patience."""

import math
import random

import pytest
import torch
from torch import nn

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.core.signature import signature
from staanet.models import create_model
from staanet.training import classifier
from staanet.training.classifier import train_model
from staanet.training.settings import MODEL_PRESETS, ModelTraining, SystematicTraining, model_training, stalls

CPU = torch.device("cpu")
SPECTROGRAM = {"bands": 32, "n_fft": 256, "hop": 90, "decibels": "published"}


def untrained(dataset):
    with seeded("victim"):
        return create_model("cnn_lstm", dataset.labels, seconds=0.5, width=8, spectrogram=SPECTROGRAM)


def trained(dataset, split, progress, **settings):
    model = untrained(dataset)
    training = SystematicTraining(**{"epochs": 3, "batch_size": 8, **settings})
    return model, train_model(model, dataset, split.train, split.val, training, progress, 0, CPU)


# ------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("corpus", "dropout", "learning_rate", "batch_size"),
    [("emodb", (0.3, 0.2), 1e-3, 32), ("emovo", (0.3, 0.0), 1e-4, 8), ("ravdess", (0.6, 0.2), 1e-3, 128)],
)
def test_the_papers_settings(corpus, dropout, learning_rate, batch_size):
    preset = MODEL_PRESETS[f"systematic_{corpus}"]
    assert (preset.dropout, preset.learning_rate, preset.batch_size) == (dropout, learning_rate, batch_size)
    assert (preset.epochs, preset.patience, preset.schedule, preset.keep) == (100, 10, "plateau", "best")
    assert preset.label_smoothing == preset.augmentation.noise == 0


def test_the_signatures_of_other_presets_are_stable():
    assert [signature(MODEL_PRESETS[name]) for name in ("default", "paper")] == ["016f1cfb2b", "dfa91814e0"]


def test_a_preset_brings_its_own_keys():
    assert model_training("cnn_lstm", "default", "") == MODEL_PRESETS["systematic_emodb"]
    changed = model_training("cnn_lstm", {"preset": "systematic_emovo", "patience": 3, "dropout": [0.1, 0.1]}, "")
    assert (changed.patience, changed.dropout, changed.batch_size) == (3, (0.1, 0.1), 8)
    for values in ({"patience": 3}, {"preset": "paper", "patience": 3}):
        with pytest.raises(StaanetError, match="got 'patience'"):
            model_training("emo18", values, "model")
    with pytest.raises(StaanetError, match=r"expected a preset from .*systematic_emodb.*; got 'systematic'"):
        model_training("cnn_lstm", "systematic", "model")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 0}, "patience of 1 epoch or more"),
        ({"dropout": (1.0, 0.0)}, "shares in"),
        ({"dropout": (-0.1, 0.0)}, "shares in"),
        ({"epochs": 0}, "epochs above 0"),
    ],
)
def test_invalid_settings_raise(settings, message):
    with pytest.raises(StaanetError, match=message):
        SystematicTraining(**settings)


# ------------------------------------------------------------------ plateaus and patience


def history(losses):
    return [{"val_loss": loss} if math.isfinite(loss) else {} for loss in losses]


@pytest.mark.parametrize("seed", range(20))
def test_the_rate_falls_when_torchs_own_schedule_says_so(seed):
    draw = random.Random(seed)
    losses = [draw.choice([1.0, 0.5, 0.49995, 0.4, 0.3999]) * 0.99 ** draw.randrange(3) for _ in range(60)]
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.1, patience=5, threshold=1e-4, threshold_mode="abs", eps=0
    )  # it lowers the rate after more epochs than `patience`, Keras after as many
    for epoch, loss in enumerate(losses):
        rate = SystematicTraining().rate(history(losses[:epoch]))
        assert rate == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        theirs.step(loss)
    assert stalls(losses) >= 5


@pytest.mark.parametrize(
    ("losses", "ended"),
    [([], False), ([1, 0.5, 0.6, 0.7], False), ([1, 0.5, 0.6, 0.7, 0.5], True), ([math.inf] * 3, False)],
)
def test_training_ends_when_the_lowest_loss_lies_far_enough_back(losses, ended):
    assert SystematicTraining(patience=3).ended(history(losses)) == ended
    assert not ModelTraining().ended(history(losses))


def test_the_rates_of_other_schedules():
    assert ModelTraining(schedule="constant").rate(history([1.0] * 50)) == 1e-3
    cosine = ModelTraining(epochs=10)
    assert [cosine.rate(history([1.0] * n)) for n in (0, 5, 10)] == pytest.approx([1e-3, 5e-4, 0])


# ------------------------------------------------------------------ training


def with_losses(monkeypatch, losses):
    """Replace the validation losses by given ones."""
    found = iter(losses)

    def cross_entropy(logits, labels, **settings):
        if logits.requires_grad:
            return CROSS_ENTROPY(logits, labels, **settings)
        try:
            return torch.tensor(next(found))
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(classifier.functional, "cross_entropy", cross_entropy)


CROSS_ENTROPY = classifier.functional.cross_entropy


def test_a_small_model_learns_its_training_clips(dataset, split, tmp_path):
    model = untrained(dataset)
    training = SystematicTraining(epochs=40, batch_size=8, learning_rate=3e-3, dropout=(0.0, 0.0), patience=40)
    figures = train_model(model, dataset, split.train, split.train, training, tmp_path / "progress", 0, CPU)
    assert figures[-1]["val_loss"] < figures[0]["val_loss"] / 2
    assert max(epoch["accuracy"] for epoch in figures) > 0.75
    assert not model.training


def test_dropout_is_the_settings(dataset, split, tmp_path):
    model, _ = trained(dataset, split, tmp_path / "progress", epochs=1, dropout=(0.5, 0.25))
    assert [part.p for part in model.modules() if isinstance(part, nn.Dropout)] == [0.5, 0.25]
    with pytest.raises(StaanetError, match=r"each dropout layer of cnn_lstm, which has 2, got \[0.5\]"):
        trained(dataset, split, tmp_path / "other", dropout=(0.5,))


@pytest.mark.parametrize("statistics", ["train", "all"])
def test_statistics_are_of_training_clips_or_of_all(dataset, split, tmp_path, statistics):
    model, _ = trained(dataset, split, tmp_path / "progress", epochs=1, statistics=statistics)
    clips = dataset.batch(split.train if statistics == "train" else list(dataset.utterances))
    expected = untrained(dataset)
    expected.fit_statistics([(clips.waveforms, clips.lengths)])
    for name in ("mean", "deviation", "feature_bounds"):
        torch.testing.assert_close(getattr(model, name), getattr(expected, name), rtol=1e-4, atol=1e-4)
    other = dataset.batch(split.test)
    expected.fit_statistics([(other.waveforms, other.lengths)])
    assert not torch.allclose(model.mean, expected.mean, rtol=1e-4, atol=1e-4)


def test_the_epoch_of_the_lowest_loss_stays_and_patience_ends_it(dataset, split, tmp_path, monkeypatch):
    with_losses(monkeypatch, [0.9, 0.3, 0.5, 0.4, 0.2])
    model, figures = trained(dataset, split, tmp_path / "progress", epochs=9, patience=2)
    assert [epoch["val_loss"] for epoch in figures] == pytest.approx([0.9, 0.3, 0.5, 0.4])
    with_losses(monkeypatch, [0.9, 0.3])
    second, _ = trained(dataset, split, tmp_path / "second", epochs=2)
    assert all(torch.equal(weights, second.state_dict()[name]) for name, weights in model.state_dict().items())


@pytest.mark.parametrize("stop_after", [1, 9])
def test_an_interrupted_training_ends_with_the_same_bits(dataset, split, tmp_path, monkeypatch, stop_after):
    losses = [0.9, 0.3, *[0.5] * 6, 0.29, *[0.5] * 7]  # a plateau after the eighth epoch, the end after the sixteenth
    settings = {"epochs": 20, "patience": 7, "statistics": "all"}
    with_losses(monkeypatch, losses)
    whole, figures = trained(dataset, split, tmp_path / "whole", **settings)
    with_losses(monkeypatch, losses[:stop_after])
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, split, tmp_path / "progress", **settings)
    with_losses(monkeypatch, losses[stop_after:])
    resumed, again = trained(dataset, split, tmp_path / "progress", **settings)
    assert again == figures
    assert len(figures) == len(losses)
    assert all(torch.equal(weights, resumed.state_dict()[name]) for name, weights in whole.state_dict().items())


def test_the_epoch_that_is_kept_is_the_one_whose_weights_are_loaded():
    history = [{"val_loss": 1.8, "uar": 0.2}, {"val_loss": 1.8, "uar": 0.1}, {"val_loss": 2.1, "uar": 0.3}]
    assert SystematicTraining().kept(history) == 2
    assert SystematicTraining(keep="last").kept(history) == 3
    assert ModelTraining().kept(history) == 3
    assert ModelTraining().kept(history[:2]) == 1
