"""Tests of `staanet import` and `staanet export`."""

import json
import re

import h5py
import numpy as np
import pytest
import torch

from staanet.attacks.generator import create_generator, load_generator
from staanet.attacks.generator.published import published_name as generator_name
from staanet.core.seeds import seeded
from staanet.data import Dataset
from staanet.models import create_model, load_model
from staanet.models.published import published_name as model_name
from tiny import TINY

LABELS = ("anger", "happiness", "neutral", "sadness")


def save(network, named, path):
    torch.save({named(name): value for name, value in network.state_dict().items()}, path)


@pytest.fixture
def theirs(tmp_path, dataset):
    """An adversarial set of the dataset's clips: noise on a tenth of the samples, class numbers of the dataset."""
    clips, random = Dataset(dataset), np.random.default_rng(0)
    names = list(clips.utterances)[:8]
    clean = np.stack([clips.waveform(name).numpy()[:6000] for name in names])
    noise = 0.05 * random.choice([-1, 1], clean.shape) * (random.random(clean.shape) < 0.1)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["x_org"], file["x_adv"] = clean, (clean + noise).astype(np.float32)
        file["y"] = np.array([[clips.label(name)] for name in names], dtype=np.int32)
    return tmp_path / "theirs.h5"


def one_line(err):
    assert err.startswith("staanet: ")
    assert err.count("\n") == 1
    return err


def test_a_published_model_becomes_a_checkpoint(staanet, tmp_path):
    with seeded("published"):
        network = create_model("zhao19", LABELS, seconds=0.2)
    save(network, model_name, tmp_path / "v.pt")
    status, out, err = staanet(
        *("import", "model", tmp_path / "v.pt", "--out", tmp_path / "model"),
        *("--labels", "anger, happiness,neutral,sadness", "--seconds", 0.2),
    )
    assert (status, err) == (0, "")
    assert out == f"{tmp_path / 'model'}: zhao19, anger, happiness, neutral, sadness, 0.2 s\n"
    waveforms = torch.rand(2, 4000) - 0.5
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "model")(waveforms), network(waveforms))
    assert set(json.loads((tmp_path / "model" / "config.json").read_text())["made_from"]) == {"imported"}


def test_a_published_generator_becomes_a_checkpoint(staanet, tmp_path):
    save(create_generator("wave_unet", **TINY["wave_unet"]), generator_name, tmp_path / "netG_emo18_19_True.pth")
    status, out, err = staanet(
        "import", "generator", tmp_path / "netG_emo18_19_True.pth", "--out", tmp_path / "generator"
    )
    assert (status, err) == (0, "")
    assert out == f"{tmp_path / 'generator'}: wave_unet, channels 8, 16, 32\n"
    assert load_generator(tmp_path / "generator").settings.channels == (8, 16, 32)


def test_a_set_of_others_is_evaluated_with_its_control(staanet, tmp_path, theirs, model):
    status, out, err = staanet(
        *("import", "adversarial", theirs, "--target", model, "--out", tmp_path / "run"),
        *("--attack", "their_noise", "--source", "wav2vec2", "--json"),
    )
    assert (status, err) == (0, "")
    (record,) = json.loads(out)
    assert (record["attack"], record["source"], record["target"]) == ("their_noise", "wav2vec2", "zhao19")
    assert (record["n"], record["labels"], record["corpus"]) == (8, list(LABELS), "theirs")
    assert 0 <= record["asr_control"] <= 1
    assert record["sparsity"] == pytest.approx(0.1, abs=0.01)
    assert record["budget_epsilon"] == pytest.approx(0.05)
    assert record["budget_sparsity"] >= record["sparsity"]
    assert record["seconds_per_clip"] is record["queries"] is record["comb_share"] is None
    assert "run elsewhere" in record["notes"]["seconds_per_clip"]
    assert "few_speakers" in record["flags"]
    assert (tmp_path / "run" / "report" / "index.html").is_file()
    assert "their\\_noise" in (tmp_path / "run" / "tables" / "transfer.md").read_text()

    second = ["import", "adversarial", theirs, "--target", model, "--out", tmp_path / "run", "--source", "zhao19"]
    status, out, err = staanet(*second)
    assert (status, err) == (0, "")
    assert "their\\_noise" in out
    assert "theirs" in out
    assert len(list((tmp_path / "run" / "records").glob("*.json"))) == 2


def test_a_set_with_late_clips_is_warned_about_in_one_line(staanet, tmp_path, theirs, model):
    with h5py.File(theirs, "r+") as file:
        file["x_adv"][...] = np.pad(file["x_org"][()], ((0, 0), (50, 0)), mode="reflect")[:, :6000]
    status, _, err = staanet("import", "adversarial", theirs, "--target", model, "--out", tmp_path / "run")
    assert status == 0
    assert err == (
        f"{theirs}: 8 of 8 attacked clips are shifted against their clean ones (set/000000: by 50 samples), so "
        "that their SNR and sparsity measure the shift\n"
    )


