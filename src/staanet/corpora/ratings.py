"""Ratings of emotional dimensions, such as arousal, valence and dominance, as shares of their scale."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from staanet.core.errors import StaanetError
from staanet.corpora.base import Rated, Utterance

Scale = tuple[float, float]

UNSPECIFIED = "unspecified"
"""Label of a clip that has ratings and no emotion."""


def check_dimensions(dimensions: Sequence[str], scale: Scale) -> None:
    """Check the names of dimensions, and the lowest and highest value of their scale.

    Raises:
        StaanetError: If a name is empty or occurs twice, the scale is no finite range, or it is given without names.
    """
    if len(set(dimensions)) < len(dimensions) or not all(name.strip() for name in dimensions):
        raise StaanetError(f"expected dimensions with different names, got {list(dimensions)}")
    if not (math.isfinite(scale[0]) and math.isfinite(scale[1]) and scale[0] < scale[1]):
        raise StaanetError(f"expected a scale as its lowest and highest value, such as [1, 7], got {list(scale)}")
    if not dimensions and scale != (0.0, 1.0):
        raise StaanetError(f"expected dimensions together with a scale, got {list(scale)} alone; name the dimensions")


def ratings_of(values: Mapping[str, Any], dimensions: Sequence[str], scale: Scale, where: str) -> dict[str, float]:
    """Return the ratings of a clip as shares of their scale.

    Args:
        values: The values of a row by the names of its columns.
        dimensions: Names of the dimensions.
        scale: Lowest and highest value of the scale.
        where: The row, with which error messages begin.

    Raises:
        StaanetError: If a rating is missing, is no finite number or lies outside the scale.

    >>> ratings_of({"arousal": "4"}, ["arousal"], (1, 7), "line 2")
    {'arousal': 0.5}
    """
    low, high = scale
    found = {}
    for name in dimensions:
        value = values.get(name)
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = math.nan
        if not low <= number <= high:
            raise StaanetError(
                f"{where}: expected {name} on the scale from {low:g} to {high:g}, got {value!r}; correct it, or give "
                "the scale of the ratings (scale)"
            )
        found[name] = (number - low) / (high - low)
    return found


def rated(clip: Utterance, ratings: Mapping[str, float]) -> Utterance:
    """Return the description of a clip with its ratings; the description itself if there are none."""
    return Rated(**asdict(clip), dimensions=dict(ratings)) if ratings else clip
