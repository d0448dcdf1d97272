"""The features of a frozen encoder: computed once per clip, kept next to the dataset, and the same as without."""

import shutil

import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.data import Dataset
from staanet.defences import AdversarialTraining
from staanet.models import create_model
from staanet.training import frozen
from staanet.training.augmentation import Augmentation
from staanet.training.classifier import train_model
from staanet.training.frozen import FrozenFeatures
from staanet.training.settings import MODEL_PRESETS, ModelTraining, ProbeTraining, model_training
from tiny import WHISPER

CPU = torch.device("cpu")
SETTINGS = ProbeTraining(epochs=2, batch_size=8)


@pytest.fixture
def own(dataset, tmp_path):
    """A copy of the dataset, to which features may be written."""
    shutil.copytree(dataset.folder, tmp_path / "dataset", ignore=shutil.ignore_patterns(frozen.FOLDER))
    return Dataset(tmp_path / "dataset")


def whisper(dataset, **settings):
    with seeded("weights"):
        return create_model("whisper", dataset.labels, architecture=WHISPER, **{"frozen": True, **settings})


def trained(model, dataset, split, tmp_path, settings=SETTINGS, **more):
    train_model(model, dataset, split.train, split.val, settings, tmp_path / "progress", 0, CPU, **more)
    (tmp_path / "progress").unlink()
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture
def encoded(monkeypatch):
    """The number of clips that passed an encoder, as the only item of a list."""
    count = [0]
    features = frozen.HasEncoder.__subclasses__()[0].features

    def counted(self, waveforms, lengths=None):
        count[0] += len(waveforms)
        return features(self, waveforms, lengths)

    monkeypatch.setattr(frozen.HasEncoder.__subclasses__()[0], "features", counted)
    return count


def test_each_clip_is_encoded_once_and_trained_weights_stay_the_same(own, split, tmp_path, encoded):
    first = trained(whisper(own), own, split, tmp_path)
    clips = len(split.train) + len(split.val)
    assert encoded == [clips]
    again = trained(whisper(own), own, split, tmp_path)
    assert encoded == [clips]
    assert equal(first, again)
    shutil.rmtree(own.folder / frozen.FOLDER)
    assert equal(first, trained(whisper(own), own, split, tmp_path))
    assert encoded == [2 * clips]


def test_an_interrupted_computation_keeps_complete_files(own, split, encoded, monkeypatch):
    monkeypatch.setattr(frozen, "SHARD", 4)
    clips, model = [*split.train, *split.val][:10], whisper(own)
    whole = FrozenFeatures(model, own, CPU).of(clips)
    assert encoded == [10]
    first, *_ = sorted(FrozenFeatures(model, own, CPU).folder.iterdir())
    lost = len(frozen.load_tensors(first))
    first.unlink()
    assert torch.equal(FrozenFeatures(model, own, CPU).of(clips), whole)
    assert encoded == [10 + lost]


def test_a_damaged_file_is_named(own, split):
    model = whisper(own)
    features = FrozenFeatures(model, own, CPU)
    features.of(split.train[:2])
    (path,) = features.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StaanetError, match="expected safetensors, got a damaged file"):
        FrozenFeatures(model, own, CPU)


def test_features_are_those_of_the_clips_in_a_batch(own, split):
    model, batch = whisper(own), own.batch(split.val[:5])
    kept = FrozenFeatures(model, own, CPU).of(split.val[:5])
    torch.testing.assert_close(model.decide(kept), model(batch.waveforms, batch.lengths), atol=1e-4, rtol=1e-4)


def test_other_encoders_and_lengths_have_other_files(own):
    with seeded("other weights"):
        other = create_model("whisper", own.labels, architecture=WHISPER, frozen=True)
    models = (whisper(own), other, whisper(own, seconds=0.5), whisper(own, layers=1))
    assert len({FrozenFeatures(model, own, CPU).folder for model in models}) == 4


def test_labels_do_not_matter(own):
    fewer = own.only(own.labels[:2])
    assert FrozenFeatures(whisper(own), own, CPU).folder == FrozenFeatures(whisper(fewer), fewer, CPU).folder


def test_nothing_is_written_to_a_dataset_that_is_read_only(own, split, tmp_path, monkeypatch):
    monkeypatch.setattr(frozen.os, "access", lambda *_: False)
    trained(whisper(own), own, split, tmp_path)
    assert not (own.folder / frozen.FOLDER).exists()


