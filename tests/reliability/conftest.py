"""The reliability scripts, of which a few cases belong to the everyday tests."""

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools" / "reliability"


@pytest.fixture(scope="session")
def tiny():
    """The module that runs the tiny experiment."""
    sys.path.insert(0, str(TOOLS))
    import tiny_runs

    return tiny_runs


@pytest.fixture(scope="session")
def whole(tiny, tmp_path_factory):
    """The folder of a run that was not disturbed."""
    return tiny.whole_run(tmp_path_factory.mktemp("reliability"), page=True)
