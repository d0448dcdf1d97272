"""Certificates at the budgets of evaluations: beside what was measured, in comparisons and in the figure."""

import json
import math
from dataclasses import asdict, replace

import pytest
from tests.assessment.conftest import results
from typer.testing import CliRunner

import staanet
from staanet.assessment import evidence
from staanet.assessment.certified.beside import holds, proven
from staanet.assessment.certified.figures import CertifiedRow, figures
from staanet.assessment.compare import compare
from staanet.assessment.compare import figure as several
from staanet.assessment.compare import wording as compare_wording
from staanet.assessment.runs import NO_WEIGHTS, read
from staanet.certificates import Draws
from staanet.cli import app
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.defences import Partition

FOOLED = [1, 2, 0, 2] * 4
"""Of the budgets 60 and 40 dB."""


@pytest.fixture
def certificate(tmp_path):
    """Write the certificate of clips of 100 samples with a peak of 1, each with an L2 radius."""

    def write(radii, name="proof", **changes):
        rows, _, about = results(FOOLED, model="net")
        certified = [
            CertifiedRow(row.id, row.label, row.speaker, row.label, radius, {}, norm=5.0, peak=1.0, samples=100)
            for row, radius in zip(rows, radii, strict=True)
        ]
        known = {key: about[key] for key in ("identity", "corpus", "data", "sample_rate")}
        known |= {"labels": ["anger", "neutral"], **changes}
        found = figures("voter", Partition(), certified, Draws(), known)
        write_json(tmp_path / name / "certificate.json", found.as_json() | {"norm": "l2"})
        write_json(tmp_path / name / "certified-clips.json", [asdict(row) for row in certified])
        return tmp_path / name

    return write


RADII = [0.02, 0.2, 0.005, 0.0] * 4
"""Changes of 100 samples by 60 dB below a peak of 1 have an L2 norm of 0.01, by 40 dB one of 0.1."""


def test_a_radius_covers_every_change_within_a_budget():
    row = CertifiedRow("clip", "a", "s", "a", 1.0, {}, norm=9.0, peak=0.5, samples=400)
    at = {snr: 20 * 0.5 * 10 ** (-snr / 20) for snr in (26.0, 14.0)}
    assert {snr: holds(row, "l2", snr, 1.0) for snr in at} == {snr: size < 1.0 for snr, size in at.items()}
    assert holds(row, "l2", 0.0, 0.0)  # one sample by its peak
    assert holds(row, "l2", 20.0, 0.25) == (10 * 0.05 < 1.0)
    assert [holds(row, "l0", 0.0, share) for share in (0.0, 1 / 400, 2 / 400, 1.0)] == [True, True, False, False]
    assert math.isclose(at[26.0], 0.5012, rel_tol=1e-3)


def test_what_is_proven_is_counted_at_the_budgets_of_the_evaluation(certificate, written):
    conditions = read(written("plain", FOOLED)).conditions
    whole = read(written("plain", FOOLED)).identity
    found = proven(certificate(RADII), conditions, {**whole, "model": "another path to net"})
    assert [point.name for point in found.points] == ["60 dB", "40 dB"]
    assert [point.accuracy for point in found.points] == [0.5, 0.25]
    assert found.points[0].uar == pytest.approx(0.5)
    assert found.same_model
    for change in ({"weights": "other"}, {"defence": {"name": "median"}}):
        assert not proven(certificate(RADII), conditions, {**whole, **change}).same_model


def test_functions_have_no_weights_by_which_they_could_be_the_same(certificate, written):
    conditions = read(written("plain", FOOLED)).conditions
    one = {"model": "two.py:other", "weights": NO_WEIGHTS, "file": "f"}
    proof = certificate(RADII, identity=one)
    assert proven(proof, conditions, one).same_model
    assert not proven(proof, conditions, {**one, "model": "two.py:decide"}).same_model


def test_a_lossy_codec_between_budget_and_model_leaves_nothing_proven(certificate, written):
    conditions = read(written("plain", FOOLED)).conditions
    coded = replace(conditions, settings={**conditions.settings, "saved": "gsm"})
    with pytest.raises(StaanetError, match="expected clips that are saved as they are, got gsm"):
        proven(certificate(RADII), coded, {"weights": "w"})


def test_only_a_proven_value_above_a_measured_one_says_which_is_more_robust(certificate, written):
    """Attacks on one model leave more than is proven of another: that one may be right on all of it."""
    runs = [written("plain", [2] * 16), certificate([0.0] * 16)]
    (found,) = compare(runs)
    assert [one.result for one in found.of("accuracy_robust")] == ["undecided"] * 2
    assert "is more robust is undecided: at 40 dB, " in compare_wording.headline(found)
    assert "provably keeps 0.0 % and may keep more, and attacks leave net 100.0 %" in compare_wording.headline(found)
    (other_way,) = compare([certificate([9.0] * 16), written("weak", [0] * 16, model="weak", weights="x")])
    assert {one.result for one in other_way.of("accuracy_robust")} == {"lower"}


