import json
import re

import pytest

from core.made_up import without_invariants
from report.test_listening import add_example
from report.test_report import made, run_with


@pytest.fixture(autouse=True)
def _made_up_numbers():
    with without_invariants():
        yield


@pytest.fixture
def run(tmp_path):
    """A run with one example."""
    add_example(tmp_path / "run", "staa_net", 0)
    return run_with(tmp_path / "run", made())


def take_test(page, folder, name, **changes):
    """Answer every trial of a page correctly, and save the result file."""
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)[1])
    answer = {"x": "a", "answer": "a", "seconds": 1.5, "plays": {"a": 1, "b": 1, "x": 1}}
    trials = [{"a": a, "b": b, **answer} for a, b, times in data["pairs"] for _ in range(times)]
    about = {"test": data["test"], "trials_per_clip": data["trials_per_clip"], "listener": "anna", "seed": name}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**about, "trials": trials, **changes}))


def test_a_listening_test_is_written_and_its_results_are_read_back(staanet, run, tmp_path):
    status, out, err = staanet("report", run, "--listening-test", "--trials", 4)
    page = run / "report" / "listening-test.html"
    assert (status, err) == (0, "")
    assert out == f"page: {run / 'report' / 'index.html'}\nlistening test: {page}\n"

    take_test(page, tmp_path / "results", "0000000a")
    take_test(page, tmp_path / "results", "0000000b", test="0123456789")
    status, out, err = staanet("report", run, "--listening-results", tmp_path / "results")
    assert status == 0
    assert r"| staa\_net | 1 | 4 | 4 | 100.0 \[39.8, 100.0\] | yes | 0.062 | – |" in out
    assert "Skipped result files: 1" in out
    assert out.endswith(f"page: {run / 'report' / 'index.html'}\n")
    (line,) = err.splitlines()
    assert "0000000b.json: expected results of the listening test" in line
    assert line.endswith(", got those of '0123456789'; skipped")

    before = (run / "tables" / "listening.md").read_bytes()
    assert staanet("report", run)[0] == 0
    assert (run / "tables" / "listening.md").read_bytes() == before
    assert 'id="listening"' in (run / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listening-test", "--trials", "0"], "expected trials above 0, got 0; raise --trials"),
        (["--trials", "3"], "expected --trials only with --listening-test, got --trials 3; add --listening-test"),
        (["--listening-results", "nosuch.json"], "nosuch.json: expected a result file of a listening test or a folder"),
    ],
)
def test_wrong_options_of_the_listening_test_are_refused_in_one_line(staanet, run, options, message):
    status, out, err = staanet("report", run, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize("option", [["--listening-test"], ["--listening-results", "."]])
def test_a_run_without_examples_is_refused_in_one_line(staanet, tmp_path, option):
    status, out, err = staanet("report", run_with(tmp_path, made()), *option)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "expected clips that an attack changed, found none; give the run of an experiment that has an attack" in err


def test_tables_can_be_written_in_chosen_formats(staanet, tmp_path):
    run = run_with(tmp_path / "run", made())
    status, out, err = staanet("report", run, "--tables", tmp_path / "out", "--format", "csv", "--format", "latex")
    assert (status, err) == (0, "")
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["models.csv", "models.tex", "records.csv", "transfer.csv", "transfer.tex"]
    assert sorted(out.splitlines()) == [f"table: {tmp_path / 'out' / name}" for name in written]
    assert not (run / "report").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "csv"], "expected --format only with --tables, got --format csv; add --tables FOLDER"),
        (["--tables", "out", "--listening-test"], "expected --tables without options of the listening test"),
    ],
)
def test_wrong_options_of_tables_are_refused_in_one_line(staanet, run, options, message):
    status, out, err = staanet("report", run, *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
