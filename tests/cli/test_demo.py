"""The demo shows the main job: a model is trained, and its evaluation is printed and written as a page."""

import importlib
import json

import pytest

from staanet.assessment.settings import PRESETS, Effort, Member

DEMO = importlib.import_module("staanet.cli.demo")  # the package has the command of the same name


@pytest.fixture
def tiny(monkeypatch):
    """Fewer clips, epochs and steps; everything else is the demo's."""
    monkeypatch.setattr(DEMO, "CORPUS", {"speakers": 6, "sentences": 1, "seconds": (0.5, 0.6)})
    monkeypatch.setattr(DEMO, "TRAINING", {"epochs": 1})
    monkeypatch.setattr(DEMO, "SECONDS", 0.1)
    member = Member("fmn", {"norm": "linf", "steps": 2}, minimal=True)
    effort = Effort((member,), (), dense_queries=0, sparse_queries=0, severities=(), clips=4)
    monkeypatch.setitem(PRESETS, "quick", effort)


@pytest.mark.usefixtures("tiny")
def test_the_demo_evaluates_a_model_that_it_trains_and_reuses_everything(staanet, tmp_path):
    status, out, _ = staanet("demo", "--out", tmp_path / "demo")
    first, *lines = out.splitlines()
    assert status == 0
    assert first.startswith("emo18, trained on synthetic speech, is right on ")
    assert "by guessing on 25.0 %" in first
    assert lines[0].startswith("emo18 is right on ")
    assert lines[-1] == f"page: {tmp_path / 'demo' / 'report' / 'index.html'}"
    assert (tmp_path / "demo" / "report" / "index.html").is_file()
    found = json.loads((tmp_path / "demo" / "evaluation.json").read_text())
    split = json.loads((tmp_path / "demo" / "emo18" / "config.json").read_text())["split"]
    clips = {row["id"] for row in json.loads((tmp_path / "demo" / "clips.json").read_text())}
    assert found["n"] == len(clips) == 4
    assert clips <= set(split["test"])

    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert staanet("demo", "--out", tmp_path / "demo")[1] == out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == written
    assert staanet("demo", "--out", tmp_path / "demo", "--fresh")[1] == out
    assert not set(written.items()) & {(path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*.safetensors")}
