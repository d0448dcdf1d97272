import pytest

from staanet.core.errors import StaanetError
from staanet.engines import ENGINES, Local, Ray, Slurm, chosen


def test_local_comes_first_and_alone_means_this_process():
    assert next(iter(ENGINES)) == "local"
    assert chosen("local") is None
    assert chosen("local", 1) is None
    assert chosen("local", 2) == Local(2)
    assert chosen("ray", address="here:1") == Ray("here:1")
    assert chosen("ray", 3) == Ray(workers=3)
    assert chosen("slurm", 3) == Slurm(3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("dask",), "expected an engine from local, ray, slurm; got 'dask'"),
        (("local", 0), "expected 1 worker or more, got 0; change --workers"),
        (("ray", -1), "expected 1 worker or more, got -1; change --workers"),
        (("slurm", 2, "here:1"), "expected no address for the engine slurm, got 'here:1'; remove --address"),
    ],
)
def test_options_that_no_engine_has_are_told(options, message):
    with pytest.raises(StaanetError) as error:
        chosen(*options)
    assert str(error.value) == message
