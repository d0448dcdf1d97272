"""Corruptions in an evaluation: decisions under them, attacked clips that survive, and resuming."""

import pytest
import torch

from staanet.assessment.clips import dataset_of
from staanet.assessment.corrupted import CorruptionTest
from staanet.assessment.measurement import Curve, Row
from staanet.assessment.search import Saved
from staanet.audio.corruptions import CORRUPTIONS
from staanet.models import load_model


@pytest.fixture
def tested(model, recordings, tmp_path):
    network = load_model(f"{model}:decide", seconds=0.25)
    dataset = dataset_of(recordings, None, {}, tmp_path / "out", network)
    about = dataset.utterances
    nothing = Curve(0, None, ())
    rows = [Row(clip, one.label, one.label, one.speaker, None, None, nothing, nothing) for clip, one in about.items()]
    adversarial = {row.id: -dataset.waveform(row.id) for row in rows[:5]}

    def make(network=network):
        return CorruptionTest(network, dataset, rows, adversarial, Saved(), 0, torch.device("cpu"), tmp_path)

    return make


def test_every_corruption_has_its_figures_and_is_computed_once(tested, monkeypatch):
    found = tested().run([1])
    assert [one.corruption for one in found] == list(CORRUPTIONS)
    assert all(one.accuracy_ci[0] <= one.accuracy <= one.accuracy_ci[1] for one in found)
    assert {one.attacked for one in found} == {5}
    monkeypatch.setattr(CorruptionTest, "_right", lambda *_: pytest.fail("computed again"))
    assert tested().run([1]) == found


def test_a_louder_or_softer_clip_keeps_its_decision_and_a_clip_turned_upside_down_stays_wrong(tested):
    by_name = {one.corruption: one for one in tested().run([1])}
    assert by_name["gain_down"].accuracy == pytest.approx(10 / 12)
    assert by_name["gain_down"].survives == pytest.approx(4 / 5)
    assert by_name["gain_down"].level.endswith("dB")


def test_without_attacked_clips_nothing_can_survive(tested):
    test = tested()
    object.__setattr__(test, "adversarial", {})
    assert test.run([1])[0].survives is None


def test_other_lengths_are_left_out_for_a_model_that_refuses_them(tested, model, caplog):
    model.with_name("strict.py").write_text(model.read_text().replace("seconds = 0.25", ""))
    found = tested(load_model(f"{model.with_name('strict.py')}:decide")).run([1])
    lacking = set(CORRUPTIONS) - {one.corruption for one in found}
    assert lacking == {"speed_up"}
    assert "speed_up, severity 1, was left out" in caplog.text
