"""Attacks on files with a model of dimensions: how far they move an output, and what is said about it."""

import json

import pytest
import torch
from typer.testing import CliRunner

from rated import DIMENSIONS, write_rated
from staanet.attacks.goals import Aim
from staanet.cli import app
from staanet.core.errors import StaanetError
from staanet.corpora import Folder
from staanet.data import prepare
from staanet.metrics.dimensions import ccc
from staanet.tasks import attack, move_wording


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = write_rated(tmp_path_factory.mktemp("rated"))
    prepare(Folder(**DIMENSIONS), folder / "corpus", folder / "dataset")
    return folder


def moved(mine, out, name="fgsm", inputs="dataset", aim=None, **options):
    return attack(
        name,
        f"{mine / 'net.py'}:build",
        mine / inputs,
        out,
        settings=options.pop("settings", {"snr_db": 20}),
        source_settings=options.pop("source_settings", DIMENSIONS),
        trust=True,
        seed=0,
        device=torch.device("cpu"),
        aim=aim,
        **options,
    )


@pytest.mark.parametrize(("direction", "sign"), [("up", 1), ("down", -1)])
def test_a_linear_output_moves_by_a_tenth_of_the_peak_of_each_clip(mine, tmp_path, direction, sign):
    found = moved(mine, tmp_path / "out", aim=Aim("arousal", 0.035, direction))
    peaks = {file.path: 0.1 + 0.1 * int(file.path[3]) for file in found.files}
    assert len(found.files) == 6
    for file in found.files:
        assert file.moved == pytest.approx(0.1 * peaks[file.path], rel=1e-3)
        assert file.adv["arousal"] - file.clean["arousal"] == pytest.approx(sign * file.moved)
        assert file.reached == (peaks[file.path] > 0.35)
        assert not any(file.reached_control)
        assert set(file.ratings) == {"arousal", "valence"}
    assert found.flags == {}


def test_without_a_direction_an_output_may_move_either_way(mine, tmp_path):
    found = moved(mine, tmp_path / "out", aim=Aim("valence", 0.01))
    assert all(file.moved > 0 for file in found.files)
    assert all(file.moved == pytest.approx(abs(file.adv["valence"] - file.clean["valence"])) for file in found.files)


def test_the_summary_says_what_moved_and_the_ccc_before_and_after(mine, tmp_path):
    found = moved(mine, tmp_path / "out", aim=Aim("arousal", 0.035, "up"))
    said = move_wording.lines(found, tmp_path / "out")
    first = next(line for line in said if line.startswith("s0_3"))
    assert first == "s0_3.flac: arousal 0.400 -> 0.440 (+0.040, reached)"
    assert any("arousal moved up by 0.035 of the scale or more in 3 of 6, as read back" in line for line in said)
    assert any(line.startswith("other dimensions, mean change: valence +0.000") for line in said)
    files = sorted(found.files, key=lambda file: file.path)
    outputs = {
        when: torch.tensor([getattr(file, when)["arousal"] for file in files]).numpy() for when in ("clean", "adv")
    }
    ratings = torch.tensor([file.ratings["arousal"] for file in files]).numpy()
    before, under = (ccc(outputs[when], ratings) for when in ("clean", "adv"))
    assert under < before
    assert any(f"CCC before and under attack: arousal {before:.2f} and {under:.2f}, valence" in line for line in said)


def test_files_without_ratings_have_no_ccc_and_windows_are_summed_up(mine, tmp_path):
    found = moved(mine, tmp_path / "out.wav", inputs="corpus/s0_3.wav", aim=Aim("arousal", 0.01, "up"))
    said = move_wording.lines(found, tmp_path / "out.wav")
    assert any("arousal unknown without ratings" in line for line in said)


def test_a_trace_has_the_distance_that_is_left_as_its_margin(mine, tmp_path):
    moved(mine, tmp_path / "out.wav", inputs="corpus/s0_3.wav", aim=Aim("arousal", 0.1, "up"), trace=True)
    lines = [json.loads(line) for line in (tmp_path / "out.wav.trace.jsonl").read_text().splitlines()]
    assert lines[0]["margin"] == pytest.approx(0.1)
    assert lines[-1]["margin"] == pytest.approx(0.06, abs=1e-3)


def test_on_the_command_line(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(mine)
    words = ["attack", "fgsm", "dataset", str(tmp_path / "out"), "--source", "net.py:build", "--trust"]
    words += ["--source-set", 'dimensions=["arousal", "valence"]', "--source-set", "scale=[1, 7]", "--snr-db", "20"]
    words += ["--dimension", "arousal", "--direction", "down", "--distance", "0.015"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "moved down by 0.015 of the scale or more in 5 of 6" in done.output
    done = CliRunner().invoke(app, [*words, "--json"])
    assert {file["dimension"] for file in json.loads(done.output)} == {"arousal"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the dimension that an attack moves, from arousal, valence, got none; name it"),
        ({"aim": Aim("dominance")}, "from arousal, valence, got dominance"),
        ({"name": "contrastive", "aim": Aim("arousal")}, "can pursue a distance, got contrastive"),
        ({"settings": {"targeted": True}, "name": "pgd", "aim": Aim("arousal")}, "give the direction up or down"),
        ({"source_settings": {"labels": ("a", "b")}, "aim": Aim(distance=0.2)}, "no distance for a model of emotions"),
        ({"source_settings": {"labels": ("a", "b")}, "aim": Aim("arousal")}, "no dimension for a model of emotions"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_file_is_written(mine, tmp_path, options, message):
    with pytest.raises(StaanetError, match=message) as caught:
        moved(mine, tmp_path / "out", **options)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").glob("*.flac"))


def test_an_aim_that_makes_no_sense_is_refused():
    with pytest.raises(StaanetError, match="a distance above 0 and up to 1"):
        Aim("arousal", 1.5)
    with pytest.raises(StaanetError, match="did you mean 'up'"):
        Aim("arousal", direction="ups")
