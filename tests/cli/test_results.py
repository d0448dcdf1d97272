"""Results in the terminal: robust accuracy first, flags next to the tables."""

import json

import pytest

from core.made_up import without_invariants
from report.test_report import FOUR, made, run_with
from staanet import study
from staanet.data import Dataset


@pytest.fixture(autouse=True)
def _made_up_numbers():
    with without_invariants():
        yield


def in_order(text, *parts):
    places = [text.index(part) for part in parts]
    return places == sorted(places)


@pytest.mark.parametrize("command", ["run", "report"])
def test_a_run_prints_robust_accuracy_first_and_its_flags(staanet, tmp_path, monkeypatch, command):
    run = run_with(tmp_path / "run", *FOUR[1:], made(flags=["one_class"], signature="0123456788"))
    monkeypatch.setattr(study, "run", lambda *_, **__: [])
    arguments = ("smoke", "--out", run) if command == "run" else (run,)
    status, out, err = staanet(command, *arguments)
    assert (status, err) == (0, "")
    assert in_order(
        out, "the robust accuracy of emo18", "in the worst case over attacks", "emo18 robust accuracy", "emo18 ASR"
    )
    (flag,) = (line for line in out.splitlines() if line.startswith("flag "))
    assert flag.startswith("flag one_class (staa_net: emo18 → emo18")
    assert out.splitlines()[-1] == f"page: {run / 'report' / 'index.html'}"


def test_a_run_without_flags_prints_none(staanet, tmp_path):
    _, out, _ = staanet("report", run_with(tmp_path / "run", made()))
    assert "flag " not in out


def test_an_attacked_dataset_has_its_robust_accuracy_next_to_chance(staanet, tmp_path, dataset, model):
    command = ("attack", "noise", dataset, tmp_path / "out", "--source", model)
    _, out, _ = staanet(*command, "--json")
    prepared = Dataset(dataset)
    labels = {f"{clip}.flac": prepared.labels[prepared.label(clip)] for clip in prepared.utterances}
    robust = [row for row in json.loads(out) if row["predicted_clean"] == row["predicted_adv"] == labels[row["path"]]]
    status, out, _ = staanet(*command)
    assert status == 0
    first, _, rate, control, budget = out.splitlines()[-5:]
    assert first.startswith(f"robust accuracy {100 * len(robust) / 24:.1f} % (95 % interval ")
    assert f"{len(robust)} of 24 clips are classified correctly before and under the attack" in first
    assert "chance is 25.0 %" in first
    assert "of 24 fooled, as read back from their files (ASR " in rate
    assert budget == (
        "budget: 17 dB below the peak, 12.0 % of the samples; used: 12.0 % of the samples at a peak SNR of 17.0 dB"
    )
    assert control.startswith("control: noise of the same size on as many samples, 3 draws each, fools ")
    assert " of 72 (" in control


def test_files_without_labels_have_no_robust_accuracy(staanet, tmp_path, clips, model):
    _, out, _ = staanet("attack", "noise", clips, tmp_path / "out", "--source", model)
    assert "robust accuracy" not in out
    assert "of 2 fooled" in out.splitlines()[-3]
