"""The script for continuous integration ends with the status of the evaluation, and leaves its files."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "robustness_check.sh"


@pytest.fixture
def check(model, recordings, tmp_path):
    def run(thresholds, out="out", baseline="-", reference=f"{model}:decide"):
        (tmp_path / "limits.toml").write_text(thresholds)
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        command = folder / "staanet"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m staanet "$@"\n')
        command.chmod(0o755)
        options = ["--trust", "--preset", "quick", "--clips", "4", "--budgets", "40,30"]
        words = [reference, recordings, tmp_path / "limits.toml", tmp_path / out, baseline, *options]
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        return subprocess.run(["sh", SCRIPT, *words], capture_output=True, text=True, check=False, env=environment)

    return run


LOW = '[accuracy_clean]\nleast = 0.05\nreason = "an example"\n'
HIGH = '["uar_robust@30"]\nleast = 0.9\nreason = "an example"\n'


@pytest.mark.slow
def test_the_script_ends_with_the_status_of_the_evaluation(check, tmp_path):
    passed = check(LOW, "before")
    assert (passed.returncode, passed.stdout.splitlines()[-1]) == (
        0,
        f"robustness: no threshold failed, see {tmp_path / 'before'}/summary.md",
    )
    failed = check(HIGH, "after", tmp_path / "before")
    assert failed.returncode == 1
    assert "a threshold failed" in failed.stderr
    suite = ElementTree.fromstring((tmp_path / "after" / "verdict.xml").read_text())  # noqa: S314
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "compared with" in (tmp_path / "after" / "summary.md").read_text()


def test_the_script_ends_with_status_2_after_an_error(check, tmp_path):
    done = check("[accuracy]\nleast = 0.5\nreason = 'unknown'\n")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "robustness: not measured")
    assert "expected a threshold from" in done.stderr
    assert not (tmp_path / "out" / "parts").exists()
