import json
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from rich.console import Console

import staanet as library
from staanet.cli.catalogue import Kind
from staanet.data import Dataset
from staanet.models import load_model
from staanet.study import load, packaged

HEAVY = {"torch", "numpy", "scipy", "soundfile", "matplotlib", "jinja2", "h5py", "onnx"}

WITHOUT_TORCH = f"""
import sys
from staanet.cli import main
sys.argv = ["staanet", *sys.argv[1:]]
try:
    main()
except SystemExit as leaving:
    heavy = sorted({HEAVY} & set(sys.modules))
    sys.exit(f"imported {{heavy}}" if heavy else leaving.code)
"""


def test_importing_the_library_loads_nothing_heavy():
    code = f"import sys, staanet; dir(staanet); sys.exit(str({HEAVY} & set(sys.modules) or '') or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


QUICK = (
    *(["--help"], ["--version"], ["attack", "--help"], ["run", "-h"], ["import", "-h"], ["export", "-h"]),
    *(["list", "attacks"], ["list", "loaders", "--long"], ["list"], ["cite", "fgsm"], ["doctor", "--fast"]),
)


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_help_lists_and_citations_load_nothing_heavy(arguments):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if arguments[0] != "cite" or not line.startswith("% ")]
    assert (done.returncode, told) == (0, [])
    assert done.stdout.strip()


def test_help_is_written_without_what_makes_it_slow():
    code = WITHOUT_TORCH.replace(str(HEAVY), '{"pygments", "markdown_it", "attr", "tomllib"}')
    for arguments in (["--help"], ["evaluate", "--help"], ["evaluat"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == (0 if "--help" in arguments else 2), done.stderr
        assert "Usage: " in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["import", "--help"]], ids=" ".join)
def test_help_shows_what_commands_do_in_whole_sentences(staanet, arguments):
    status, out, _ = staanet(*arguments)
    _, _, commands = out.partition("Commands:\n")
    assert (status, commands.count("...")) == (0, 0)
    sentences = re.split(r"\n  (?=\w)", f"\n{commands.rstrip()}")[1:]
    assert len(sentences) >= 4
    assert all(sentence.endswith(".") for sentence in sentences)


def test_the_version_is_the_librarys(staanet):
    assert staanet("--version") == (0, f"{library.__version__}\n", "")


@pytest.mark.parametrize(("old", "new"), [("create_victim", "create_model"), ("load_victim", "load_model")])
def test_an_old_public_name_is_refused_with_its_new_one(old, new):
    with pytest.raises(AttributeError, match=f"{old} is now {new}"):
        getattr(library, old)
    assert new in dir(library)


def test_help_lists_the_verbs(staanet):
    _, out, _ = staanet("--help")
    verbs = ("demo", "evaluate", "compare", "run", "prepare", "train", "fit", "attack", "report", "export", "list")
    for verb in (*verbs, "import", "cite", "doctor"):
        assert f"\n  {verb} " in out


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_listed_for_machines_and_for_people(staanet, kind):
    status, out, err = staanet("list", kind.value, "--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert rows
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names)
    assert all(isinstance(row["summary"], str) and row["summary"] for row in rows)
    status, out, err = staanet("list", kind.value)
    assert (status, err) == (0, "")
    assert names[0] in out


@pytest.mark.parametrize("name", sorted(packaged()))
def test_a_packaged_experiment_loads(name):
    read, experiment = load(name)
    assert read == name
    assert experiment.title
    assert bool(experiment.models) == bool(
        [experiment.attack_plans[attack].build().name for attack in experiment.attacks]
    )


def test_prepare_writes_segments_and_reports_what_it_skips(staanet, tmp_path):
    settings = ["--set", "speakers=3", "--set", "sentences=1", "--set", "seconds=[3.0, 3.4]"]
    status, out, err = staanet(
        "prepare", "synthetic", tmp_path, "--out", tmp_path / "dataset", *settings, "--segments", "default", "--json"
    )
    assert status == 0
    assert json.loads(out)["clips"] >= 12 * 9
    assert "segments shorter than 0.9 s" in err
    assert {Dataset(tmp_path / "dataset").length(clip) for clip in Dataset(tmp_path / "dataset").utterances} == {48_000}