def test_only_the_head_is_trained(own, split, tmp_path):
    before = whisper(own).state_dict()
    after = trained(whisper(own), own, split, tmp_path)
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {
        *("head.centre", "head.scale", "head.layer_weights", "head.linear.weight", "head.linear.bias"),
    }


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        (ProbeTraining(epochs=1, batch_size=8, augmentation=Augmentation(noise=1.0)), {}),
        (ProbeTraining(epochs=1, batch_size=8, crop=0.2), {}),
        (
            ProbeTraining(epochs=1, batch_size=8),
            {"defence": AdversarialTraining(attack={"attack": "fgsm", "epsilon": 0.01})},
        ),
    ],
    ids=["augmentation", "crop", "defence"],
)
def test_changed_clips_are_encoded_anew_by_the_frozen_encoder(own, split, tmp_path, settings, more):
    before = whisper(own).encoder.state_dict()
    model = whisper(own)
    after = trained(model, own, split, tmp_path, settings, **more)
    assert not (own.folder / frozen.FOLDER).exists()
    assert all(torch.equal(value, before[name]) for name, value in model.encoder.state_dict().items())
    assert not torch.equal(after["head.linear.weight"], whisper(own).head.linear.weight)


def test_a_fine_tuned_encoder_changes(own, split, tmp_path):
    model = whisper(own, frozen=False)
    parts = (model.encoder.conv1, model.encoder.layers[0].fc1, model.encoder.layers[-1].fc1)
    before = [part.weight.clone() for part in parts]
    trained(model, own, split, tmp_path)
    assert not any(torch.equal(part.weight, old) for part, old in zip(parts, before, strict=True))
    assert not (own.folder / frozen.FOLDER).exists()


def test_training_on_features_resumes(own, split, tmp_path):
    whole = trained(whisper(own), own, split, tmp_path, ProbeTraining(epochs=3, batch_size=8, schedule="constant"))
    args = (own, split.train, split.val)
    for epochs in (1, 3):
        model = whisper(own)
        settings = ProbeTraining(epochs=epochs, batch_size=8, schedule="constant")
        train_model(model, *args, settings, tmp_path / "progress", 0, CPU)
    assert equal(whole, model.state_dict())


def test_no_validation_clips_are_needed(own, split, tmp_path):
    model = whisper(own)
    (figures, _) = train_model(model, own, split.train, [], SETTINGS, tmp_path / "progress", 0, CPU)
    assert set(figures) == {"loss"}


def test_weight_decay_shrinks_the_head(own, split, tmp_path):
    settings = [ProbeTraining(epochs=10, batch_size=8, learning_rate=0.01, weight_decay=decay) for decay in (0.0, 10.0)]
    free, decayed = (trained(whisper(own), own, split, tmp_path, each)["head.linear.weight"] for each in settings)
    assert decayed.norm() < 0.5 * free.norm()
    with pytest.raises(StaanetError, match="weight_decay of 0 or more, got -1"):
        ProbeTraining(weight_decay=-1)


def test_probe_is_the_default_of_whisper():
    assert model_training("whisper", "default", "test") == MODEL_PRESETS["probe"]
    assert isinstance(model_training("whisper", "fine_tune", "test"), ModelTraining)


def test_the_head_uses_the_layers_that_speakers_held_out_within_the_training_clips_prefer(
    own, split, tmp_path, monkeypatch
):
    asked = []

    def chosen(features, labels, speakers, groups):
        asked.append((len(features), labels, speakers, groups))
        return 1

    monkeypatch.setattr("staanet.training.settings.first_layer", chosen)
    model = whisper(own)
    trained(model, own, split, tmp_path, ProbeTraining(epochs=1, batch_size=8, groups=3))
    labels = [own.label(clip) for clip in split.train]
    assert asked == [(len(split.train), labels, [own.utterances[clip].speaker for clip in split.train], 3)]
    batch = own.batch(split.val[:3])
    represented = model.represent(batch.waveforms, batch.lengths).reshape(3, 3, -1)
    assert not represented[:, 0].any()
    assert represented[:, 1:].all()
    augmented = ProbeTraining(epochs=1, batch_size=8, groups=3, augmentation=Augmentation(noise=1.0))
    trained(whisper(own), own, split, tmp_path, augmented)
    assert asked[1] == asked[0]
    trained(whisper(own, frozen=False), own, split, tmp_path, augmented)
    assert len(asked) == 2  # an encoder that is trained as well adapts its layers
