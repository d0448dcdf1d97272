"""An evaluation of a model whose robustness is known, from the recordings to the files and the exit status."""

import json
from xml.etree import ElementTree

import pytest

import staanet
from staanet.assessment import Plan, wording
from staanet.audio.corruptions import CORRUPTIONS
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
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
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")


def test_corruptions_are_part_of_the_result_and_of_the_page(evaluate, tmp_path):
    found = evaluate(clips=4)
    assert len(found.corruptions) == len(CORRUPTIONS)
    assert {one.severity for one in found.corruptions} == {3}
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert all(name in page for name in CORRUPTIONS)
    assert "Of the corruptions that nobody intends" in "\n".join(wording.lines(found))


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
