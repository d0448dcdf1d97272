"""Evaluations of models of emotional dimensions, from a file of the user and a table to the figures and the page."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from rated import DIMENSIONS, write_rated
from staanet.assessment import DimensionalEvaluation, DimensionalPlan, evaluate
from staanet.assessment.dimensional import wording
from staanet.assessment.dimensional.figures import figures
from staanet.assessment.dimensional.measurement import DimensionalRow
from staanet.assessment.dimensional.reach import Members, Reach, members_of
from staanet.assessment.saving import Saved
from staanet.assessment.settings import PRESETS, Curves, Member
from staanet.attacks import create_attack
from staanet.cli import app
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError
from staanet.data import Batch
from staanet.models import load_deciding, load_model


@pytest.fixture
def mine(tmp_path):
    return write_rated(tmp_path)


FEW_STEPS = replace(
    PRESETS["quick"],
    dense=(Member("fmn", {"norm": "linf", "steps": 4}, minimal=True), Member("apgd", {"steps": 6, "restarts": 1})),
    sparse=(Member("sigma_zero", {"steps": 4}, minimal=True), Member("spgd", {"steps": 4})),
    dense_queries=0,
    sparse_queries=0,
)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr("staanet.assessment.dimensional.PRESETS", {**PRESETS, "quick": FEW_STEPS})
    monkeypatch.setattr("staanet.assessment.measurement.ONLY_QUERIES", 60)
    monkeypatch.setattr("staanet.metrics.dimensions.DRAWS", 200)


def evaluated(mine, name="build", **settings):
    return evaluate(
        f"{mine / 'net.py'}:{name}",
        mine / "corpus",
        mine / "out",
        **{
            "preset": "quick",
            "budgets": (40, 20),
            "trust": True,
            "model_settings": DIMENSIONS,
            "corpus_settings": DIMENSIONS,
            **settings,
        },
    )


def test_a_linear_model_moves_by_the_size_of_the_budget(mine):
    found = evaluated(mine, distance=0.02)
    assert isinstance(found, DimensionalEvaluation)
    assert [one.name for one in found.dimensions] == ["arousal", "valence"]
    assert found.dimensions[0].ccc_clean > 0.99
    peaks = 0.1 + 0.1 * np.arange(6)
    point = next(one for one in found.curve if (one.dimension, one.name) == ("arousal", "20 dB"))
    assert point.mean_up == pytest.approx(0.1 * peaks.mean(), abs=1e-3)
    assert point.mean_down == pytest.approx(0.1 * peaks.mean(), abs=1e-3)
    assert point.moved == pytest.approx(np.mean(0.1 * peaks >= 0.0199), abs=1e-9)
    assert point.ccc_robust < point.ccc_noise
    assert point.ccc_robust_ci[0] <= point.ccc_robust <= point.ccc_robust_ci[1]
    robust = [one.ccc_robust for one in found.curve if one.dimension == "arousal" and one.sparsity == 1]
    assert robust == sorted(robust, reverse=True)
    page = (mine / "out" / "report" / "index.html").read_text()
    assert "arousal" in page
    assert "CCC under attack" in page
    assert "| 20 dB |" in (mine / "out" / "summary.md").read_text()
    written = json.loads((mine / "out" / "dimensions.json").read_text())
    assert written["curve"][0]["ccc_robust"] == found.curve[0].ccc_robust


def test_an_interrupted_evaluation_resumes_and_a_model_without_gradients_is_queried(mine, monkeypatch):
    first = evaluated(mine, "without_gradients", clips=4)
    assert first.about["attacks"] == ["fakebob", "sparse_rs"]
    assert {*first.about["left_out"]} == {one.attack for one in (*FEW_STEPS.dense, *FEW_STEPS.sparse)}
    monkeypatch.setattr("staanet.assessment.dimensional.measurement.Reach", None)
    assert evaluated(mine, "without_gradients", clips=4).curve == first.curve


def test_on_the_command_line(mine, monkeypatch):
    monkeypatch.chdir(mine)
    words = ["evaluate", "net.py:build", "corpus", "--trust", "--preset", "quick", "--budgets", "40", "--out", "cli"]
    for option in ("--model-set", "--set"):
        words += [option, 'dimensions=["arousal", "valence"]', option, "scale=[1, 7]"]
    done = CliRunner().invoke(app, [*words, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "move arousal and valence up and down" in done.output
    assert not Path("cli/report").exists()
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "CCC under attack:" in done.output
    assert Path("cli/report/index.html").is_file()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(mine, monkeypatch):
    monkeypatch.setattr("staanet.assessment.dimensional.measurement.Reach", None)
    plan = evaluated(mine, "without_gradients", dry_run=True)
    assert isinstance(plan, DimensionalPlan)
    assert plan.seconds > 0
    assert not (mine / "out" / "parts").exists()
    first, left_out, saved = wording.plan(plan)
    assert "on 6 clips of folder: fakebob, sparse_rs move arousal and valence up and down at 2 budgets" in first
    assert "apgd, which needs gradients, which the model does not give" in left_out
    assert saved.startswith("Clips are saved")


def test_a_dry_run_of_more_dimensions_and_budgets_takes_longer(mine, monkeypatch):
    monkeypatch.setattr("staanet.assessment.dimensional.measurement.pass_seconds", lambda *_: (0.1, 0.2))
    short = evaluated(mine, dry_run=True).seconds
    assert evaluated(mine, dry_run=True, budgets=(50, 40, 30, 20)).seconds > short
    assert evaluated(mine, dry_run=True, clips=3).seconds == pytest.approx(short / 2)


@pytest.fixture
def reach():
    """How far attacks move a mean of four samples; the first clip has ten times the peak of the second."""
    clips = torch.tensor([[0.5, -0.5, 0.5, -0.5], [0.05, -0.05, 0.05, -0.05]])
    lengths = torch.tensor([4, 4])
    batch = Batch(clips, lengths, torch.zeros_like(lengths), ("a", "b"))
    curves = Curves(dense=(40.0, 20.0, 10.0), sparse=(), reference_db=20.0)
    model = as_classifier(lambda waveforms: waveforms.mean(1, keepdim=True))
    return Reach(model, batch, curves, Saved("float32"), 0, 0.04)


def test_the_smallest_change_counts_at_every_budget_that_it_fits(reach):
    fmn = Member("fmn", {"norm": "linf", "steps": 100}, minimal=True)
    up = reach.moved(Members([fmn], [], {}), "up")[:, :, 0]  # within 40, 20 and 10 dB
    assert up[0].tolist() == [0, 0]
    assert up[1, 0] == pytest.approx(0.045, abs=0.005)
    assert up[2, 0] == up[1, 0]
    assert float(up[1, 1]) < 0.04


def test_the_last_resort_attacks_what_others_left_at_the_reference_budget_and_above(reach, monkeypatch):
    attacked = []

    def recorded(name, **settings):
        attack = create_attack(name, **settings)
        if name != "fakebob":
            return attack
        return lambda source, clips, *rest, **more: (
            attacked.append((settings["budget"].snr_db, len(clips))) or attack(source, clips, *rest, **more)
        )

    monkeypatch.setattr("staanet.assessment.dimensional.reach.create_attack", recorded)
    members = Members([Member("fgsm", {}), Member("fakebob", {"queries": 4, "draws": 2}, last_resort=True)], [], {})
    reach.moved(members, "down")
    assert attacked == [(20.0, 1), (10.0, 1)]


def test_attacks_of_the_ensemble_that_cannot_move_an_output_are_left_out_with_the_reason(mine):
    model = load_model(f"{mine / 'net.py'}:build", trust=True, **DIMENSIONS)
    others = (Member("contrastive", {}), Member("pgd", {"targeted": True}))
    members = members_of(replace(PRESETS["quick"], dense=(*others, *PRESETS["quick"].dense)), model)
    assert [member.attack for member in members.dense] == [member.attack for member in PRESETS["quick"].dense]
    assert [member.attack for member in members.sparse] == [member.attack for member in PRESETS["quick"].sparse]
    assert set(members.left_out) == {"contrastive", "pgd"}
    assert members.left_out["contrastive"].startswith("uses representations")
    assert members.left_out["pgd"].startswith("is targeted")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fail_under": ("accuracy_robust=0.5",)}, "no fail_under for a model of emotional dimensions"),
        ({"distance": 1.5}, "a distance above 0 and up to 1"),
        ({"clips": 2}, "arousal: expected 3 clips or more for a CCC, got 2"),
        ({"model_settings": {"dimensions": ("arousal", "power")}}, "ratings of power, got arousal, valence"),
        ({"model_settings": {"dimensions": ("arousal",)}}, "each of the dimensions arousal, got 2 outputs"),
        ({"model_settings": {"labels": ("anger", "joy")}}, "clips with emotions for a model of anger, joy"),
        ({"model_settings": {"labels": ("a", "b"), "dimensions": ("c", "d")}}, "either labels or dimensions"),
        ({"model_settings": {"labels": ("anger", "joy")}, "distance": 0.2}, "no distance for a model of emotions"),
        ({"corpus_settings": {"dimensions": ("arousal", "valence")}}, "on the scale from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(mine, settings, message):
    with pytest.raises(StaanetError, match=message) as caught:
        evaluated(mine, **settings)
    assert "\n" not in str(caught.value)


def test_a_dataset_of_emotions_is_refused(mine, dataset):
    settings = {"labels": (), **DIMENSIONS}
    with pytest.raises(StaanetError, match="a dataset of emotions without ratings"):
        evaluate(f"{mine / 'net.py'}:build", dataset.folder, mine / "out", trust=True, model_settings=settings)


def test_constant_ratings_are_refused_before_any_work(mine):
    table = mine / "corpus" / "metadata.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(f"{line.rsplit(',', 1)[0]},4" for line in lines[1:])]))
    with pytest.raises(StaanetError, match=r"valence: expected ratings that differ, got 0.5 for every clip"):
        evaluated(mine)


def test_the_output_farthest_from_the_rating_counts():
    ratings, clean, up, down = (0.2, 0.5, 0.8), (0.25, 0.5, 0.75), (0.3, 0.9, 0.76), (0.0, 0.4, 0.7)
    rows = [
        DimensionalRow(
            str(place), "s", {"a": ratings[place]}, {"a": clean[place]}, *({"a": [of[place]]} for of in each)
        )
        for place, each in enumerate([(clean, up, down)] * 3)
    ]
    _, (point,) = figures(rows, ["a"], [(40.0, 1.0)], 0.3)
    assert point.rmse_robust == pytest.approx(np.sqrt((0.2**2 + 0.4**2 + 0.1**2) / 3))
    assert point.moved == pytest.approx(1 / 3)
    assert (point.mean_up, point.mean_down) == pytest.approx((0.46 / 3, 0.4 / 3))


def test_a_model_of_dimensions_keeps_its_gradients_and_scale(mine):
    model = load_model(f"{mine / 'net.py'}:build", trust=True, **DIMENSIONS)
    assert model.access == "gradient"
    assert model(torch.full((1, 4), 0.5)).tolist() == [pytest.approx([0.5, 3.5 / 6])]


def test_commands_that_need_decisions_refuse_it_before_it_is_loaded(mine):
    with pytest.raises(StaanetError, match="decides between emotions, got one of the dimensions arousal, valence"):
        load_deciding(f"{mine / 'net.py'}:missing", trust=True, **DIMENSIONS)
