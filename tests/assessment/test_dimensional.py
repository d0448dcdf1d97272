"""Evaluations of models of emotional dimensions, from a file of the user and a table to the figures and the page."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from staanet.assessment import DimensionalEvaluation, evaluate
from staanet.assessment.dimensional.figures import figures
from staanet.assessment.dimensional.measurement import DimensionalRow
from staanet.audio.files import write
from staanet.cli import app
from staanet.core.errors import StaanetError
from staanet.models import load_deciding, load_model

MODEL = """
import torch

def build():
    def outputs(clips):
        level = clips.abs().mean(1)
        return torch.stack([1 + 6 * level, 4 + clips.mean(1)], 1)
    return outputs

def without_gradients():
    return lambda clips: build()(clips).detach().numpy()
"""


@pytest.fixture
def mine(tmp_path):
    """A model of two dimensions on a scale from 1 to 7, and a table of clips whose arousal is their level."""
    (tmp_path / "net.py").write_text(MODEL)
    random = np.random.default_rng(0)
    lines = ["path,speaker,arousal,valence"]
    for number in range(6):
        level = 0.1 + 0.1 * number
        name = f"s{number % 3}_{number}.wav"
        write(tmp_path / "corpus" / name, (level * random.choice([-1, 1], 800)).astype(np.float32), 16_000)
        lines.append(f"{name},s{number % 3},{1 + 6 * level + 0.1 * (number % 2):.3f},{1 + number}")
    (tmp_path / "corpus" / "metadata.csv").write_text("\n".join(lines))
    return tmp_path


MODEL_SETTINGS = {"dimensions": ("arousal", "valence"), "scale": (1, 7)}
CORPUS_SETTINGS = {"dimensions": ("arousal", "valence"), "scale": (1, 7)}


def evaluated(mine, name="build", **settings):
    return evaluate(
        f"{mine / 'net.py'}:{name}",
        mine / "corpus",
        mine / "out",
        **{
            "preset": "quick",
            "budgets": (40, 20),
            "trust": True,
            "model_settings": MODEL_SETTINGS,
            "corpus_settings": CORPUS_SETTINGS,
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
    monkeypatch.setattr("staanet.assessment.dimensional.measurement.create_attack", None)
    assert evaluated(mine, "without_gradients", clips=4).curve == first.curve


def test_on_the_command_line(mine, monkeypatch):
    monkeypatch.chdir(mine)
    words = ["evaluate", "net.py:build", "corpus", "--trust", "--preset", "quick", "--budgets", "40", "--out", "cli"]
    for option in ("--model-set", "--set"):
        words += [option, 'dimensions=["arousal", "valence"]', option, "scale=[1, 7]"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "CCC under attack:" in done.output
    assert Path("cli/report/index.html").is_file()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fail_under": ("accuracy_robust=0.5",)}, "no fail_under for a model of emotional dimensions"),
        ({"dry_run": True}, "no dry_run"),
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
    settings = {"labels": (), **MODEL_SETTINGS}
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
    model = load_model(f"{mine / 'net.py'}:build", trust=True, **MODEL_SETTINGS)
    assert model.access == "gradient"
    assert model(torch.full((1, 4), 0.5)).tolist() == [pytest.approx([0.5, 3.5 / 6])]


def test_commands_that_need_decisions_refuse_it_before_it_is_loaded(mine):
    with pytest.raises(StaanetError, match="decides between emotions, got one of the dimensions arousal, valence"):
        load_deciding(f"{mine / 'net.py'}:missing", trust=True, **MODEL_SETTINGS)
