import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from staanet.audio.files import write
from staanet.core.errors import unknown_name
from staanet.corpora import Folder
from staanet.data import prepare
from staanet.study import packaged

EXPERIMENT = """
[corpus]
name = "synthetic"

[models.zhao19]
model = "zhao19"

[attacks.noise]
"""

NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, 800).astype(np.float32)


@pytest.fixture
def refused(staanet, tmp_path, monkeypatch):
    """Run what cannot work, and return the one line that says so."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status, out, err = staanet(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("staanet: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return run


@pytest.fixture
def spoken(tmp_path):
    """Write a folder corpus of the given `emotion/speaker-number` names and prepare it."""

    def build(*names):
        for name in names:
            write(tmp_path / "spoken" / f"{name}.wav", NOISE, 16_000)
        prepare(Folder(), tmp_path / "spoken", tmp_path / "prepared")
        return tmp_path / "prepared"

    return build


def test_an_unknown_experiment(refused):
    err = refused("run", "smok")
    assert "expected an experiment from " in err
    assert err.endswith("; got 'smok'; did you mean 'smoke'?; or give a TOML file\n")


def test_a_missing_experiment_file(refused):
    assert "nosuch.toml: expected a TOML file, found none" in refused("run", "nosuch.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[corpus]", "[korpus]"), "mine.toml: expected a key from"),
        (("[corpus]", "seeds = 1\n[corpus]"), "got 'seeds'; did you mean 'seed'?"),
        (
            ('"zhao19"', '"zhao19"\nsecond = 1'),
            "mine.toml: models: zhao19: expected a key from base_model, corpus, defence, members, model, seconds",
        ),
        (('"zhao19"', '"zhao18"'), "; got 'zhao18'; did you mean 'zhao19'?"),
        (('"synthetic"', '"synthetics"'), "got 'synthetics'; did you mean 'synthetic'?"),
        (('"synthetic"', '"folder"\nsettings = { pattern = "{speker}_{emotion}" }'), "did you mean 'speaker'?"),
        (("[attacks.noise]", "[attacks.nois]"), "got 'nois'; did you mean 'noise'?"),
        (("[attacks.noise]", "[attacks.noise]\nsparsity = 0"), "expected sparsity in (0, 1], got 0.0"),
        (("[attacks.noise]", '[attacks.noise]\nepsilon = "loud"'), "noise: epsilon: Input should be a valid number"),
        (("[attacks.noise]", "[attacks.noise]\nepsilon = 0.1\nsnr_db = 3"), "expected one of epsilon and snr_db"),
        (('"zhao19"', '"zhao19"\nseconds = "long"'), "models.zhao19.seconds: "),
        (('"zhao19"', '"zhao19"\ntraining = { epochs = 0 }'), "expected epochs above 0, got 0"),
        (("[corpus]", "[corpus"), "mine.toml: expected TOML, got"),
    ],
)
def test_an_invalid_experiment(refused, tmp_path, change, message):
    assert EXPERIMENT.count(change[0])
    (tmp_path / "mine.toml").write_text(EXPERIMENT.replace(*change, 1))
    err = refused("run", "mine.toml", "--out", "out")
    assert message in err
    assert "mine.toml" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "emodbb", "here"], "; got 'emodbb'; did you mean 'emodb'?"),
        (["prepare", "emodb", "here"], "here: expected a folder of audio, found none"),
        (["prepare", "folder", "here"], "here: expected a folder of audio, found none"),
        (["prepare", "synthetic", "here", "--set", "speaker=3"], "got 'speaker'; did you mean 'speakers'?"),
        (
            ["prepare", "synthetic", "here", "--set", "speakers"],
            "expected KEY=VALUE, got 'speakers'; write for example epochs=3",
        ),
        (
            ["prepare", "synthetic", "here", "--set", "a=1", "--set", "a.b=2"],
            "expected a to be either a value or a table",
        ),
        (["prepare", "synthetic", "here", "--segments", "emdb"], "--segments: expected a preset from default, emodb,"),
        (["train", "zhao18", "--dataset", "DATASET"], "expected a model from "),
        (["train", "zhao19", "--dataset", "here"], "here: expected a prepared dataset, found none; make one with"),
        (["train", "zhao19", "--dataset", "DATASET", "--set", "epoch=1"], "got 'epoch'; did you mean 'epochs'?"),
        (["train", "zhao19", "--dataset", "DATASET", "--set", "epochs=some"], "zhao19: epochs: "),
        (["train", "zhao19", "--dataset", "DATASET", "--set", "epochs=0"], "expected epochs above 0, got 0"),
        (["train", "zhao19", "--dataset", "DATASET", "--set", "batch_size=0"], "expected batch_size above 0, got 0"),
        (["train", "zhao19", "--dataset", "DATASET", "--preset", "papr"], "did you mean 'paper'?"),
        (["train", "zhao19", "--dataset", "DATASET", "--seconds", "0.001"], "raise seconds"),
        (
            ["train", "zhao19", "--dataset", "DATASET", "--device", "gpu"],
            "expected a device such as cpu or cuda, got 'gpu'",
        ),
        (["fit", "compac", "--source", "MODEL", "--dataset", "DATASET"], "got 'compac'; did you mean 'compact'?"),
        (["fit", "compact", "--source", "here", "--dataset", "DATASET"], "here: expected a model ("),
        (["fit", "compact", "--source", "GENERATOR", "--dataset", "DATASET"], "got one of 'compact'; give the folder"),
        (
            ["fit", "compact", "--source", "MODEL", "--dataset", "DATASET", "--size", "width=1"],
            "did you mean 'widths'?",
        ),
    ],
)
def test_invalid_arguments_of_prepare_train_and_fit(refused, dataset, model, generator, arguments, message):
    places = {"DATASET": dataset, "MODEL": model, "GENERATOR": generator}
    assert message in refused(*(places.get(word, word) for word in arguments), "--out", "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "here"], "here: expected a model ("),
        (["--source", "GENERATOR"], "got one of 'compact'; give the folder of a model"),
        (["--source", "MODEL", "--epsilon", "0.1", "--snr-db", "3"], "expected one of epsilon and snr_db, got"),
        (["--source", "MODEL", "--sparsity", "0"], "expected sparsity in (0, 1], got 0.0"),
        (["--source", "MODEL", "--epsilon", "-1"], "expected a finite epsilon of 0 or more, got -1.0"),
        (["--source", "MODEL", "--generator", "GENERATOR"], "got 'generator'"),
        (["--source", "MODEL", "--set", "step=1"], "noise: expected a key from budget; got 'step'"),
        (["--source", "MODEL", "--window", "0.01"], "expected a window of 0.064 s or more, got 0.01 s"),
        (["--source", "MODEL", "--device", "gpu"], "expected a device such as cpu or cuda, got 'gpu'"),
    ],
)
def test_invalid_arguments_of_attack(refused, clips, model, generator, options, message):
    places = {"MODEL": model, "GENERATOR": generator}
    assert message in refused("attack", "noise", clips, "out", *(places.get(word, word) for word in options))


def test_an_unknown_attack(refused, clips, model):
    assert "got 'nois'; did you mean 'noise'?" in refused("attack", "nois", clips, "out", "--source", model)


def test_a_generator_attack_without_or_with_a_wrong_generator(refused, clips, model):
    command = ["attack", "staa_net", clips, "out", "--source", model]
    assert "staa_net: expected the key 'generator', found none" in refused(*command)
    assert "here: expected a generator checkpoint" in refused(*command, "--generator", "here")
    assert "expected the checkpoint of a generator" in refused(*command, "--generator", model)


@pytest.mark.parametrize("name", ["nosuch.wav", "nosuch"])
def test_a_missing_input(refused, model, name):
    assert f"{name}: expected an audio file, a folder of them or a dataset, found nothing" in refused(
        "attack", "noise", name, "out", "--source", model
    )


def test_an_unreadable_single_file(refused, clips, model):
    (clips / "garbage.wav").write_bytes(b"no audio" * 40)
    err = refused("attack", "noise", clips / "garbage.wav", "out.wav", "--source", model)
    assert "garbage.wav: expected readable audio" in err


def test_a_silent_single_file_is_named(refused, clips, model):
    soundfile.write(clips / "silent.wav", np.zeros(4000), 16_000)
    err = refused("attack", "noise", clips / "silent.wav", "out.wav", "--source", model)
    assert "silent.wav: expected speech, got silence" in err


def test_a_folder_with_nothing_to_attack(refused, tmp_path, model):
    (tmp_path / "empty").mkdir()
    assert "found nothing to attack" in refused("attack", "noise", "empty", "out", "--source", model)


def test_an_output_of_another_format(refused, clips, model):
    err = refused("attack", "noise", clips / "one.wav", "out.mp3", "--source", model)
    assert "out.mp3: expected a name ending in .wav or .flac, got '.mp3'" in err


def test_input_is_never_overwritten(refused, clips, model):
    before = {path: path.read_bytes() for path in clips.rglob("*.*")}
    for inputs, out in ((clips, clips), (clips / "one.wav", clips), (clips / "one.wav", clips / "deep/../one.wav")):
        err = refused("attack", "noise", inputs, out, "--source", model)
        assert "expected another place than the input, which would be overwritten" in err
    assert {path: path.read_bytes() for path in clips.rglob("*.*")} == before


COMMANDS = {
    "run": ["run", "smoke", "--out", "OUT"],
    "prepare": ["prepare", "synthetic", ".", "--out", "OUT"],
    "train": ["train", "zhao19", "--dataset", "DATASET", "--out", "OUT"],
    "fit": ["fit", "compact", "--source", "MODEL", "--dataset", "DATASET", "--out", "OUT"],
    "attack": ["attack", "noise", "DATASET", "OUT", "--source", "MODEL"],
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_an_output_that_cannot_be_written(refused, tmp_path, dataset, model, verb):
    (tmp_path / "file").write_text("")
    places = {"DATASET": dataset, "MODEL": model, "OUT": "file/below/out"}
    err = refused(*(places.get(word, word) for word in COMMANDS[verb]))
    assert "file/below" in err
    assert "expected a folder that can be written, got Not a directory; choose another --out" in err


@pytest.mark.parametrize("verb", ["prepare", "train", "fit"])
@pytest.mark.parametrize("out", [".", "work", "../work", "notes.txt"])
def test_an_output_that_would_replace_other_files(refused, tmp_path, monkeypatch, dataset, model, verb, out):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("years of work")
    (tmp_path / "notes.txt").write_text("notes")
    if out.startswith("../"):
        monkeypatch.chdir(tmp_path / "work")
    places = {"DATASET": dataset, "MODEL": model, "OUT": out}
    assert "choose another --out" in refused(*(places.get(word, word) for word in COMMANDS[verb]))
    assert (tmp_path / "work" / "thesis.tex").read_text() == "years of work"
    assert (tmp_path / "notes.txt").read_text() == "notes"


@pytest.mark.parametrize(
    ("arguments", "new"),
    [
        (["run", "smoke", "--miniature"], "--toy"),
        (["-q", "train", "zhao19", "--corpus", "here", "--out", "out"], "--dataset"),
        (["fit", "compact", "--source", "here", "--corpus=there", "--out", "out"], "--dataset"),
        (["export", "here", "out.h5", "--store", "there"], "--dataset"),
        (["prepare", "emodb", "here", "--out", "out", "--pieces", "emodb"], "--segments"),
        (["import", "victim", "here", "--out", "out"], "import model"),
        (["list", "victims"], "list models"),
    ],
)
def test_an_old_name_of_the_command_line_is_refused_with_its_new_one(refused, arguments, new):
    err = refused(*arguments)
    assert err.startswith(f"staanet: expected {new}, got ")
    assert err.endswith(f"; use {new}\n")


def test_a_folder_that_is_not_a_run(refused):
    err = refused("report", "here")
    assert "expected records (*.json), found none; give the folder that `staanet run` wrote" in err


def test_a_table_without_a_column(refused, tmp_path):
    write(tmp_path / "mine" / "a.wav", NOISE, 16_000)
    (tmp_path / "mine" / "metadata.csv").write_text("path,emotion\na.wav,joy\n")
    err = refused("prepare", "folder", "mine", "--out", "out")
    assert "mine/metadata.csv: expected the columns path, emotion, speaker; found no 'speaker' in path, emotion" in err


@pytest.mark.parametrize("corpus", ["emodb", "folder"])
def test_a_folder_without_a_clip(refused, tmp_path, corpus):
    (tmp_path / "empty").mkdir()
    err = refused("prepare", corpus, "empty", "--out", "out")
    assert err.startswith("staanet: empty: expected ")
    assert not (tmp_path / "out").exists()


def test_one_speaker_only(refused, spoken):
    err = refused("train", "zhao19", "--dataset", spoken("joy/anna-1", "anger/anna-2"), "--out", "out")
    assert "expected speakers for training, validation and test, got 1 in all and none for" in err


def test_a_class_with_one_clip(refused, spoken):
    names = [f"{emotion}/{speaker}" for emotion in ("joy", "anger") for speaker in "abcde"]
    err = refused("train", "zhao19", "--dataset", spoken(*names, "fear/a"), "--out", "out")
    assert "expected clips of 'fear' by training speakers and others, got 1 in all" in err


def test_weights_of_another_architecture(refused, tmp_path, clips, model):
    shutil.copytree(model, tmp_path / "other")
    config = json.loads((model / "config.json").read_text())
    (tmp_path / "other" / "config.json").write_text(json.dumps({**config, "name": "emo18"}))
    err = refused("attack", "noise", clips, "out", "--source", "other")
    assert "other: expected the weights of emo18, got others" in err


def test_a_dataset_at_another_rate_than_the_models(refused, tmp_path, model, spoken):
    names = [f"{emotion}/{speaker}" for emotion in ("joy", "anger") for speaker in "abcde"]
    spoken(*names)
    prepare(Folder(), tmp_path / "spoken", tmp_path / "slow", sample_rate=8_000)
    err = refused("fit", "compact", "--source", model, "--dataset", "slow", "--out", "out")
    assert "16000 Hz, got 8000 Hz; prepare one with --sample-rate 16000" in err


def test_the_program_prints_one_line_and_debug_shows_the_traceback():
    def run(*options):
        command = [sys.executable, "-m", "staanet", *options, "run", "nosuch"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    plain, debug = run(), run("--debug")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr == f"staanet: {unknown_name('experiment', 'nosuch', packaged())}; or give a TOML file\n"
    assert debug.returncode != 0
    assert "Traceback" in debug.stderr