def test_prepare_train_fit_and_attack_work_one_after_the_other(staanet, tmp_path):
    settings = ["--set", "speakers=6", "--set", "sentences=1", "--set", "seconds=[0.5, 0.6]"]
    status, out, err = staanet("prepare", "synthetic", tmp_path, "--out", tmp_path / "dataset", *settings, "--json")
    assert (status, err) == (0, "")
    about = json.loads(out)
    assert (about["clips"], about["speakers"], about["skipped"]) == (24, 6, 0)
    assert about["labels"] == {"anger": 6, "happiness": 6, "neutral": 6, "sadness": 6}

    status, out, err = staanet(
        "train",
        "zhao19",
        "--dataset",
        tmp_path / "dataset",
        "--out",
        tmp_path / "model",
        "--seconds",
        0.2,
        "--set",
        "epochs=1",
    )
    assert status == 0, err
    assert re.search(r"validation UAR 0\.\d{3} after epoch 1 of 1, which is kept", out)
    assert load_model(tmp_path / "model").trained_length == 3200

    status, out, err = staanet(
        *("fit", "compact", "--source", tmp_path / "model", "--dataset", tmp_path / "dataset"),
        *(
            "--out",
            tmp_path / "generator",
            "--set",
            "epochs=1",
            "--set",
            "budget.epsilon=0.05",
            "--size",
            "widths=[4, 8]",
        ),
    )
    assert status == 0, err
    assert "validation ASR" in out
    config = json.loads((tmp_path / "generator" / "config.json").read_text())
    assert config["settings"]["widths"] == [4, 8]
    assert config["made_from"]["training"]["budget"] == {"epsilon": 0.05, "snr_db": None, "sparsity": 0.12}

    status, out, err = staanet(
        *("attack", "staa_net", tmp_path / "dataset", tmp_path / "adversarial"),
        *("--source", tmp_path / "model", "--generator", tmp_path / "generator", "--epsilon", 0.05),
    )
    assert (status, err) == (0, "")
    assert "of 24 fooled, as read back from their files" in out
    assert {path.name for path in tmp_path.iterdir()} == {"dataset", "model", "generator", "adversarial"}


def test_training_is_repeatable_to_the_bit(staanet, tmp_path, dataset, model):
    status, _, _ = staanet(
        "train", "zhao19", "--dataset", dataset, "--out", tmp_path / "again", "--seconds", 0.2, "--set", "epochs=1"
    )
    assert status == 0
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (model / name).read_bytes()


@pytest.mark.parametrize("name", ["one.wav", "deep/two.flac"])
def test_an_attacked_file_keeps_its_length_rate_and_channels(staanet, tmp_path, clips, model, generator, name):
    target = tmp_path / f"out.{name.rsplit('.', 1)[1]}"
    status, out, err = staanet(
        "attack", "staa_net", clips / name, target, "--source", model, "--generator", generator, "--snr-db", 10
    )
    assert (status, err) == (0, "")
    assert "fooled, as read back" in out
    before, after = soundfile.info(clips / name), soundfile.info(target)
    assert (after.frames, after.samplerate, after.channels) == (before.frames, before.samplerate, before.channels)
    assert after.subtype == {".wav": "FLOAT", ".flac": "PCM_24"}[target.suffix]
    change = soundfile.read(target, always_2d=True)[0] - soundfile.read(clips / name, always_2d=True)[0]
    assert np.abs(change).max() > 1e-3
    assert change[:, 0] == pytest.approx(change[:, -1], abs=2.0**-22)


def test_a_change_at_the_files_own_rate_is_within_the_budget(staanet, tmp_path, clips, model):
    status, _, _ = staanet(
        *("attack", "noise", clips / "one.wav", tmp_path / "out.wav", "--source", model),
        *("--epsilon", 0.01, "--sparsity", 0.05),
    )
    assert status == 0
    before, after = (soundfile.read(path, dtype="float32")[0] for path in (clips / "one.wav", tmp_path / "out.wav"))
    change = np.abs(after - before)
    assert change.max() <= 0.01 + 1e-6
    assert np.count_nonzero(change) == int(0.05 * len(before))


def test_another_seed_gives_another_attack_and_the_same_seed_the_same_samples(staanet, tmp_path, clips, model):
    for target, seed in (("a", 0), ("b", 0), ("c", 1)):
        staanet("attack", "noise", clips / "one.wav", tmp_path / f"{target}.wav", "--source", model, "--seed", seed)
    first, second, third = (soundfile.read(tmp_path / f"{target}.wav")[0] for target in "abc")
    assert (first == second).all()
    assert (first != third).any()