def test_labels_say_which_class_a_number_is(staanet, tmp_path, theirs, model):
    with h5py.File(theirs, "r+") as file:
        file["y"][...] = 3 - file["y"][()]
    common = ["import", "adversarial", theirs, "--target", model, "--json"]
    status, out, err = staanet(*common, "--out", tmp_path / "named", "--labels", "sadness,neutral,happiness,anger")
    assert (status, err) == (0, "")
    (named,) = json.loads(out)
    with h5py.File(theirs, "r+") as file:
        file["y"][...] = 3 - file["y"][()]
    (plain,) = json.loads(staanet(*common, "--out", tmp_path / "plain")[1])
    assert named["labels"] == plain["labels"][::-1]
    assert named["predictions_clean"] == plain["predictions_clean"][::-1]
    assert [named[rate] for rate in ("asr", "accuracy_clean")] == [plain[rate] for rate in ("asr", "accuracy_clean")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model", "nosuch.pt", "--labels", "a,b", "--seconds", "1"], "expected a state dict"),
        (["generator", "THEIRS"], "got another or a damaged file"),
        (["adversarial", "THEIRS", "--target", "GENERATOR"], "expected the checkpoint of a model"),
        (["adversarial", "THEIRS", "--target", "MODEL", "--target", "MODEL"], "in folders of different names"),
        (["adversarial", "THEIRS", "--target", "MODEL", "--attack", "a b"], "expected the attack's name of letters"),
        (["adversarial", "THEIRS", "--target", "MODEL", "--labels", "a,b,c,d"], "expected a target that knows a, b"),
        (["adversarial", "nosuch.h5", "--target", "MODEL"], "expected an HDF5 file, found none"),
    ],
)
def test_what_cannot_be_imported(staanet, tmp_path, theirs, model, generator, arguments, message):
    places = {"THEIRS": theirs, "MODEL": model, "GENERATOR": generator}
    status, out, err = staanet("import", *(places.get(word, word) for word in arguments), "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert message in one_line(err)
    assert not (tmp_path / "out").exists()


def test_a_dataset_is_exported_in_the_original_layout_and_read_back(staanet, tmp_path, dataset):
    status, out, err = staanet("export", dataset, tmp_path / "audio.h5")
    assert (status, err, out) == (0, "", f"{tmp_path / 'audio.h5'}: 24 clips\n")
    with h5py.File(tmp_path / "audio.h5") as file:
        assert {"train_audio", "train_y", "dev_audio", "dev_y", "test_audio", "test_y"} <= set(file)
    status, out, err = staanet("prepare", "hdf5", tmp_path / "audio.h5", "--out", tmp_path / "again", "--json")
    assert (status, err) == (0, "")
    assert {key: json.loads(out)[key] for key in ("clips", "speakers", "skipped")} == {
        "clips": 24,
        "speakers": 6,
        "skipped": 0,
    }
    assert Dataset(tmp_path / "again").labels == Dataset(dataset).labels
    status, out, err = staanet(
        *("train", "zhao19", "--dataset", tmp_path / "again", "--out", tmp_path / "model"),
        *("--seconds", 0.2, "--set", "epochs=1"),
    )
    assert status == 0, err
    split = json.loads((tmp_path / "model" / "config.json").read_text())["split"]
    assert {clip.split("/")[0] for clip in split["val"]} == {"dev"}


@pytest.mark.slow
def test_an_exported_adversarial_set_has_the_same_rates_when_imported(staanet, tmp_path):
    (tmp_path / "small.toml").write_text(
        """
        [corpus]
        name = "synthetic"
        settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }
        [budget]
        epsilon = 0.3
        [models.zhao19]
        model = "zhao19"
        seconds = 0.2
        training = { epochs = 2 }
        [attacks.noise]
        """
    )
    run = tmp_path / "run"
    (record,) = json.loads(staanet("-q", "run", tmp_path / "small.toml", "--out", run, "--json")[1])
    (made,), (dataset,), (target,) = ((run / kind).iterdir() for kind in ("adversarial", "datasets", "models"))
    status, out, err = staanet("export", made, tmp_path / "noise.h5", "--dataset", dataset)
    assert (status, err) == (0, "")
    assert out == f"{tmp_path / 'noise.h5'}: {record['n']} clips\n"
    (again,) = json.loads(
        staanet("import", "adversarial", tmp_path / "noise.h5", "--target", target, "--out", tmp_path / "b", "--json")[
            1
        ]
    )
    for rate in ("n", "asr", "accuracy_clean", "accuracy_adv", "sparsity", "linf", "speakers", "predictions_adv"):
        assert again[rate] == pytest.approx(record[rate]), rate


@pytest.mark.slow
def test_a_checkpoint_is_exported_to_onnx_and_the_difference_is_printed(staanet, tmp_path, model):
    status, out, err = staanet("export", model, tmp_path / "out.onnx")
    assert (status, err) == (0, "")
    first, second = out.splitlines()
    assert first == f"{tmp_path / 'out.onnx'}: waveforms, lengths -> logits"
    assert re.fullmatch(r"largest difference between ONNX Runtime and torch: \d[\d.]*(e-\d+)?", second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MODEL", "out.bin"], "out.bin: expected a file name ending in .onnx or .h5, got '.bin'"),
        (["DATASET", "out.onnx"], "expected a model checkpoint (config.json and model.safetensors), found none"),
        (["MODEL", "out.h5"], "expected a prepared dataset, found none"),
        (["DATASET", "out.h5", "--dataset", "DATASET"], "expected a finished adversarial set, found none"),
        (["MODEL", "out.onnx", "--dataset", "DATASET"], "expected --dataset only for an adversarial set"),
    ],
)
def test_what_cannot_be_exported(staanet, tmp_path, monkeypatch, dataset, model, arguments, message):
    monkeypatch.chdir(tmp_path)
    places = {"MODEL": model, "DATASET": dataset}
    status, out, err = staanet("export", *(places.get(word, word) for word in arguments))
    assert (status, out) == (2, "")
    assert message in one_line(err)
    assert list(tmp_path.iterdir()) == []
