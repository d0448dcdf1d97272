"""`staanet verify`: exit status 0 if everything fits, 1 if something does not, 2 if there is nothing to verify."""

import json

import pytest

from core.made_up import ROWS, made_record
from staanet.core import records
from staanet.core.run import Layout, Run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose made-up records count as computed."""
    monkeypatch.setattr("staanet.study.verification.check_figures", lambda *_: None)
    path = records.write(tmp_path / "records", made_record(), ROWS)
    Run(tmp_path).write(Layout("Title"), records=[path])
    return tmp_path


def test_a_run_that_fits(staanet, run):
    status, out, _ = staanet("verify", run, "--clips", 0)
    assert (status, out) == (0, f"{run}: checked 3 files, 1 record, 0 outcomes; everything fits\n")


def test_a_run_that_does_not_fit(staanet, run):
    (path,) = (run / "records").glob("text*.jsonl")
    path.write_text(path.read_text() + "\n")
    status, out, _ = staanet("verify", run, "--clips", 0)
    assert status == 1
    assert f"{path}: expected" in out
    assert "not fit" in out
    status, out, _ = staanet("verify", run, "--clips", 0, "--json")
    found = json.loads(out)
    assert (status, found["fits"], found["folder"]) == (1, False, str(run))
    assert any(str(path) in line for line in found["problems"])


def test_a_folder_of_something_else(staanet, tmp_path):
    status, _, error = staanet("verify", tmp_path)
    assert status == 2
    assert error == f"staanet: {tmp_path}: expected a folder that `staanet run` wrote, found no run.json\n"
