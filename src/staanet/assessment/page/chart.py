"""The chart of an evaluation: as a still picture, and as data that the page draws."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from staanet.assessment import wording
from staanet.assessment.result import Evaluation, Point
from staanet.report.figures import ATTACK, CONTROL, IN_PERCENT, INK, PALETTE

PROVEN = PALETTE[1]
"""Colour of what is proven."""


def size_of(snr_db: float) -> str:
    """Return how large a change is as a share of the largest sample of its clip.

    >>> size_of(60), size_of(50), size_of(10)
    ('0.1 %', '0.32 %', '32 %')
    """
    return f"{float(f'{100 * 10 ** (-snr_db / 20):.2g}'):g} %"


def share_of(sparsity: float) -> str:
    """Return a share of the samples that may change as text.

    >>> share_of(0), share_of(0.0001)
    ('one', '0.01 %')
    """
    return "one" if sparsity == 0 else f"{100 * sparsity:g} %"


def dense(found: Evaluation) -> list[Point]:
    """Return the budgets at which every sample may change."""
    return [point for point in found.curve if point.sparsity == 1]


def sparse(found: Evaluation) -> list[Point]:
    """Return the budgets at which few samples may change."""
    return [point for point in found.curve if point.sparsity != 1]


def data(found: Evaluation, points: Sequence[Point], keys: Sequence[str]) -> dict[str, Any]:
    """Return the chart of some budgets as `chart.js` draws it.

    Args:
        found: The evaluation.
        points: The budgets.
        keys: Name of each budget on the page.
    """
    places = list(range(len(points)))
    every = len(points) > 0 and points[0].sparsity == 1
    names = [f"{point.snr_db:g}" if every else share_of(point.sparsity) for point in points]
    worst = {
        "values": [point.accuracy_robust for point in points],
        "low": [point.accuracy_robust_ci[0] for point in points],
        "high": [point.accuracy_robust_ci[1] for point in points],
    }
    return {
        "x": places,
        "ticks": [list(pair) for pair in zip(places, names, strict=True)],
        "heading": f"Right if {'every sample' if every else 'few samples'} may change",
        "label": "largest change: dB below the peak, louder to the right" if every else "samples that may change",
        "titles": [point.name for point in points],
        "choices": list(keys),
        "lines": [
            {"name": "clean", "style": "clean", "values": [found.accuracy_clean] * len(points)},
            {"name": "guessing", "style": "chance", "values": [found.chance] * len(points)},
            {"name": "noise of the same size", "style": "noise", "values": [point.accuracy_noise for point in points]},
            {"name": "under attack", "style": "attack", **worst},
            *_proven(found, points),
        ],
    }


def _proven(found: Evaluation, points: Sequence[Point]) -> list[dict[str, Any]]:
    """Return the line of what is proven; none without a certificate."""
    if found.certificate is None:
        return []
    return [{"name": "proven", "style": "proven", "values": _values(found, points)}]


def _values(found: Evaluation, points: Sequence[Point]) -> list[float]:
    """Return the share of the clips that are proven to be right at some budgets of the curve."""
    shares = {point.name: point.accuracy for point in found.certificate.points}
    return [shares[point.name] for point in points]


def curves(figure: Figure, found: Evaluation) -> str:
    """Draw robust accuracy over the budgets, with clean accuracy, noise and chance, and return the alternative text."""
    every, few = dense(found), sparse(found)
    axes = figure.subplots(1, 2 if few else 1, sharey=True, squeeze=False)[0]
    _draw(axes[0], found, every, [f"{point.snr_db:g}\n{size_of(point.snr_db)}" for point in every])
    axes[0].set_xlabel("largest change of every sample: dB below the peak, share of the peak")
    axes[0].set_ylabel("clips that are right")
    if few:
        _draw(axes[1], found, few, [share_of(point.sparsity) for point in few])
        axes[1].set_xlabel(f"samples that may change, by {few[0].snr_db:g} dB below the peak")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    return f"{wording.headline(found)} {wording.breaks(found)} The table of budgets holds all values."


def _draw(axes: Axes, found: Evaluation, points: Sequence[Point], names: Sequence[str]) -> None:
    places = range(len(points))
    axes.axhline(found.accuracy_clean, color=INK, linewidth=1, linestyle="--", label="clean")
    noise = [point.accuracy_noise for point in points]
    axes.plot(places, noise, "D-", color=CONTROL, markersize=5, label="noise of the same size")
    worst = [point.accuracy_robust for point in points]
    low, high = zip(*(point.accuracy_robust_ci for point in points), strict=True)
    axes.fill_between(places, low, high, color=ATTACK, alpha=0.18, linewidth=0)
    axes.plot(places, worst, "o-", color=ATTACK, markersize=6, linewidth=2, label="worst case over the attacks")
    if found.certificate is not None:
        axes.plot(places, _values(found, points), "s--", color=PROVEN, markersize=5, label="proven")
    axes.axhline(found.chance, color=INK, linewidth=1, linestyle=":", label="chance")
    axes.set_xticks(list(places), list(names))
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(IN_PERCENT)
    axes.grid(axis="y")