def test_certificates_are_not_said_to_be_more_robust(certificate, written):
    runs = [certificate([0.0] * 16), certificate([9.0] * 16, "two", model="other"), written("plain", [2] * 16)]
    found, measured = compare(runs)
    assert {one.result for one in found.of("accuracy_robust")} == {"higher"}
    assert " is proven right on more clips than " in compare_wording.headline(found)
    assert "more robust" not in "\n".join(compare_wording.lines(found))
    assert any(note.startswith("Certificates are lower bounds") for note in found.notes)
    assert not any(note.startswith("Certificates are lower bounds") for note in measured.notes)


def test_certificates_of_other_clips_are_refused(certificate, written, tmp_path):
    conditions = read(written("plain", FOOLED)).conditions
    with pytest.raises(StaanetError, match="expected the same recordings"):
        proven(certificate(RADII, data="other"), conditions, {})
    with pytest.raises(StaanetError, match="expected clips of the same corpus"):
        proven(certificate(RADII, corpus="other"), conditions, {})
    with pytest.raises(StaanetError, match=r"found no certificate\.json"):
        proven(tmp_path / "plain", conditions, {})


def test_a_certificate_is_compared_with_evaluations_without_noise(certificate, written):
    runs = [written("plain", [0] * 16), certificate(RADII)]
    (found,) = compare(runs)
    assert [one.measure for one in found.differences] == ["accuracy_clean", "accuracy_robust", "accuracy_robust"]
    assert [(one.a, one.b) for one in found.of("accuracy_robust")] == [(0.0, 0.5), (0.0, 0.25)]
    assert any("is proven, and no attack can take it" in note for note in found.notes)
    assert not any("was attacked by" in note for note in found.notes)
    assert "voter with partition" in compare_wording.headline(found)
    assert "under noise" not in "\n".join(compare_wording.lines(found))
    with pytest.raises(StaanetError, match="expected an evaluation of folder, at whose budgets"):
        compare([certificate(RADII, "one"), certificate(RADII, "two")])


def test_one_figure_holds_plain_hardened_and_certified_models(certificate, written, tmp_path, monkeypatch):
    drawn = {}
    draw = several._draw
    monkeypatch.setattr(
        several, "_draw", lambda figure, panels, *rest: drawn.update(panels) or draw(figure, panels, *rest)
    )
    runs = [written("plain", FOOLED), written("hardened", [2, 2, 1, -1] * 4, "harder"), certificate(RADII)]
    words = ["compare", *map(str, runs), "--figure", str(tmp_path / "all.svg"), "--measure", "uar"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "voter with partition has a UAR of 100.0 % clean, provably 50.0 % at 60 dB, 25.0 % at 40 dB" in done.output
    (plain, harder, voter) = drawn["folder"]
    assert (plain.proven, voter.proven, voter.noise) == (False, True, [])
    assert harder.robust == pytest.approx([0.75, 0.5])
    assert harder.noise == pytest.approx([0.75, 0.75])
    assert (tmp_path / "all.svg").stat().st_size > 1000
    with pytest.raises(StaanetError, match="expected a measure from accuracy, uar"):
        several.write_figure(runs, tmp_path / "all.svg", "precision")


def test_an_evaluation_shows_a_certificate_beside_its_curve(model, recordings, tmp_path):
    reference, smoothing = f"{model}:decide", {"defence": "partition", "samples": 400}
    staanet.certify(reference, recordings, tmp_path / "proof", smoothing=smoothing, clips=4, trust=True)
    found = staanet.evaluate(
        reference,
        recordings,
        tmp_path / "out",
        preset="quick",
        clips=4,
        budgets=[60.0],
        certificate=tmp_path / "proof",
        trust=True,
    )
    assert found.certificate.same_model
    assert len(found.certificate.points) == len(found.curve)
    assert found.certificate.points[0].accuracy == 0  # every sample is beyond any certificate of few samples
    assert 0 < found.certificate.points[1].accuracy <= found.certificate.accuracy
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())["certificate"]
    assert written["points"][1]["accuracy"] == found.certificate.points[1].accuracy
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "Proven UAR" in page
    assert '"name": "proven"' in page
    text = (tmp_path / "out" / "evidence.md").read_text()
    assert "## What is proven" in text
    assert "partition (samples = 400, votes = 4)" in text
    assert "| 17 dB, one sample |" in text.split("## What is proven")[1]
    assert "What is proven" not in evidence.text(replace(found, certificate=None), {})
