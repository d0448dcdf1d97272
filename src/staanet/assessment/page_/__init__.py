"""The page of an evaluation: one file that says the result in a sentence and a chart, and then the details."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from staanet.assessment import wording
from staanet.assessment.result import Evaluation, Point
from staanet.core.files import write_text
from staanet.report.figures import ATTACK, CONTROL, IN_PERCENT, INK, svg
from staanet.report.templates import TEMPLATES
from staanet.report.wording import percent

PAGE = TEMPLATES.get_template("evaluation.html.j2")


def write(found: Evaluation, path: Path) -> None:
    """Write the page."""
    text = PAGE.render(
        found=found,
        headline=wording.headline(found),
        breaks=wording.breaks(found),
        chart=svg(curves, found, prefix="curve"),
        percent=percent,
    )
    write_text(path, text)


def curves(figure: Figure, found: Evaluation) -> str:
    """Draw robust accuracy over the budgets, with clean accuracy, noise and chance, and return the alternative text."""
    dense = [point for point in found.curve if point.sparsity == 1]
    sparse = [point for point in found.curve if point.sparsity != 1]
    axes = figure.subplots(1, 2 if sparse else 1, sharey=True, squeeze=False)[0]
    _draw(axes[0], found, dense, [f"{point.snr_db:g}" for point in dense])
    axes[0].set_xlabel("largest change of every sample, dB below the peak")
    axes[0].set_ylabel("clips that are right")
    if sparse:
        names = ["1 sample" if point.sparsity == 0 else f"{100 * point.sparsity:g} %" for point in sparse]
        _draw(axes[1], found, sparse, names)
        axes[1].set_xlabel(f"samples that may change, by {sparse[0].snr_db:g} dB below the peak")
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
    axes.axhline(found.chance, color=INK, linewidth=1, linestyle=":", label="chance")
    axes.set_xticks(list(places), list(names))
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(IN_PERCENT)
    axes.grid(axis="y")
