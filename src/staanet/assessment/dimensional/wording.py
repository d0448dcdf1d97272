"""An evaluation of a model of emotional dimensions in sentences, as Markdown and as a page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from staanet.assessment.dimensional.figures import DimensionalEvaluation, DimensionPoint
from staanet.core import markup
from staanet.report.figures import CONTROL, IN_PERCENT, PALETTE, svg
from staanet.report.templates import page as html_page
from staanet.report.wording import duration, interval, percent

if TYPE_CHECKING:
    from staanet.assessment.dimensional import DimensionalPlan


def plan(one: "DimensionalPlan") -> list[str]:
    """Return what an evaluation will do and how long it takes."""
    clips, curves, about = len(one.clips), one.settings.curves, one.about
    return [
        f"{one.title} on {clips} clips of {about['corpus']}: {', '.join(about['attacks'])} move "
        f"{_listed(one.measurement.model.dimensions)} up and down at {len(curves.dense)} budgets on all samples and "
        f"{len(curves.sparse)} on few samples; about {duration(one.seconds)}.",
        *left_out(about["left_out"]),
        f"Clips are saved {about['saved']}, because {one.why_saved}; only what is saved counts.",
    ]


def left_out(reasons: Mapping[str, str]) -> list[str]:
    """Return which attacks of the ensemble are left out and why, as text."""
    return [f"Left out: {'; '.join(f'{name}, which {reason}' for name, reason in reasons.items())}."] if reasons else []


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def headline(found: DimensionalEvaluation) -> str:
    """Return the result in one sentence for each dimension."""
    sentences = []
    for one in found.dimensions:
        point = found.at_reference(one.name)
        sentences.append(
            f"{one.name}: CCC {point.ccc_robust:.2f} {_bounds(point.ccc_robust_ci)} under attack, "
            f"{point.ccc_noise:.2f} under noise and {one.ccc_clean:.2f} clean; attacks move "
            f"{percent(point.moved)} % of the outputs by "
            f"{percent(found.distance, 0)} % of the scale or more, noise {percent(point.moved_noise)} %."
        )
    return (
        f"{found.model} on {found.n} clips, if an attack may change every sample by as much as {found.reference} below "
        f"the peak of its clip. {' '.join(sentences)}"
    )


def _bounds(values: tuple[float, float]) -> str:
    return f"[{values[0]:.2f}, {values[1]:.2f}]"


def reservations(found: DimensionalEvaluation) -> list[str]:
    """Return what the figures say and what they do not."""
    return [
        "CCC is the concordance correlation coefficient: 1 if outputs equal ratings, 0 for a constant. Under attack, "
        "the output farthest from the rating counts, of the clean one and those that an attack moved up and down.",
        f"Attacks: {', '.join(found.about['attacks'])}. Stronger ones can only raise the error and the share of moved "
        "outputs; the CCC of biased outputs may also rise. Those that look for the smallest change look for one that "
        "moves the output by the distance.",
        *left_out(found.about["left_out"]),
        "Accuracy, confusions, targeted attacks and flags need classes; they are left out.",
    ]


def lines(found: DimensionalEvaluation) -> list[str]:
    """Return the result as a terminal shows it."""
    curves = [
        f"{one.name}:  " + ", ".join(f"{point.name} {point.ccc_robust:.2f}" for point in points_of(found, one.name))
        for one in found.dimensions
    ]
    return [headline(found), "CCC under attack:", *curves]


def points_of(found: DimensionalEvaluation, dimension: str) -> list[DimensionPoint]:
    """Return the figures of a dimension at every budget."""
    return [point for point in found.curve if point.dimension == dimension]


def table(found: DimensionalEvaluation, dimension: str) -> list[tuple[str, ...]]:
    """Return the rows of the table of a dimension."""
    one = next(one for one in found.dimensions if one.name == dimension)
    clean = (f"{one.ccc_clean:.2f} {_bounds(one.ccc_clean_ci)}", f"{one.rmse_clean:.3f}")
    rows = [
        (
            point.name,
            f"{point.ccc_robust:.2f} {_bounds(point.ccc_robust_ci)}",
            f"{point.rmse_robust:.3f}",
            f"{point.ccc_noise:.2f}",
            f"{percent(point.moved)} {interval(point.moved_ci)}",
            percent(point.moved_noise),
            f"{100 * point.mean_up:+.1f}",
            f"{-100 * point.mean_down:+.1f}",
        )
        for point in points_of(found, dimension)
    ]
    return [("none", *clean, "\u2013", "\u2013", "\u2013", "\u2013", "\u2013"), *rows]


def columns(found: DimensionalEvaluation) -> tuple[str, ...]:
    """Return the heads of the tables."""
    far = f"moved by {percent(found.distance, 0)} % or more, %"
    return (
        "budget",
        "CCC under attack",
        "RMSE under attack",
        "CCC under noise",
        far,
        "by noise, %",
        "mean move up, %",
        "mean move down, %",
    )


def markdown(found: DimensionalEvaluation) -> str:
    """Return a summary as Markdown."""
    blocks = []
    for one in found.dimensions:
        rows = [f"| {' | '.join(row)} |" for row in table(found, one.name)]
        heads = columns(found)
        blocks += [
            f"### {markup.markdown(one.name)}",
            "",
            f"| {' | '.join(heads)} |",
            "| --- " * len(heads) + "|",
            *rows,
            "",
        ]
    notes = (f"- {line}" for line in reservations(found))
    return "\n".join(
        [
            f"## Robustness of {markup.markdown(found.model)}",
            "",
            markup.markdown(headline(found)),
            "",
            *blocks,
            *notes,
            "",
        ]
    )


def page(found: DimensionalEvaluation) -> str:
    """Return the page."""
    return html_page(
        "dimensions.html.j2",
        styles=("page.css",),
        scripts=(),
        found=found,
        headline=headline(found),
        reservations=reservations(found),
        columns=columns(found),
        tables=[(one.name, table(found, one.name)) for one in found.dimensions],
        chart=svg(curves, found, prefix="dimensions"),
    )


def curves(figure: Figure, found: DimensionalEvaluation) -> str:
    """Draw the CCC and the share of moved outputs against the budgets on every sample; return the text instead."""
    concordance, share = figure.subplots(1, 2)
    for number, one in enumerate(found.dimensions):
        points = [point for point in points_of(found, one.name) if point.sparsity == 1]
        places, colour = range(len(points)), PALETTE[number % len(PALETTE)]
        _curve(concordance, places, [point.ccc_robust for point in points], one.name, colour)
        concordance.plot(places, [point.ccc_noise for point in points], color=colour, linestyle=":", linewidth=1)
        _curve(share, places, [point.moved for point in points], one.name, colour)
    concordance.axhline(0, color=CONTROL, linewidth=0.6)
    concordance.set_ylabel("CCC under attack (dotted: under noise)")
    share.set_ylabel(f"moved by {percent(found.distance, 0)} % of the scale or more")
    share.set_ylim(0, 1.02)
    share.yaxis.set_major_formatter(IN_PERCENT)
    budgets = [f"{snr:g}" for snr in dict.fromkeys(point.snr_db for point in found.curve if point.sparsity == 1)]
    for axes in (concordance, share):
        axes.set_xticks(range(len(budgets)), budgets)
        axes.set_xlabel("peak SNR of the largest change, dB")
        axes.grid(axis="y")
    concordance.legend()
    return f"CCC under attack, and share of moved outputs, against the budget. {headline(found)}"


def _curve(axes: Axes, places: range, values: list[float], label: str, colour: str) -> None:
    axes.plot(places, values, color=colour, marker="o", markersize=4, label=label)
