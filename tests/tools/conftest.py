import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "tools")]


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Folder of a made-up study as the library publishes it, for the tests of tools/verify."""
    import verified_study

    place = tmp_path_factory.mktemp("verified")
    return verified_study.write(place / "results", place / "run")


@pytest.fixture(scope="session")
def study(published):
    """The published study as tools/verify reads it."""
    from verify.study import Study

    return Study.read(published)
