"""What sections compute from the per-clip outcomes of records."""

from collections.abc import Mapping
from typing import Any

from staanet.core.records import Interval, Rows
from staanet.metrics import by_fold
from staanet.metrics.outcome import Floats


def is_fooled(row: Mapping[str, Any]) -> bool:
    """Return whether the attack changed the prediction of a clip."""
    return bool(row["predicted_adv"] != row["predicted_clean"])


def is_robust(row: Mapping[str, Any]) -> bool:
    """Return whether a clip was classified correctly before and under the attack.

    >>> is_robust({"label": 1, "predicted_clean": 0, "predicted_adv": 1})
    False
    """
    return bool(row["predicted_clean"] == row["label"] == row["predicted_adv"])


def interval_by_fold(values: Floats, rows: Rows, low: float) -> Interval | None:
    """Return the interval of a mean with the fold as the unit; None if the clips come from fewer than two folds.

    Args:
        values: One value per clip, in [low, 1].
        rows: The outcome of each clip, with its `fold`.
        low: Lowest possible value.
    """
    folds = [row["fold"] for row in rows if row.get("fold") is not None]
    return by_fold(values, folds, low) if len(folds) == len(rows) and len(set(folds)) > 1 else None