def test_a_recording_is_attacked_and_classified_window_by_window(staanet, tmp_path, clips, model):
    command = ("attack", "noise", clips / "one.wav", tmp_path / "out.wav", "--source", model)
    status, out, err = staanet(*command, "--window", 0.2)
    assert (status, err) == (0, "")
    recording, *summary = out.splitlines()
    status, out, _ = staanet(*command, "--window", 0.2, "--windows")
    windows = out.splitlines()[: -len(summary)]
    assert out.splitlines() == [*windows, *summary]
    assert len(windows) > 2
    assert windows[0].startswith("one.wav at 0.00 s: ")
    assert f"of {len(windows)} windows fooled" in recording
    assert f"of {len(windows)} fooled" in summary[1]
    status, out, _ = staanet(*command, "--window", 0.2, "--json")
    assert [row["start"] for row in json.loads(out)] == sorted(row["start"] for row in json.loads(out))
    _, out, _ = staanet(*command, "--json")
    assert [row["start"] for row in json.loads(out)] == [None]


def test_a_folder_is_attacked_file_by_file(staanet, tmp_path, clips, model):
    status, out, _ = staanet("attack", "noise", clips, tmp_path / "out", "--source", model, "--json")
    assert status == 0
    rows = json.loads(out)
    assert [row["path"] for row in rows] == ["deep/two.flac", "one.wav"]
    assert {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")} == {
        "one.wav",
        "deep/two.flac",
    }
    assert all(row["snr_peak_db"] == pytest.approx(17, abs=0.1) for row in rows)
    assert all(row["sparsity"] == pytest.approx(0.12, abs=1e-3) for row in rows)


def test_a_dataset_is_attacked_clip_by_clip(staanet, tmp_path, dataset, model):
    status, out, _ = staanet("attack", "noise", dataset, tmp_path / "out", "--source", model, "--json")
    assert status == 0
    prepared = Dataset(dataset)
    assert [row["path"] for row in json.loads(out)] == [f"{clip}.flac" for clip in prepared.utterances]
    for clip in prepared.utterances:
        after = soundfile.info(tmp_path / "out" / f"{clip}.flac")
        assert (after.frames, after.samplerate, after.channels) == (prepared.length(clip), 16_000, 1)


def test_unreadable_and_silent_files_are_reported_and_the_rest_is_attacked(staanet, tmp_path, clips, model):
    (clips / "garbage.wav").write_bytes(b"no audio" * 40)
    (clips / "cut.wav").write_bytes((clips / "one.wav").read_bytes()[:-500])
    soundfile.write(clips / "silent.wav", np.zeros(4000), 16_000)
    soundfile.write(clips / "tiny.wav", np.full(1, 0.1), 48_000)
    status, out, err = staanet("attack", "noise", clips, tmp_path / "out", "--source", model, "--json")
    assert status == 0
    assert len(json.loads(out)) == 2
    lines = err.splitlines()
    assert len(lines) == 4
    for name in ("garbage.wav", "cut.wav", "silent.wav", "tiny.wav"):
        (line,) = [line for line in lines if name in line]
        assert "expected" in line
        assert line.endswith("; skipped")


def test_each_skipped_clip_is_one_line_on_stderr_however_long(tmp_path, clips):
    folder = tmp_path / ("a rather long name of a folder " * 4).strip() / "joy"
    folder.mkdir(parents=True)
    (folder / "garbage-1.wav").write_bytes(b"no audio" * 40)
    (clips / "one.wav").rename(folder / "anna-1.wav")
    done = subprocess.run(
        [sys.executable, "-m", "staanet", "prepare", "folder", str(folder.parent), "--out", str(tmp_path / "dataset")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    reason = "expected readable audio, got Format not recognised; replace the file; "
    (line,) = [line for line in done.stderr.splitlines() if "garbage" in line]
    assert line.startswith(f"{folder / 'garbage-1.wav'}: {reason}")
    assert line.endswith("; skipped")


def test_in_a_terminal_what_to_do_is_on_a_line_of_its_own(staanet, monkeypatch):
    from staanet.core import progress

    status, _, err = staanet("attack", "nois", "in", "out", "--source", "model")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert err.endswith("; did you mean 'noise'?\n")
    monkeypatch.setattr(progress, "console", Console(stderr=True, force_terminal=True, width=4000, color_system=None))
    status, _, err = staanet("attack", "nois", "in", "out", "--source", "model")
    assert status == 2
    first, second = (line.rstrip() for line in err.splitlines())
    assert first.endswith("; got 'nois'")
    assert second == " " * 9 + "did you mean 'noise'?"
