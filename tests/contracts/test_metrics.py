"""What every metric in the registry promises."""

import numpy as np
import pytest

from staanet.metrics import METRICS, Outcome
from staanet.metrics.outcome import CONTROL_DRAWS


@pytest.mark.parametrize("name", METRICS)
def test_describes_itself(name):
    metric = METRICS[name]
    assert metric.__doc__.strip().endswith(".")
    assert metric.stronger in ("higher", "lower")
    assert metric.over in ("all", "changed", "correct", "fooled")


@pytest.mark.parametrize("name", METRICS)
def test_does_not_depend_on_the_order_of_clips(name):
    rng = np.random.default_rng(0)
    columns = {
        "labels": rng.integers(0, 3, 20),
        "predicted_clean": rng.integers(0, 3, 20),
        "predicted_adv": rng.integers(0, 3, 20),
        "predicted_control": rng.integers(0, 3, (20, CONTROL_DRAWS)),
        "margin_clean": rng.random(20),
        "margin_adv": rng.random(20),
        "length": rng.integers(100, 200, 20),
        "l0": rng.integers(0, 50, 20),
        "linf": rng.random(20),
        "l2": rng.random(20),
        "l1": rng.random(20),
        "confidence_clean": rng.random(20),
        "confidence_adv": rng.random(20),
        "snr_peak_db": rng.random(20),
        "snr_energy_db": rng.random(20),
    }
    order = rng.permutation(20)
    ids = tuple(map(str, range(20)))
    given = Outcome(ids=ids, classes=3, **columns)
    shuffled = Outcome(ids=ids, classes=3, **{key: value[order] for key, value in columns.items()})
    assert METRICS[name](given) == pytest.approx(METRICS[name](shuffled))
