import json
import re
from pathlib import Path

import pytest
import torch

import staanet
from staanet.attacks.generator import create_generator, load_generator
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.signature import file_digest
from staanet.models import create_model, load_model

LABELS = ("anger", "neutral", "sadness")


@pytest.fixture
def clips():
    return torch.rand(2, 3200, generator=torch.Generator().manual_seed(0)) - 0.5


@pytest.fixture
def model_folder(tmp_path):
    model = create_model("zhao19", LABELS, seconds=0.1)
    checkpoints.save(model, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def generator_folder(tmp_path):
    checkpoints.save(create_generator("compact", widths=(4, 8)), tmp_path / "generator")
    return tmp_path / "generator"


@pytest.mark.parametrize("name", ["emo18", "zhao19"])
def test_a_model_comes_back_with_the_same_bits(tmp_path, clips, name):
    model = create_model(name, LABELS, seconds=0.1).train()
    model(clips)
    model.eval()
    checkpoints.save(model, tmp_path / "model", history=[{"uar": 0.5}])
    again = load_model(tmp_path / "model")
    assert not again.training
    assert (again.labels, again.sample_rate, again.settings) == (LABELS, 16_000, model.settings)
    with torch.no_grad():
        assert torch.equal(again(clips), model(clips))
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["history"] == [{"uar": 0.5}]
    assert config["staanet"] == staanet.__version__


@pytest.mark.parametrize(("name", "sizes"), [("compact", {"widths": (4, 8)}), ("wave_unet", {})])
def test_a_generator_comes_back_with_the_same_bits(tmp_path, clips, name, sizes):
    generator = create_generator(name, **sizes).eval()
    checkpoints.save(generator, tmp_path / "generator")
    again = load_generator(tmp_path / "generator")
    assert again.settings == generator.settings
    with torch.no_grad():
        for one, other in zip(generator(clips, epsilon=0.1), again(clips, epsilon=0.1), strict=True):
            assert torch.equal(one, other)


def error_of(load, folder):
    with pytest.raises(StaanetError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder))
    return message


def test_a_generator_given_as_a_model_is_reported(generator_folder):
    message = error_of(load_model, generator_folder)
    assert message.endswith(", got one of 'compact'; give the folder of a model")


def test_a_model_given_as_a_generator_is_reported(model_folder):
    assert "got one of 'zhao19'; give the folder of a generator" in error_of(load_generator, model_folder)


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    (folder / "checksums.jsonl").unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_checkpoint_that_was_changed_after_it_was_written_is_not_used(model_folder, name):
    content = bytearray((model_folder / name).read_bytes())
    content[-40 if name == "model.safetensors" else content.index(b'"staanet": "0') + 12] ^= 1
    (model_folder / name).write_bytes(content)
    message = error_of(load_model, model_folder)
    assert f"{name}: expected the contents that were written, got others" in message
    assert "train it again, or remove checksums.jsonl if you changed it on purpose" in message
    (model_folder / "checksums.jsonl").unlink()
    load_model(model_folder)


def test_the_weights_of_another_architecture_are_reported(model_folder):
    edit(model_folder, name="emo18")
    message = error_of(load_model, model_folder)
    assert "expected the weights of emo18, got others" in message
    assert len(message) < 400


def test_weights_of_another_size_are_reported(model_folder):
    edit(model_folder, settings={"labels": ["a", "b"], "seconds": 0.1})
    assert "expected the weights of zhao19, got others (size mismatch for head.linear" in error_of(
        load_model, model_folder
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"labels": ["a", "b"], "second": 1}}, "got 'second'; did you mean 'seconds'?"),
        ({"settings": {"labels": ["a"]}}, "expected two or more different labels"),
        ({"settings": None}, "expected a table of settings"),
        ({"name": None}, "got one of None"),
    ],
)
def test_a_wrong_config_is_reported(model_folder, changes, message):
    edit(model_folder, **changes)
    assert message in error_of(load_model, model_folder)


def test_a_transformer_of_staanet_0_1_is_loaded(tmp_path, clips):
    sizes = {"width": 8, "layers": 1, "heads": 2}
    model = create_model("transformer", LABELS, seconds=0.1, front_end="mfcc", **sizes).eval()
    checkpoints.save(model, tmp_path / "model")
    settings = json.loads((tmp_path / "model" / "config.json").read_text())["settings"]
    settings["hears"] = settings.pop("front_end")
    edit(tmp_path / "model", settings=settings, staanet="0.1.0")
    again = load_model(tmp_path / "model")
    assert again.settings == model.settings
    with torch.no_grad():
        assert torch.equal(again(clips), model(clips))


@pytest.mark.parametrize("config", ["{}", "[]", '{"name": "zhao19"}', "3"])
def test_a_config_without_name_or_settings_is_reported(model_folder, config):
    (model_folder / "config.json").write_text(config)
    assert "expected name and settings of a model" in error_of(load_model, model_folder)


