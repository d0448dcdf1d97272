"""A study of several folds in toy: a page after each, and at the end every clip of their test parts once."""

import csv
import json

import pytest

from staanet import report, study
from staanet.core.run import Run
from staanet.evaluation import pooled

pytestmark = pytest.mark.slow

FOLDS = 3


def run_folds(toy, folder, which, patch):
    """Run some folds; return the records and the page as it was after each fold."""
    text = toy.read_text().replace("epochs = 3", "epochs = 1").replace("run = [0]", f"run = {which}")
    text = text[: text.index("[models.zhao19]")] + text[text.index("[generators.compact]") :]
    (folder / "folds.toml").write_text(text)
    write, pages = report.write, []

    def written(run):
        path = write(run)
        pages.append(path.read_text(encoding="utf-8"))
        return path

    patch.setattr(report, "write", written)
    return study.run(folder / "folds.toml", folder / "out"), pages


@pytest.fixture(scope="module")
def runs(toy, tmp_path_factory):
    """Two of the three folds, and then all of them in the same folder, in which two are found."""
    folder = tmp_path_factory.mktemp("folds")
    with pytest.MonkeyPatch.context() as patch:
        two = run_folds(toy, folder, [0, 2], patch)
    with pytest.MonkeyPatch.context() as patch:
        made = []
        train = study.artefacts.models.train_model
        patch.setattr(
            "staanet.study.artefacts.models.train_model", lambda *args, **kw: made.append(args[0]) or train(*args, **kw)
        )
        every = run_folds(toy, folder, [], patch)
        assert len(made) == 1
    return folder / "out", two, every


def test_a_page_is_partial_until_its_last_fold_is_there(runs):
    _, (_, two), (_, every) = runs
    assert ["PARTIAL, folds are missing" in page for page in two] == [True, False]
    assert ["PARTIAL, folds are missing" in page for page in every] == [True, True, False]
    assert "fold 0 of the 2 planned" in two[0]
    assert "folds 0, 2 of the" not in two[1]
    assert "fold 0 of the 3 planned" in every[0]
    assert "folds 0, 1 of the 3 planned" in every[1]
    assert "folds 0, 1, 2;" in every[2]


def test_each_fold_has_its_records(runs):
    out, (two, _), (every, _) = runs
    assert {record.fold for record in two} == {0, 2}
    assert {record.folds_planned for record in two} == {2}
    assert Run(out).records == every
    assert [record.fold for record in every if record.attack == "noise"] == [0, 1, 2]
    assert all(record.folds == (record.fold,) and record.folds_planned == 3 and record.partial for record in every)


def test_all_folds_hold_every_clip_once(runs):
    out, _, (every, _) = runs
    outcomes = Run(out).outcomes
    (dataset,) = (out / "datasets").iterdir()
    lines = (dataset / "manifest.jsonl").read_text().splitlines()
    clips = {about["id"]: about for about in (json.loads(line)["utterance"] for line in lines)}
    found = pooled(every, outcomes)
    assert [record.attack for record in found] == ["staa_net", "shuffled_staa_net", "noise"]
    for record in found:
        assert record.n == len(clips) == sum(part.n for part in every if part.attack == record.attack)
        assert (record.folds, record.partial) == ((0, 1, 2), False)
        rows = outcomes(record)
        assert sorted(row["id"] for row in rows) == sorted(clips)
        assert {(row["speaker"], row["gender"]) for row in rows} == {
            (about["speaker"], about["gender"]) for about in clips.values()
        }
        assert record.speakers == len({about["speaker"] for about in clips.values()}) == 6
        assert record.asr == sum(row["predicted_adv"] != row["predicted_clean"] for row in rows) / len(clips)
        assert (
            record.asr_speaker_ci[0] <= record.asr_ci[0] <= record.asr <= record.asr_ci[1] <= record.asr_speaker_ci[1]
        )
        assert set(record.clips_by_class) == {len(clips) // 4}


def test_the_tables_hold_the_pooled_records(runs):
    out, _, (_, pages) = runs
    for name in ("records", "transfer"):
        with (out / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["attack"], row["n"], row["folds"]) for row in rows] == [
            (attack, "24", "[0,1,2]") for attack in ("staa_net", "shuffled_staa_net", "noise")
        ]
    with (out / "tables" / "comparisons.csv").open(encoding="utf-8", newline="") as file:
        compared = [(row["attack"], row["other"], row["n"]) for row in csv.DictReader(file)]
    assert compared == [("staa_net", "shuffled_staa_net", "24"), ("staa_net", "noise", "24")]
    assert "The case has 24 clips of synthetic by 6 speakers (folds 0, 1, 2), too few" in pages[-1]
    assert "few_speakers" in pages[-1]


def test_the_page_can_be_written_again_from_the_records(runs):
    out, _, (_, pages) = runs
    assert report.write(out).read_text(encoding="utf-8") == pages[-1]
