"""Where the changed decisions of a study go: how far they are from those of iterations within the same budget."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staanet.core.records import Record
from staanet.core.run import Run

ITERATIONS = "sparse_pgd"
SHUFFLES = 2_000


def rows(run: Run) -> Iterator[tuple[Record, int, float, float, float]]:
    """Yield what is known of the changed decisions of each attack by a generator on its own source.

    Yields:
        The record, the number of changed decisions, the share of their most frequent class, the distance (total
        variation, in [0, 1]) to those of `sparse_pgd` with the most steps within the same budget, and the distance that
        chance exceeds in one of twenty cases. Attacks without such a counterpart, or without changes, are left out.
    """
    own = [record for record in run.records if record.source == record.target]
    for record in own:
        found = changed(run.outcomes(record))
        iterations = [other for other in own if _is_counterpart(other, record)]
        if not record.generator or not iterations or not len(found):
            continue
        most = max(iterations, key=lambda other: _attack(other)["steps"])
        others = changed(run.outcomes(most))
        if len(others):
            share = float(np.bincount(found).max() / len(found))
            yield record, len(found), share, distance(found, others), by_chance(found, others)


def changed(outcomes: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """Return the decisions after an attack that are not those before it."""
    pairs = [(row["predicted_clean"], row["predicted_adv"]) for row in outcomes]
    return np.array([after for before, after in pairs if after != before], dtype=np.int64)


def distance(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the total variation, in [0, 1], between the shares of classes among two sets of decisions."""
    classes = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(each, minlength=classes) / len(each) for each in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def by_chance(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the distance that two random parts of both sets, of their sizes, exceed in one of twenty cases."""
    draws, both = np.random.default_rng(0), np.concatenate([first, second])
    shuffled = (draws.permutation(both) for _ in range(SHUFFLES))
    return float(np.quantile([distance(each[: len(first)], each[len(first) :]) for each in shuffled], 0.95))


def _is_counterpart(other: Record, record: Record) -> bool:
    """Return whether another record is of iterations on the same model, clips and budget."""
    same = ("source", "fold", "subset", "corpus", "budget_epsilon", "budget_snr_db", "budget_sparsity")
    return _attack(other)["name"] == ITERATIONS and all(getattr(other, key) == getattr(record, key) for key in same)


def _attack(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = record.settings["attack"]
    return found
