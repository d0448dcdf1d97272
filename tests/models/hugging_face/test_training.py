import numpy as np
import pytest
import torch

from staanet.core import checkpoints
from staanet.core.seeds import seeded
from staanet.data import by_speaker
from staanet.models import MODELS, create_model, load_model, settings_of
from staanet.training.classifier import train_model
from staanet.training.settings import MODEL_PRESETS, ModelTraining, model_training
from tiny import TRANSFORMER, hugging_face

CPU = torch.device("cpu")


def test_fine_tuning_is_the_papers_and_the_default():
    tuned = MODEL_PRESETS["fine_tune"]
    assert (tuned.epochs, tuned.batch_size, tuned.learning_rate) == (20, 8, 3e-5)
    assert (tuned.schedule, tuned.keep, tuned.augmentation.noise) == ("constant", "last", 0.0)
    for name in ("hugging_face", "wav2vec2", "wavlm", "hubert"):
        assert model_training(name, "default", "") == tuned
    assert model_training("emo18", "default", "") == ModelTraining()


@pytest.mark.filterwarnings("ignore::staanet.core.errors.StaanetWarning")
@pytest.mark.parametrize(
    "changes", [{"precision": "bfloat16"}, {"crop": 0.4}, {"activation_checkpointing": True}], ids=str
)
def test_fine_tuning_leaves_the_feature_encoder_and_repeats_bit_for_bit(dataset, tmp_path, changes):
    folder = hugging_face(tmp_path / "coarse", conv_kernel=(40, 16), conv_stride=(20, 8))
    how = {key: value for key, value in changes.items() if key != "activation_checkpointing"}
    settings = model_training("hugging_face", {"epochs": 1, "learning_rate": 1e-3, **how}, "")
    split = by_speaker(list(dataset.utterances.values()))
    states = []
    for number in range(2):
        np.random.seed(number)  # noqa: NPY002
        with seeded("weights"):
            own = {"activation_checkpointing": True} if "activation_checkpointing" in changes else {}
            model = create_model("hugging_face", dataset.labels, checkpoint=str(folder), **own)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        history = train_model(model, dataset, split.train, split.val, settings, tmp_path / f"{number}.progress", 0, CPU)
        assert {"loss", "accuracy", "uar"} <= set(history[0])
        states.append(model.state_dict())
    changed = {name for name, value in states[0].items() if not torch.equal(value, before[name])}
    assert changed
    assert not [name for name in changed if ".feature_extractor." in name]
    assert {value.dtype for value in states[0].values()} == {torch.float32}
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert np.random.get_state()[1][0] == 1  # noqa: NPY002


@pytest.mark.parametrize("name", ["wav2vec2", "wavlm", "hubert"])
def test_an_architecture_alone_is_filled_in_and_all_of_it_is_trained(dataset, tmp_path, name):
    sizes = {**TRANSFORMER, "conv_kernel": (40, 16), "conv_stride": (20, 8)}
    settings = settings_of(name, dataset.labels, architecture=sizes)
    with seeded("weights"):
        model = MODELS[name](settings)
    own = model.settings
    assert (own.sample_rate, own.normalise, own.frozen, own.checkpoint) == (16_000, True, False, None)
    assert own.architecture["id2label"] == {str(number): label for number, label in enumerate(dataset.labels)}
    assert own.architecture["mask_time_length"] == 10
    before = {key: value.clone() for key, value in model.network.base_model.feature_extractor.named_parameters()}
    split = by_speaker(list(dataset.utterances.values()))
    how = model_training(name, {"preset": "scratch", "epochs": 1}, "")
    train_model(model, dataset, split.train, split.val, how, tmp_path / "x.progress", 0, CPU)
    after = dict(model.network.base_model.feature_extractor.named_parameters())
    assert not any(torch.equal(value, after[key]) for key, value in before.items())
    checkpoints.save(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.settings == own
    waveforms = torch.rand(2, 900)
    with torch.no_grad():
        assert torch.equal(again(waveforms), model(waveforms))
    assert MODELS[name].identity(settings)["architecture"] == sizes


def test_what_is_frozen_may_be_chosen(folder):
    free = create_model("hugging_face", "abc", checkpoint=str(folder), frozen=False)
    assert all(parameter.requires_grad for parameter in free.parameters())
    held = create_model("wavlm", "abc", architecture=TRANSFORMER, frozen=True)
    assert not any(parameter.requires_grad for parameter in held.network.wavlm.feature_extractor.parameters())
    identities = [
        MODELS["hugging_face"].identity(settings_of("hugging_face", "abc", checkpoint=str(folder), **own))
        for own in ({}, {"frozen": False})
    ]
    assert identities[0] != identities[1]
