from dataclasses import replace
from pathlib import Path

import pytest

from core.made_up import without_invariants
from report.test_report import FOUR, Page, add_example, run_with
from staanet import report


@pytest.fixture(autouse=True, scope="module")
def _made_up_numbers():
    """Let records hold numbers that do not follow from their outcomes, since a report shows what records hold."""
    with without_invariants():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of four records, two of them flagged, with two examples, and its report."""
    flagged = [replace(FOUR[0], flags=["comb"]), FOUR[1], FOUR[2], replace(FOUR[3], flags=["no_excess", "comb"])]
    folder = run_with(tmp_path_factory.mktemp("run"), *flagged)
    add_example(folder, "one")
    add_example(folder, "two", snr=None)
    report.write(folder)
    return folder


@pytest.fixture(scope="module")
def page(run) -> Page:
    return Page(run / "report" / "index.html")