def test_a_config_that_is_no_json_is_reported(model_folder):
    (model_folder / "config.json").write_text("{")
    assert "config.json: expected JSON" in error_of(load_model, model_folder)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, None])
def test_damaged_weights_are_reported(model_folder, content):
    weights = model_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100] if content is None else content)
    assert "model.safetensors: expected safetensors, got a damaged file" in error_of(load_model, model_folder)


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_a_missing_file_is_reported(model_folder, lost):
    (model_folder / lost).unlink()
    assert "expected a model checkpoint (config.json and model.safetensors), found none" in error_of(
        load_model, model_folder
    )


def test_a_missing_folder_is_reported(tmp_path):
    assert "expected a model (" in error_of(load_model, tmp_path / "nosuch")
    assert "expected a checkpoint" in error_of(checkpoints.digest, tmp_path / "nosuch")


def test_the_digest_changes_with_the_weights_alone(model_folder):
    before = checkpoints.digest(model_folder)
    assert before == file_digest(model_folder / "model.safetensors")
    edit(model_folder, note="seen")
    assert checkpoints.digest(model_folder) == before
    weights = checkpoints.load_tensors(model_folder / "model.safetensors")
    weights["head.linear.bias"] += 1
    checkpoints.save_tensors(model_folder / "model.safetensors", weights)
    assert checkpoints.digest(model_folder) != before


def test_an_interrupted_save_leaves_the_old_checkpoint(model_folder):
    model = load_model(model_folder)
    before = {path.name: path.read_bytes() for path in model_folder.iterdir()}
    with pytest.raises(TypeError, match="cannot be a setting"):
        checkpoints.save(model, model_folder, history=object())
    assert {path.name: path.read_bytes() for path in model_folder.iterdir()} == before
    assert list(model_folder.parent.iterdir()) == [model_folder]


TRUSTED = {"torch_file.py", "scaler.py"}
"""The files that unpickle what a user trusts; their own tests show that they refuse everything else."""


def test_nothing_is_unpickled_without_trust():
    forbidden = re.compile(r"\b(import (pickle|joblib|dill|shelve|marshal)\b|torch\.(load|save)\(|allow_pickle=True\b)")
    plain_tensors = 'torch.load(path, map_location="cpu", weights_only=True)'
    sources = sorted(Path(staanet.__file__).parent.rglob("*.py"))
    assert len(sources) > 50
    texts = {path: path.read_text(encoding="utf-8") for path in sources if path.name not in TRUSTED}
    assert [path.name for path, text in texts.items() if plain_tensors in text] == ["checkpoints.py"]
    assert [str(path) for path, text in texts.items() if forbidden.search(text.replace(plain_tensors, ""))] == []


class Run:
    """What unpickling would run."""

    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def test_plain_tensors_are_read_as_they_were_saved(tmp_path):
    layer = torch.nn.Linear(2, 3)
    for compressed in (True, False):
        torch.save(layer.state_dict(), tmp_path / "layer.pth", _use_new_zipfile_serialization=compressed)
        found = checkpoints.read_state_dict(tmp_path / "layer.pth")
        assert list(found) == ["weight", "bias"]
        assert torch.equal(found["weight"], layer.weight)
        assert not found["weight"].requires_grad


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (Run(), "got another or a damaged file (UnpicklingError); it was not run"),
        ({"weight": torch.zeros(1), "hook": Run()}, "(UnpicklingError); it was not run"),
        (torch.nn.Linear(1, 1), "(UnpicklingError); it was not run"),
        ([torch.zeros(1)], "got list"),
        (torch.zeros(1), "got Tensor"),
        ({"state_dict": {"weight": torch.zeros(1)}, "epoch": 3}, "got dict under 'state_dict'"),
        ({"weight": torch.zeros(1), "epoch": 3}, "got int under 'epoch'"),
        ({3: torch.zeros(1)}, "got Tensor under 3"),
        ({"weight": torch.eye(2).to_sparse()}, "got Tensor under 'weight'"),
    ],
)
def test_whatever_is_not_plain_tensors_is_refused_and_not_run(tmp_path, monkeypatch, saved, message):
    monkeypatch.chdir(tmp_path)
    torch.save(saved, tmp_path / "theirs.pth")
    with pytest.raises(StaanetError) as caught:
        checkpoints.read_state_dict(tmp_path / "theirs.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'theirs.pth'}: expected a state dict, names and plain tensors")
    assert str(caught.value).endswith(message)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, None])
def test_a_damaged_state_dict_is_reported_in_one_line(tmp_path, content):
    path = tmp_path / "theirs.pth"
    torch.save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-700] if content is None else content)
    with pytest.raises(StaanetError, match=r"expected a state dict.* got another or a damaged file") as caught:
        checkpoints.read_state_dict(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(StaanetError, match="found no file"):
        checkpoints.read_state_dict(tmp_path / "nosuch.pth")
