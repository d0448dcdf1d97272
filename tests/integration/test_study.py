"""A whole study in toy, from the corpus to the page."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from staanet import study
from staanet.audio.files import read, write
from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.core.records import PROVENANCE
from staanet.core.run import Run
from staanet.metrics import Outcome, summary


@pytest.fixture(scope="module")
def out(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study.run(toy, folder)
    return folder


@pytest.fixture(scope="module")
def found(out):
    return Run(out).records


def test_every_case_has_its_record(found):
    cases = {(record.attack, record.source, record.target) for record in found}
    names = ("emo18", "zhao19")
    attacks = ("staa_net", "shuffled_staa_net")
    expected = {(attack, source, target) for attack in attacks for source in names for target in names}
    assert cases == expected | {("noise", "none", target) for target in names}


def test_records_follow_from_their_outcomes(out, found):
    for record in found:
        rows = records.read_outcomes(
            records.record_path(out / "records", record.signature, record.source, record.target, record.attack)
        )
        outcome = Outcome.from_rows(rows, len(record.labels))
        for name, value in summary(outcome).items():
            assert getattr(record, name) == pytest.approx(value), name
        assert record.n == len(rows)
        assert record.n_fooled == sum(row["predicted_adv"] != row["predicted_clean"] for row in rows)
        assert sum(record.predictions_adv) == sum(record.predictions_clean) == record.n


def test_speakers_of_the_test_are_in_no_training(out, found):
    split = json.loads((out / "splits" / f"{found[0].split}.json").read_text())
    speakers = {part: {clip.split("-")[0] for clip in split[part]} for part in ("train", "val", "test")}
    assert not speakers["train"] & speakers["test"]
    assert not speakers["train"] & speakers["val"]
    assert not speakers["val"] & speakers["test"]
    rows = records.read_outcomes(next((out / "records").glob("*.json")))
    assert {row["id"] for row in rows} == set(split["test"])


def test_the_budget_holds_in_every_clip(out):
    for path in (out / "records").glob("*.json"):
        for row in records.read_outcomes(path):
            assert row["l0"] <= int(0.12 * row["length"])
            assert row["snr_peak_db"] is None or row["snr_peak_db"] >= 17 - 1e-3


def test_the_clean_figures_of_a_target_are_the_same_for_every_attack(found):
    for target in ("emo18", "zhao19"):
        assert len({(tuple(r.predictions_clean), r.uar_clean) for r in found if r.target == target}) == 1


def test_noise_has_no_generator_and_says_why_its_comb_is_undefined(found):
    noise = next(record for record in found if record.attack == "noise")
    assert noise.generator is None
    assert noise.comb_share is None
    assert noise.notes["comb_share"] == "no generator made the positions, or they are all alike"
    assert noise.comb_share_model is None


def test_no_record_holds_a_path(out, found):
    for record in found:
        text = json.dumps(dataclasses.asdict(record))
        assert str(out) not in text


def test_examples_are_audio_of_the_files_own_length(out):
    folders = list((out / "examples").iterdir())
    assert len(folders) == 4
    for folder in folders:
        original, rate = read(folder / "original.flac")
        adversarial, _ = read(folder / "adversarial.flac")
        assert original.shape == adversarial.shape
        assert rate == 16_000
        assert 0 < np.abs(original - adversarial).max() <= np.abs(original).max() * 10 ** (-17 / 20) + 1e-5


def test_a_second_run_finds_everything(toy, out, monkeypatch):
    for name in (
        "data.prepare",
        "artefacts.models.train_model",
        "artefacts.generators.train_generator",
        "artefacts.adversarial.make_adversarial_set",
        "artefacts.cases.evaluate",
    ):
        monkeypatch.setattr(f"staanet.study.{name}", lambda *_, **__: pytest.fail("made again"))
    before = {path: path.stat().st_mtime_ns for path in (out / "records").iterdir()}
    study.run(toy, out)
    assert {path: path.stat().st_mtime_ns for path in (out / "records").iterdir()} == before


@pytest.mark.slow
def test_a_changed_setting_makes_only_what_depends_on_it(toy, out, tmp_path, monkeypatch):
    changed = tmp_path / "toy.toml"
    changed.write_text(toy.read_text() + "epsilon = 0.01\nsparsity = 0.05\n")
    for name in ("data.prepare", "artefacts.models.train_model", "artefacts.generators.train_generator"):
        monkeypatch.setattr(f"staanet.study.{name}", lambda *_, **__: pytest.fail("made again"))
    now = study.run(changed, out)
    assert {record.budget_epsilon for record in now if record.attack == "noise"} == {0.01}
    assert len(now) == 10
    assert len(list((out / "records").glob("*.json"))) == 12
    study.run(toy, out)


@pytest.mark.slow
def test_folds_and_corpora_keep_apart(toy, tmp_path):
    text = toy.read_text().replace("epochs = 3", "epochs = 1").replace("run = [0]", "run = [0, 1]")
    text = text[: text.index("[models.zhao19]")] + text[text.index("[generators.compact]") :]
    two_folds = tmp_path / "two_folds.toml"
    two_folds.write_text(text)
    first = study.run(two_folds, tmp_path / "out")
    assert sorted(record.fold for record in first if record.attack == "noise") == [0, 1]
    two_folds.write_text(text.replace("seconds = [0.5, 0.6] }", "seconds = [0.5, 0.6], seed = 5 }"))
    second = study.run(two_folds, tmp_path / "out")
    assert not {record.signature for record in first} & {record.signature for record in second}
    for record in (*first, *second):
        assert record.snr_peak_db >= 17 - 1e-3
        assert record.sparsity <= 0.12


@pytest.mark.slow
def test_another_folder_of_clips_is_another_dataset(toy, tmp_path):
    text = toy.read_text()
    start, end = text.index("[corpus]"), text.index("[split]")
    experiment = tmp_path / "own.toml"
    experiment.write_text(
        text[:start] + '[corpus]\nname = "folder"\n\n' + text[end:].replace("epochs = 3", "epochs = 1")
    )
    rng = np.random.default_rng(0)
    signatures = []
    for length in (8000, 9000):
        for speaker in "abcdef":
            for emotion in ("anger", "joy"):
                noise = rng.random(length).astype(np.float32) * 0.2
                write(tmp_path / str(length) / emotion / f"{speaker}-1.wav", noise, 16_000)
        records_now = study.run(experiment, tmp_path / "out", root=tmp_path / str(length))
        signatures.append({record.signature for record in records_now})
    assert not signatures[0] & signatures[1]
    with pytest.raises(StaanetError, match="nosuch"):
        study.run(experiment, tmp_path / "out", root=tmp_path / "nosuch")


def test_fresh_without_the_corpus_loses_nothing(toy, tmp_path):
    experiment = tmp_path / "own.toml"
    experiment.write_text(toy.read_text().replace('"synthetic"', '"emodb"').replace("settings = {", "# {"))
    (tmp_path / "out" / "datasets").mkdir(parents=True)
    (tmp_path / "out" / "models").mkdir()
    with pytest.raises(StaanetError, match="nosuch"):
        study.run(experiment, tmp_path / "out", root=tmp_path / "nosuch", fresh=True)
    assert (tmp_path / "out" / "models").is_dir()


def test_fresh_forgets_what_the_last_run_listed(toy, out, tmp_path, monkeypatch):
    shutil.copytree(out, tmp_path / "out")
    monkeypatch.setattr("staanet.study.data.prepare", lambda *_: pytest.fail("stopped here"))
    with pytest.raises(pytest.fail.Exception, match="stopped here"):
        study.run(toy, tmp_path / "out", fresh=True)
    assert not (tmp_path / "out" / "run.json").exists()
    assert not (tmp_path / "out" / "records").exists()


def test_a_record_without_its_outcomes_is_made_again(toy, out):
    path = Run(out).record_paths[0]
    rows = path.with_suffix(".jsonl").read_text()
    path.with_suffix(".jsonl").unlink()
    study.run(toy, out)
    assert path.with_suffix(".jsonl").read_text() == rows


@pytest.mark.slow
def test_fresh_makes_everything_again_with_the_same_bits(toy, out):
    before = {record.signature: record for record in Run(out).records}
    again = study.run(toy, out, fresh=True)
    assert {record.signature for record in again} == set(before)
    for record in again:
        for field in dataclasses.fields(record):
            if field.name not in PROVENANCE:
                assert getattr(record, field.name) == getattr(before[record.signature], field.name), field.name


def test_damaged_outcomes_are_told_and_made_again(toy, out, caplog):
    path = Run(out).record_paths[0].with_suffix(".jsonl")
    text = path.read_text()
    path.write_text(text.replace("0", "1", 1))
    study.run(toy, out)
    assert f"{path}: expected the contents that were written, got others" in caplog.text
    assert path.read_text() == text


def test_a_corpus_without_a_root_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("STAANET_CORPORA", raising=False)
    with pytest.raises(StaanetError, match="--root, or set STAANET_CORPORA"):
        study.run("emodb", tmp_path)
