"""What a metric is: a pure function of an outcome that says its unit, its direction and what it averages over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from staanet.metrics.outcome import Outcome


@dataclass(frozen=True)
class Metric:
    """A figure for an outcome, None where it is undefined.

    Args:
        name: as in records.
        unit: of the value; `share` is a fraction in [0, 1].
        stronger: whether a stronger or less audible attack has the `higher` or the `lower` value.
        over: the clips it averages over.
        function: what computes it.
    """

    name: str
    unit: str
    stronger: Literal["higher", "lower"]
    over: Literal["all", "changed", "correct", "fooled"]
    function: Callable[[Outcome], float | None]

    def __call__(self, outcome: Outcome) -> float | None:
        """Return the metric of an outcome."""
        return self.function(outcome)


def metric(
    unit: str, stronger: Literal["higher", "lower"], over: Literal["all", "changed", "correct", "fooled"] = "all"
) -> Callable[[Callable[[Outcome], float | None]], Metric]:
    """Make a metric of a function, named like it."""

    def make(function: Callable[[Outcome], float | None]) -> Metric:
        made = Metric(function.__name__, unit, stronger, over, function)
        object.__setattr__(made, "__doc__", function.__doc__)
        return made

    return make
