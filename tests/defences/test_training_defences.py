"""Training defences: adversarial training and distillation."""

import pytest
import torch
from torch.nn import functional

from staanet.attacks import create_attack
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.defences import AdversarialTraining, Distillation, create_defence
from staanet.models import FeatureView, create_model
from staanet.training.augmentation import Augmentation
from staanet.training.classifier import train_model
from staanet.training.settings import ModelTraining, SystematicTraining

CPU = torch.device("cpu")
SPECTROGRAM = {"bands": 32, "n_fft": 256, "hop": 90, "decibels": "published"}
PLAIN = ModelTraining(epochs=4, batch_size=8, label_smoothing=0.0, augmentation=Augmentation(), schedule="constant")


def built(dataset, name="emo18", **settings):
    with seeded("weights"):
        return create_model(name, dataset.labels, seconds=0.4, **settings)


def trained(dataset, split, progress, training=PLAIN, model=None, **how):
    model = model or built(dataset)
    train_model(model, dataset, split.train, split.val, training, progress, 0, CPU, **how)
    return model


@pytest.fixture(scope="module")
def plain(dataset, split, tmp_path_factory):
    return trained(dataset, split, tmp_path_factory.mktemp("plain") / "model.progress")


def fooled(model, dataset, clips, **budget):
    batch = dataset.batch(clips)
    decided = model(batch.waveforms, batch.lengths).argmax(1)
    attacked = create_attack("fgsm", sparsity=1.0, **budget)(model, batch.waveforms, decided, batch.lengths)
    return float((model(attacked, batch.lengths).argmax(1) != decided).float().mean())


def assert_same(model, other):
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


def test_adversarial_training_starts_from_the_base_model(dataset, plain):
    learner = built(dataset)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.zero_()
    AdversarialTraining().begin(learner, plain)
    assert_same(learner, plain)


def test_an_adversarially_trained_model_is_fooled_less(dataset, split, plain, tmp_path):
    defence = AdversarialTraining(attack={"attack": "fgsm", "snr_db": 30.0, "sparsity": 1.0})
    defended = trained(
        dataset,
        split,
        tmp_path / "model.progress",
        defence=defence,
        base_model=plain,
        training=ModelTraining(
            epochs=8, batch_size=8, label_smoothing=0.0, augmentation=Augmentation(), schedule="constant"
        ),
    )
    clips = [*split.train, *split.test]
    assert fooled(defended, dataset, clips, snr_db=30.0) < fooled(plain, dataset, clips, snr_db=30.0) - 0.1


def test_a_share_of_the_batch_is_attacked(dataset, monkeypatch):
    """The loss is that of a batch of which FGSM attacked the share `ratio`."""
    model = built(dataset).eval()
    clips = list(dataset.utterances)[:5]
    batch = dataset.batch(clips)
    waveforms, lengths = batch.waveforms[:, :6400].contiguous(), torch.full((5,), 6400)
    monkeypatch.setattr(torch, "randperm", lambda n: torch.arange(n))
    defence = AdversarialTraining(ratio=0.5, attack={"attack": "fgsm", "epsilon": 0.01, "sparsity": 1.0})
    loss = defence.loss(model, None, waveforms, lengths, batch.labels)
    attack = create_attack("fgsm", epsilon=0.01, sparsity=1.0)
    expected = waveforms.clone()
    expected[:3] = attack(model.forward_fitted, waveforms[:3], batch.labels[:3], lengths[:3])
    torch.testing.assert_close(loss, functional.cross_entropy(model.forward_fitted(expected, lengths), batch.labels))


def test_features_are_attacked_in_deviations(dataset):
    model = built(dataset, "cnn_lstm", width=8, spectrogram=SPECTROGRAM)
    clips = list(dataset.utterances)[:4]
    batch = dataset.batch(clips)
    model.fit_statistics([(batch.waveforms, batch.lengths)])
    model.eval()
    defence = create_defence("adversarial_training", preset="systematic_weak", ratio=1.0)
    loss = defence.loss(model, None, batch.waveforms, batch.lengths, batch.labels)
    features = model.features(batch.waveforms, batch.lengths)
    attacked = create_attack("fgsm", epsilon=0.25, sparsity=1.0)(FeatureView(model), features, batch.labels)
    assert float((attacked - features).abs().max()) == pytest.approx(0.25)
    torch.testing.assert_close(loss, functional.cross_entropy(model.decide(attacked), batch.labels))


