"""The interface of a metric: a function of an outcome with a unit, a direction and the clips that it averages over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from staanet.metrics.outcome import Outcome


@dataclass(frozen=True)
class Metric:
    """A metric: a function that maps an outcome to a number, or to None if it is undefined for the outcome.

    Args:
        name: Name of the metric, which is also the name of its field in records.
        unit: Unit of the value; `share` is a fraction in [0, 1].
        stronger: Whether a stronger or less audible attack has a `higher` or a `lower` value.
        over: Clips over which the metric averages.
        function: Computes the value.
    """

    name: str
    unit: str
    stronger: Literal["higher", "lower"]
    over: Literal["all", "changed", "correct", "fooled"]
    function: Callable[[Outcome], float | None]

    def __call__(self, outcome: Outcome) -> float | None:
        """Return the value of the metric for an outcome."""
        return self.function(outcome)


def metric(
    unit: str, stronger: Literal["higher", "lower"], over: Literal["all", "changed", "correct", "fooled"] = "all"
) -> Callable[[Callable[[Outcome], float | None]], Metric]:
    """Return a decorator that turns a function of an outcome into a metric with the name of the function.

    The first line of the docstring of the function is the summary of the metric in `staanet list metrics`.

    Args:
        unit: Unit of the value; `share` is a fraction in [0, 1].
        stronger: Whether a stronger or less audible attack has a `higher` or a `lower` value.
        over: Clips over which the metric averages.
    """

    def make(function: Callable[[Outcome], float | None]) -> Metric:
        made = Metric(function.__name__, unit, stronger, over, function)
        object.__setattr__(made, "__doc__", function.__doc__)
        return made

    return make
