"""One figure of several evaluations: a panel per corpus, a colour per model, and what it shows in words."""

import json
from dataclasses import asdict
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from staanet.assessment.compare import figure as several
from staanet.cli import app
from staanet.core.errors import StaanetError
from staanet.core.files import write_json


@pytest.fixture
def run(made_up, written):
    """Write an evaluation with its curve to a folder."""

    def write(name, fooled_at, model, **settings):
        folder = written(name, fooled_at, model=model, weights=model, **settings)
        write_json(folder / "evaluation.json", asdict(made_up(fooled_at, model, weights=model, **settings)))
        return folder

    return write


@pytest.fixture
def four(run):
    """Two models on two corpora."""
    return [
        run(f"{model}-{corpus}", fooled, model, corpus=corpus)
        for corpus in ("emodb", "ravdess")
        for model, fooled in (("emo18", [0, 1, 2, -1] * 5), ("whisper", [1, 2, 2, 2] * 5))
    ]


def test_each_corpus_has_a_panel_and_each_model_its_curves(four, tmp_path):
    text = several.write_figure(four, tmp_path / "figures" / "robustness.svg")
    assert ElementTree.parse(tmp_path / "figures" / "robustness.svg").getroot().tag.endswith("svg")  # noqa: S314
    assert text.startswith(
        "emodb: emo18 is right on 75.0 % clean, half of it is gone at 40 dB; whisper is right on 100"
    )
    assert "ravdess: emo18" in text
    assert "by guessing 50.0 %" in text


def test_the_lines_are_the_values_of_the_evaluations(four, monkeypatch, tmp_path):
    drawn = {}
    draw = several._draw
    monkeypatch.setattr(
        several, "_draw", lambda figure, panels, *rest: drawn.update(panels) or draw(figure, panels, *rest)
    )
    several.write_figure(four, tmp_path / "robustness.png")
    assert (tmp_path / "robustness.png").read_bytes().startswith(b"\x89PNG")
    assert list(drawn) == ["emodb", "ravdess"]
    assert [one.model for one in drawn["emodb"]] == ["emo18", "whisper"]
    one = drawn["emodb"][0]
    assert (one.clean, one.chance, one.snrs) == (0.75, 0.5, [60.0, 40.0])
    assert one.robust == [0.5, 0.25]
    assert one.noise == [0.75, 0.75]
    assert all(low <= value <= high for (low, high), value in zip(one.bounds, one.robust, strict=True))


def test_models_of_one_name_are_told_by_their_folders(run, tmp_path):
    runs = [run("before", [0, 2] * 4, "net"), run("after", [2, 2] * 4, "net")]
    text = several.write_figure(runs, tmp_path / "both.pdf")
    assert "before is right on" in text
    assert "after is right on" in text


def test_a_model_named_after_its_corpus_is_one_kind_in_every_panel(run, monkeypatch, tmp_path):
    drawn = {}
    monkeypatch.setattr(several, "_draw", lambda _figure, panels, *_: drawn.update(panels))
    runs = [run(corpus, [0, 2] * 4, f"emo18-{corpus}", corpus=corpus) for corpus in ("emodb", "ravdess")]
    several.write_figure(runs, tmp_path / "both.pdf")
    assert [one.model for panel in drawn.values() for one in panel] == ["emo18", "emo18"]


def test_the_command_draws_the_figure_and_compares_within_each_corpus(four, tmp_path):
    path = tmp_path / "robustness.svg"
    done = CliRunner().invoke(app, ["compare", *map(str, four), "--figure", str(path)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == f"figure: {path}"
    assert done.stdout.count("whisper minus emo18") == 2
    words = ["compare", str(four[0]), str(four[2]), "--figure", str(path), "--json"]
    assert json.loads(CliRunner().invoke(app, words).stdout) == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("robustness.jpg", {}, r"expected a name ending in \.svg, \.png, \.pdf, got '\.jpg'"),
        ("robustness.svg", {"ensemble": "standard-1999.01"}, "expected the same version of the attacks"),
        ("robustness.svg", {"fooled_at": [1, 2]}, "expected the same clips"),
    ],
)
def test_what_cannot_be_drawn_together_is_refused_in_one_line(run, tmp_path, name, changes, message):
    one = run("one", [0, 1, 2, 2], "emo18")
    other = run("other", changes.pop("fooled_at", [1, 1, 2, 2]), "zhao19", **changes)
    with pytest.raises(StaanetError, match=message) as caught:
        several.write_figure([one, other], tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / name).exists()