def test_attacks_on_features_need_a_model_with_features(dataset):
    batch = dataset.batch(list(dataset.utterances)[:2])
    with pytest.raises(StaanetError, match=r"expected a model with features, such as cnn_lstm, .* got emo18"):
        create_defence("adversarial_training", preset="systematic").loss(
            built(dataset), None, batch.waveforms, batch.lengths, batch.labels
        )


def test_distillation_learns_the_soft_labels_of_its_teacher(dataset, plain):
    batch = dataset.batch(list(dataset.utterances)[:4])
    student, lengths = built(dataset).eval(), batch.lengths
    fitted = student.fit_length(batch.waveforms, lengths)
    loss = Distillation(temperature=5.0).loss(student, plain, *fitted, batch.labels)
    soft = (plain(batch.waveforms, lengths) / 5).softmax(1)
    expected = -(soft * (student(batch.waveforms, lengths) / 5).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, expected)
    alone = Distillation(temperature=5.0).loss(student, None, *fitted, batch.labels)
    torch.testing.assert_close(alone, functional.cross_entropy(student(batch.waveforms, lengths) / 5, batch.labels))


def test_label_smoothing_applies_with_a_defence(dataset, split, tmp_path):
    """Distillation without a teacher at temperature 1 is plain training."""
    one = {"epochs": 1, "batch_size": 8, "augmentation": Augmentation(), "schedule": "constant"}
    smooth, sharp = (ModelTraining(label_smoothing=share, **one) for share in (0.5, 0.0))
    defence = Distillation(temperature=1.0)
    expected = trained(dataset, split, tmp_path / "plain.progress", smooth)
    assert_same(trained(dataset, split, tmp_path / "smooth.progress", smooth, defence=defence), expected)
    other = trained(dataset, split, tmp_path / "sharp.progress", sharp, defence=defence).state_dict()
    assert any(not torch.equal(value, other[name]) for name, value in expected.state_dict().items())


def test_an_interrupted_defence_ends_with_the_same_bits(dataset, split, plain, tmp_path):
    defence = AdversarialTraining()
    two = ModelTraining(epochs=2, batch_size=8, schedule="constant", keep="last", augmentation=Augmentation())
    whole = trained(dataset, split, tmp_path / "whole.progress", two, defence=defence, base_model=plain)
    one = ModelTraining(epochs=1, batch_size=8, schedule="constant", keep="last", augmentation=Augmentation())
    trained(dataset, split, tmp_path / "again.progress", one, defence=defence, base_model=plain)
    again = trained(dataset, split, tmp_path / "again.progress", two, defence=defence, base_model=plain)
    assert_same(whole, again)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("adversarial_training", {"ratio": 0.0}, r"ratio in \(0, 1\]"),
        ("adversarial_training", {"attack": {"epsilon": 0.1}}, "expected the name of an attack"),
        ("adversarial_training", {"attack": {"attack": "fgms"}}, "did you mean 'fgsm'"),
        ("adversarial_training", {"attack": {"attack": "fgsm", "step": 1}}, "got 'step'"),
        ("adversarial_training", {"domain": "mel"}, "domain"),
        ("distillation", {"temperature": 0.0}, "temperature above 0"),
    ],
)
def test_invalid_settings_raise(name, settings, message):
    with pytest.raises(StaanetError, match=message):
        create_defence(name, **settings)


def test_the_published_defence_is_a_preset():
    strong, weak = (create_defence("adversarial_training", preset=f"systematic{end}") for end in ("", "_weak"))
    assert (strong.ratio, strong.domain, strong.build().budget.epsilon) == (0.6, "feature", 1.25)
    assert weak.build().budget.epsilon == 0.25
    from staanet.training.settings import MODEL_PRESETS

    training = MODEL_PRESETS["systematic_defended"]
    assert isinstance(training, SystematicTraining)
    assert (training.epochs, training.batch_size, training.learning_rate) == (30, 128, 1e-4)
