import socket

import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.models import create_model, load_model
from staanet.models.hugging_face import files


def test_pickled_weights_are_refused(error_of, damaged):
    (damaged / "model.safetensors").rename(damaged / "pytorch_model.bin")
    message = error_of(load_model, damaged)
    assert "expected weights as safetensors, found pytorch_model.bin; other files are pickles" in message


def test_pickled_weights_next_to_safetensors_are_not_read(damaged):
    (damaged / "pytorch_model.bin").write_bytes(b"not at all")
    assert load_model(damaged).labels == ("a", "b", "c")


def test_weights_in_several_files_are_read(folder, tmp_path, clips):
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    AutoModelForAudioClassification.from_pretrained(folder).save_pretrained(tmp_path, max_shard_size="20KB")
    AutoFeatureExtractor.from_pretrained(folder).save_pretrained(tmp_path)
    first, *others = sorted(tmp_path.glob("*.safetensors"))
    assert others
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path)(*clips[:2]), load_model(folder)(*clips[:2]))
    first.unlink()
    with pytest.raises(StaanetError, match="expected a checkpoint that transformers can load, got: "):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "expected a model checkpoint (config.json and model.safetensors), found none"),
        ("preprocessor_config.json", "with preprocessor_config.json or processor_config.json, found none; save its"),
        ("model.safetensors", "expected weights as safetensors, found none"),
    ],
)
def test_a_missing_file_raises(error_of, damaged, name, message):
    (damaged / name).unlink()
    assert message in error_of(load_model, damaged)


def test_a_processor_without_a_feature_extractor_is_none(error_of, damaged):
    (damaged / "preprocessor_config.json").rename(damaged / "processor_config.json")
    assert "processor_config.json, found none" in error_of(load_model, damaged)


@pytest.mark.parametrize("family", ["bert", "clap", "moonshine", "strange"])
def test_a_network_that_does_not_classify_audio_raises(error_of, tmp_path, family):
    write_json(tmp_path / "config.json", {"model_type": family})
    message = error_of(load_model, tmp_path)
    assert "expected the model_type of an audio classifier (audio-spectrogram-transformer, data2vec-audio, " in message
    assert f"wavlm, whisper), got {family}; models of text" in message


def test_a_folder_without_the_configuration_of_a_network_raises(error_of, damaged):
    write_json(damaged / "config.json", {"id2label": {"0": "a", "1": "b"}})
    assert "with config.json and its model_type, found none" in error_of(
        create_model, "hugging_face", checkpoint=str(damaged)
    )


def test_a_missing_checkpoint_raises(error_of):
    message = error_of(create_model, "hugging_face", ("a", "b"))
    assert message == "hugging_face: expected a checkpoint, found none; name a folder or a hub id (owner/name)"


@pytest.fixture
def cache(folder, tmp_path, monkeypatch):
    """The hub's cache in offline mode, with a tiny network in place of wav2vec 2.0."""
    commit = "0" * 40
    place = tmp_path / "models--facebook--wav2vec2-base-960h"
    (place / "refs").mkdir(parents=True)
    for name in ("main", "pr/1"):
        (place / "refs" / name).parent.mkdir(exist_ok=True)
        (place / "refs" / name).write_text(commit)
    (place / "snapshots").mkdir()
    (place / "snapshots" / commit).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.parametrize("named", [{}, {"checkpoint": "facebook/wav2vec2-base-960h@pr/1"}], ids=["main", "revision"])
@pytest.mark.usefixtures("cache")
def test_offline_a_hub_id_comes_from_the_cache(clips, folder, named):
    files._download.cache_clear()
    model = create_model("wav2vec2", ("a", "b", "c"), **named)
    assert model.name == "wav2vec2"
    with torch.no_grad():
        assert torch.equal(model(*clips[:2]), load_model(folder)(*clips[:2]))


def test_of_the_hub_only_json_and_safetensors_are_asked_for(folder, monkeypatch):
    asked = {}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **how: asked.update(how) or folder)
    create_model("hugging_face", checkpoint="somebody/something@v1")
    assert asked == {"revision": "v1", "allow_patterns": ["*.json", "*.safetensors"]}


@pytest.mark.usefixtures("cache")
def test_offline_a_revision_that_is_not_there_raises(error_of):
    assert "@pr/2: expected" in error_of(create_model, "wav2vec2", checkpoint="facebook/wav2vec2-base-960h@pr/2")


@pytest.mark.usefixtures("cache")
def test_offline_a_hub_id_that_is_not_there_raises(error_of):
    message = error_of(create_model, "wavlm", ("a", "b"))
    assert message.startswith("microsoft/wavlm-base: expected a folder, or a hub id that can be reached")
    assert "outgoing traffic has been disabled" in message


def test_without_a_network_a_hub_id_raises(error_of, monkeypatch):
    def unreachable(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    message = error_of(create_model, "hugging_face", checkpoint="staanet/no-such-model")
    assert "expected a folder, or a hub id that can be reached" in message


def test_a_folder_that_is_not_there_raises(error_of):
    expected = "no/such/folder: expected a folder, or a hub id (owner/name), found no such folder"
    assert error_of(create_model, "hugging_face", checkpoint="no/such/folder") == expected
