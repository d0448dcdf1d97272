"""An evaluation of a model whose robustness is known, from the recordings to the files and the exit status."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import staanet
from staanet.assessment import Plan, wording
from staanet.assessment.page.wording import plain
from staanet.audio import files
from staanet.audio.corruptions import CORRUPTIONS
from staanet.core import checkpoints
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.files import read_json
from staanet.corpora import Folder
from staanet.data import prepare
from staanet.models import create_model


@pytest.fixture
def evaluate(model, recordings, tmp_path):
    def run(name="decide", preset="quick", **settings):
        return staanet.evaluate(f"{model}:{name}", recordings, tmp_path / "out", preset=preset, **settings)

    return run


def series(found, dense=True):
    return {
        (point.snr_db if dense else point.sparsity): point.accuracy_robust
        for point in found.curve
        if (point.sparsity == 1) == dense
    }


def test_the_curves_are_those_of_the_distances(evaluate):
    found = evaluate()
    assert (found.n, found.chance) == (12, 0.5)
    assert found.accuracy_clean == pytest.approx(10 / 12)
    # 70 dB below 0.5 is 1.6e-4, 60 dB 5e-4, 50 dB 1.6e-3, 40 dB 5e-3, 30 dB 1.6e-2
    expected = {70: 8, 60: 8, 50: 2, 40: 2, 30: 0, 20: 0, 10: 0}
    assert series(found) == {snr: pytest.approx(count / 12) for snr, count in expected.items()}
    # 17 dB below 0.5 is 0.071: 1e-4 needs 0.14 % of the samples, 1e-3 1.4 %, 1e-2 14 %
    expected = {0.0: 10, 0.0001: 10, 0.001: 10, 0.01: 8, 0.04: 2, 0.12: 2}
    assert series(found, dense=False) == {share: pytest.approx(count / 12) for share, count in expected.items()}
    assert (found.reference, found.accuracy_robust) == ("40 dB", pytest.approx(2 / 12))
    assert all(point.accuracy_noise == pytest.approx(10 / 12) for point in found.curve[:4])


def test_every_file_holds_the_same_result(evaluate, tmp_path):
    found = evaluate()
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert {"model", "n", "accuracy_clean", "accuracy_robust", "uar_clean", "uar_robust", "chance"} <= set(written)
    assert {"curve", "flags", "verdict"} <= set(written)
    assert written["accuracy_robust"] == found.accuracy_robust
    keys = {"snr_db", "sparsity", "accuracy_robust", "accuracy_robust_ci", "accuracy_noise", "attack"}
    assert all(keys <= set(point) for point in written["curve"])
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    for text in (page, (tmp_path / "out" / "summary.md").read_text()):
        assert "linear.py:decide is right on 83.3 % of 12 clips" in text
        assert str(tmp_path) not in text
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)


def test_corruptions_are_part_of_the_result_and_of_the_page(evaluate, tmp_path):
    found = evaluate(clips=4)
    assert len(found.corruptions) == len(CORRUPTIONS)
    assert {one.severity for one in found.corruptions} == {3}
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert all(plain(name) in page for name in CORRUPTIONS)
    assert "Of the corruptions that nobody intends" in "\n".join(wording.lines(found))


def test_the_folder_holds_clips_to_hear_within_their_budgets(evaluate, tmp_path):
    found = evaluate(clips=6)
    folders = sorted((tmp_path / "out" / "examples").iterdir())
    assert folders
    for folder in folders:
        about = json.loads((folder / "example.json").read_text())
        original, attacked, noise = (
            files.read(folder / f"{name}.flac")[0] for name in ("original", "attacked", "noise")
        )
        largest = np.abs(original).max() * 10 ** (-about["snr_db"] / 20)
        assert 0 < np.abs(attacked - original).max() <= largest + 1e-5
        assert np.abs(noise - original).max() == pytest.approx(largest, abs=2**-15)
        assert about["decision"]["original"] == about["label"] != about["decision"]["attacked"]
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert page.count("<audio") == 4 * len(folders)
    assert len(page) < 1_500_000
    assert sum(sum(row.values()) for row in found.curve[0].decisions.values()) == found.n


def test_an_interrupted_evaluation_resumes_and_a_finished_one_computes_nothing(evaluate, tmp_path, monkeypatch):
    whole = evaluate()
    parts = sorted((tmp_path / "out" / "parts").glob("*/0*.json"))
    assert len(parts) == 2
    before = parts[0].stat().st_mtime_ns
    parts[1].unlink()
    assert evaluate() == whole
    assert parts[0].stat().st_mtime_ns == before
    monkeypatch.setattr("staanet.assessment.measurement._measured", lambda *_: pytest.fail("measured again"))
    assert evaluate() == whole


def test_the_ensemble_of_a_model_without_gradients_is_black_box(evaluate):
    found = evaluate("without_gradients", clips=4)
    assert found.about["attacks"] == ["fakebob", "sparse_rs"]
    assert found.about["access"] == "scores"


def test_thresholds_pass_fail_or_stay_undecided_by_their_interval(evaluate, tmp_path):
    found = evaluate(fail_under=["accuracy_clean=0.3", "accuracy_robust@30=0.9", "accuracy_robust=0.2"])
    assert [line.result for line in found.verdict] == ["pass", "fail", "undecided"]
    suite = ElementTree.fromstring(  # noqa: S314
        (tmp_path / "out" / "verdict.xml").read_text()
    )
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    alone = evaluate(fail_under=["accuracy_robust@30=0.9"]).verdict[0]
    assert alone.ci[1] < found.verdict[1].ci[1]


def test_a_file_of_thresholds_needs_reasons(evaluate, tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text('[accuracy_clean]\nleast = 0.3\nreason = "the service agreement"\n')
    assert evaluate(thresholds=path).verdict[0].reason == "the service agreement"
    path.write_text("[accuracy_clean]\nleast = 0.3\n")
    with pytest.raises(StaanetError, match="expected least and reason in the table accuracy_clean"):
        evaluate(thresholds=path)


def test_a_random_model_is_flagged(evaluate):
    assert "randomised" in evaluate("at_random", clips=4).flags


def test_a_dry_run_says_what_would_be_done_and_attacks_nothing(evaluate, tmp_path):
    plan = evaluate(dry_run=True)
    assert isinstance(plan, Plan)
    assert (len(plan.clips), plan.attacks) == (12, ["fmn", "apgd", "sigma_zero", "spgd"])
    assert plan.seconds > 0
    assert 0.2 < plan.resolution < 0.3
    assert not (tmp_path / "out" / "evaluation.json").exists()


def test_fewer_clips_are_drawn_with_equal_shares_and_are_part_of_more(evaluate):
    few, more = (evaluate(dry_run=True, clips=count) for count in (4, 8))
    assert set(few.clips) < set(more.clips)
    assert sorted(clip.split("/")[0] for clip in few.clips) == ["anger"] * 2 + ["neutral"] * 2


def test_labels_of_the_model_are_renamed_and_restricted_to_those_of_the_clips(evaluate, model):
    model.write_text(model.read_text().replace('"anger", "neutral"', '"ang", "neutral"'))
    with pytest.raises(StaanetError, match=r"expected a model that knows two or more emotions.*--model-set"):
        evaluate(dry_run=True)
    assert evaluate(dry_run=True, model_settings={"labels": {"ang": "anger"}}).model.labels == ("anger", "neutral")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "fast"}, "expected a preset from quick, standard, thorough"),
        ({"clips": 1}, "expected two clips or more"),
        ({"budgets": [-5.0, float("nan")]}, "peak SNRs in dB"),
        ({"budgets": [99.0]}, "16-bit"),
        ({"fail_under": ["accuracy=0.5"]}, "expected a threshold from"),
        ({"fail_under": ["accuracy_robust"]}, "expected KEY=VALUE"),
        ({"fail_under": ["accuracy_robust=50"]}, "expected a share in 0..1, got 50"),
        ({"fail_under": ["accuracy_robust=half"]}, "expected numbers"),
        ({"fail_under": ["accuracy_robust@45=0.5"]}, "expected a budget of the curve"),
        ({"corpus": "nosuch"}, "expected a corpus from"),
        ({"trust": False}, "--trust"),
    ],
)
def test_mistakes_are_told_in_one_line_before_any_work(evaluate, settings, message, tmp_path):
    with pytest.raises(StaanetError, match=message) as caught:
        evaluate(**settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "parts").exists()


def test_clips_that_a_checkpoint_was_trained_on_are_left_out(recordings, tmp_path, caplog):
    prepared = prepare(Folder(), recordings, tmp_path / "prepared")
    network = create_model("emo18", ("anger", "neutral"), seconds=0.1)
    split = {"train": ["anger/a-a1"], "val": ["neutral/b-b1"], "test": ["anger/a-a2", "neutral/a-a2"]}
    for name, digest in (("trained", prepared.digest), ("elsewhere", "another")):
        checkpoints.save(network, tmp_path / name, made_from={"dataset": digest}, split=split)
    with caplog.at_level("INFO"):
        plan = staanet.evaluate(tmp_path / "trained", tmp_path / "prepared", tmp_path / "out", dry_run=True)
    assert sorted(plan.clips) == split["test"]
    assert "trained was trained on 10 of these clips, which are left out" in caplog.text
    plan = staanet.evaluate(tmp_path / "elsewhere", tmp_path / "prepared", tmp_path / "out", dry_run=True)
    assert len(plan.clips) == 12


def test_a_dataset_at_another_rate_is_refused(model, recordings, tmp_path):
    prepare(Folder(), recordings, tmp_path / "prepared", 8000)
    with pytest.raises(StaanetError, match="expected clips at the model's 16000 Hz, got 8000 Hz"):
        staanet.evaluate(f"{model}:decide", tmp_path / "prepared", tmp_path / "out")
    with pytest.raises(StaanetError, match="found none"):
        staanet.evaluate(f"{model}:decide", tmp_path / "nothing", tmp_path / "out")


def test_a_model_that_changes_while_its_results_are_reused_is_refused_in_one_line(evaluate, model, tmp_path):
    """A file that the model imports is no part of its identity."""
    (tmp_path / "gain.py").write_text("gain = 100\n")
    text = model.read_text().replace("100 *", "gain() *")
    reading = f"\n\ndef gain():\n    return float(open({str(tmp_path / 'gain.py')!r}).read().split()[-1])\n"
    model.write_text(text + reading)
    found = evaluate(clips=4)
    assert evaluate(clips=4) == found
    (tmp_path / "gain.py").write_text("gain = -100\n")
    with pytest.raises(StaanetError, match=r"expected the model with which .* otherwise on 4 of 4 clips") as caught:
        evaluate(clips=4)
    assert "\n" not in str(caught.value)


def test_another_model_in_the_same_folder_is_told(evaluate, model, caplog):
    evaluate(clips=4)
    model.write_text(model.read_text().replace("100 *", "50 *"))
    with caplog.at_level("INFO"):
        evaluate(clips=4)
    assert "holds an evaluation of linear.py:decide, which differs in" in caplog.text


def test_what_so_many_clips_can_show_is_told_before_work(evaluate, tmp_path):
    lines = wording.plan(evaluate(dry_run=True))
    assert "it is 57 points" in lines[-1]  # 2.8 times the root of 2 x 0.25 / 12
    assert "if it is 36 points and the two differ on 20 % of the clips" in lines[-1]
    assert not (tmp_path / "out" / "parts").exists()


@pytest.mark.parametrize(
    ("clips", "threshold", "message"),
    [
        (4, "accuracy_clean=0.9", "it can fail, but not pass: with all of them right, the interval begins at 51 %"),
        (4, "accuracy_robust=0.1", "it can pass, but not fail: with none of them right, the interval ends at 49 %"),
        (4, "uar_robust=0.1", "it can pass, but not fail: with none of them right, the interval ends at 47 %"),
    ],
)
def test_a_threshold_that_so_few_clips_cannot_pass_or_fail_is_told_before_work(evaluate, clips, threshold, message):
    with pytest.warns(StaanetWarning, match=message):
        evaluate(dry_run=True, clips=clips, fail_under=[threshold])


def test_too_few_clips_to_decide_anything_are_refused_before_work(evaluate, tmp_path):
    with pytest.raises(StaanetError, match=r"accuracy_clean=0.5: .*got 3, with which it can neither pass nor fail"):
        evaluate(clips=3, fail_under=["accuracy_clean=0.5"])
    assert not (tmp_path / "out" / "parts").exists()


def test_a_baseline_of_other_clips_is_told_before_work(evaluate, tmp_path):
    evaluate(clips=4)
    (tmp_path / "out").rename(tmp_path / "before")
    with pytest.raises(StaanetError, match=r"expected the same clips, got 4 and 8 of which 4 are in both") as caught:
        evaluate(clips=8, baseline=tmp_path / "before")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "parts").exists()


def test_corrected_speakers_are_those_of_the_results_without_a_new_measurement(evaluate, recordings, caplog):
    """The samples are the same, so that no clip is attacked again."""
    table = recordings / "metadata.csv"

    def measured(gender):
        lines = [f"{path.parent.name}/{path.name},{path.parent.name},s{number % 2},{gender}" for number, path in files]
        table.write_text("\n".join(["file,emotion,speaker,gender", *lines]) + "\n")
        return evaluate(clips=4)

    files = list(enumerate(sorted(recordings.rglob("*.wav"))))
    before, after = measured("female"), measured("male")
    assert before.curve == after.curve
    assert before.about["signature"] == after.about["signature"]
    rows = read_json(recordings.parent / "out" / "clips.json")
    assert {row["gender"] for row in rows} == {"male"}
    assert "replaces" not in caplog.text


def test_results_are_not_written_among_the_clips(model, recordings):
    with pytest.raises(StaanetError, match=r"expected results outside of .*, whose clips they would become"):
        staanet.evaluate(f"{model}:decide", recordings, recordings / "runs" / "net", preset="quick", clips=4)
