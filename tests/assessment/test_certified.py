"""A certification of a model whose boundary is known, from the recordings to the files."""

import json
import math

import pytest
from tests.assessment.conftest import DISTANCES, SAMPLES
from tests.report.test_templates import check

import staanet
from staanet.assessment.certified import CertificationPlan, smoothing_of
from staanet.assessment.certified.figures import CertifiedRow, figures
from staanet.certificates import Draws
from staanet.cli import app
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.defences import GaussianSmoothing, Partition
from staanet.models import create_model

GAUSSIAN = {"defence": "gaussian_smoothing", "sigma": 0.02, "unit": "full_scale"}


@pytest.fixture
def certify(model, recordings, tmp_path):
    def run(smoothing=GAUSSIAN, **settings):
        return staanet.certify(f"{model}:decide", recordings, tmp_path / "out", smoothing=smoothing, **settings)

    return run


def test_no_radius_is_beyond_the_boundary_and_most_come_near(certify, tmp_path):
    found = certify(draws=400)
    rows = read_json(tmp_path / "out" / "certified-clips.json")
    assert len(rows) == found.n == 12
    for row in rows:
        true = DISTANCES[row["id"].rsplit("-", 1)[-1].split(".")[0]] * math.sqrt(SAMPLES)
        assert row["radius"] <= abs(true) + 1e-6
        if row["decided"] == row["label"] and true < 0.05:
            assert row["radius"] > 0.1 * true
    assert found.accuracy == pytest.approx(10 / 12)
    assert (found.draws, found.alpha, found.accuracy_constant, found.uar_constant) == (400, 0.001, 0.5, 0.5)


def test_every_file_holds_the_same_result_and_a_second_run_asks_no_voter(certify, tmp_path, monkeypatch):
    found = certify(clips=4, draws=100)
    out = tmp_path / "out"
    assert read_json(out / "certificate.json")["accuracy"] == found.accuracy
    for path in (out / "certificate.md", out / "report" / "certificate.html"):
        text = path.read_text()
        assert "with gaussian_smoothing is right on" in text
        assert str(tmp_path) not in text
        assert "Gaussian noise of 0.02 of full scale" in text
    check((out / "report" / "certificate.html").read_text())
    monkeypatch.setattr("staanet.assessment.certified.certificate_of", None)
    assert certify(clips=4, draws=100).curve == found.curve


def test_a_part_of_another_version_is_certified_again(certify, tmp_path):
    found = certify({"defence": "partition", "samples": 400}, clips=2)
    part = next((tmp_path / "out" / "parts").glob("*/*.json"))
    row = read_json(part)
    del row["samples"]
    write_json(part, row)
    assert certify({"defence": "partition", "samples": 400}, clips=2).curve == found.curve
    assert read_json(part)["samples"] == SAMPLES


def test_a_point_counts_clips_that_are_correct_and_certified():
    rows = [
        CertifiedRow(str(number), label, str(number), decided, radius, {}, norm=2.0, peak=0.5, samples=100)
        for number, (label, decided, radius) in enumerate(
            [("a", "a", 0.1), ("a", "a", 0.01), ("b", None, 0.0), ("b", "a", 0.5), ("b", "b", 0.5)]
        )
    ]
    found = figures("net", GaussianSmoothing(), rows, Draws(), {})
    energy = {point.snr_db: point for point in found.curve if point.snr_db is not None}
    assert energy[30].accuracy == pytest.approx(2 / 5)  # 2 * 10 ** -1.5 = 0.063
    assert energy[60].accuracy == pytest.approx(3 / 5)
    assert energy[30].uar == pytest.approx((1 / 2 + 1 / 3) / 2)
    few = {(point.samples, point.size_db): point.accuracy for point in found.curve if point.samples}
    assert few[1, 40] == pytest.approx(3 / 5)
    assert few[64, 40] == pytest.approx(2 / 5)  # 8 * 0.005 = 0.04 is beyond 0.01
    assert few[64, 17] == 0  # 8 * 0.07 is beyond 0.5
    assert few[16, 17] == pytest.approx(1 / 5)
    assert (found.abstained, found.accuracy) == (pytest.approx(1 / 5), pytest.approx(3 / 5))
    assert (found.accuracy_constant, found.uar_constant) == (pytest.approx(3 / 5), 0.5)
    assert found.median_radius == pytest.approx(0.01)


def test_a_partition_leaves_nothing_to_chance(certify):
    found = certify({"defence": "partition", "samples": 400})
    assert (found.norm, found.draws, found.alpha, found.abstained) == ("l0", None, 0.0, 0.0)
    assert [point.samples for point in found.curve] == [1, 4, 16, 64]
    assert found.curve[0].accuracy <= found.accuracy
    assert found.curve[3].accuracy == 0  # ten voters


def test_a_model_that_is_not_smoothed_is_refused(certify, tmp_path):
    with pytest.raises(StaanetError, match=r"expected a smoothed model, .*--smoothing"):
        certify(None)
    checkpoints.save(create_model("emo18", ("a", "b"), seconds=0.1), tmp_path / "plain")
    with pytest.raises(StaanetError, match="plain: expected a smoothed model"):
        smoothing_of(tmp_path / "plain", None)
    with pytest.raises(StaanetError, match=r"expected a smoothing .*, got mp3, which has no certificate"):
        certify("mp3")


def test_the_smoothing_of_a_checkpoint_is_the_one_of_its_training(tmp_path):
    defence = {"name": "partition", "samples": 800, "votes": 2}
    checkpoints.save(create_model("emo18", ("a", "b"), seconds=0.1), tmp_path / "net", made_from={"defence": defence})
    assert smoothing_of(tmp_path / "net", None) == Partition(800, 2)


def test_too_few_votes_are_told_before_the_clips_are_read(certify, tmp_path):
    with pytest.raises(StaanetError, match=r"expected 11 votes or more for an alpha of 0.001 and 2 classes, got 5"):
        certify(draws=5)
    assert not (tmp_path / "out").exists()


def test_a_plan_asks_no_voter(certify):
    plan = certify(dry_run=True)
    assert isinstance(plan, CertificationPlan)
    assert len(plan.clips) == 12


def test_the_command_line_certifies(model, recordings, tmp_path):
    from typer.testing import CliRunner

    words = ["certify", f"{model}:decide", str(recordings), "-o", str(tmp_path / "out"), "--trust", "--json"]
    words += ["--smoothing", "partition", "--smoothing-set", "samples=400"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["settings"] == {"samples": 400, "votes": 4}
