"""One figure with the curves of several evaluations: a panel for each set of clips, a colour for each model."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from staanet.assessment.compare.reading import read_all
from staanet.assessment.measurement import Row
from staanet.assessment.recall import uar_with_interval
from staanet.assessment.result import Interval, interval, robust
from staanet.assessment.runs import Run, check_comparable
from staanet.core.atomic import atomic_write
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.files import check_writable
from staanet.report.figures import IN_PERCENT, INK, MARKERS, PALETTE, STYLE
from staanet.report.wording import percent

ENDINGS = (".svg", ".png", ".pdf")
"""Endings of the names of figures."""

DPI = 200
"""Resolution of a PNG."""

DARK = "#222222"
"""Colour of text and axes, on white: a picture does not know the colours of the page that shows it."""

TEXT: dict[str, Any] = {"svg.fonttype": "path"}
"""Text is drawn, so that it looks the same without the font."""


Measure = Literal["accuracy", "uar"]
"""What is drawn: the share of the clips that are right, or its mean over the emotions (UAR)."""

LABELS: Mapping[Measure, str] = {"accuracy": "clips that are right", "uar": "unweighted average recall (UAR)"}
"""Labels of the vertical axis."""


@dataclass(frozen=True)
class Curves:
    """What is drawn of an evaluation or a certificate: figures at the budgets at which every sample may change.

    Args:
        model: Name of the model.
        clean: Clean accuracy, or clean UAR.
        chance: The same of a guess.
        snrs: Peak SNRs in dB.
        robust: Robust accuracy or UAR at each.
        bounds: Its 95 % interval.
        noise: The same under noise of the same size; empty if it was not measured.
        proven: Whether the robust values are proven instead of measured.
    """

    model: str
    clean: float
    chance: float
    snrs: Sequence[float]
    robust: Sequence[float]
    bounds: Sequence[Sequence[float]]
    noise: Sequence[float]
    proven: bool = False

    @classmethod
    def of(cls, run: Run, model: str, measure: Measure) -> "Curves":
        """Return the curves of an evaluation or a certificate."""
        settings, rows = run.conditions.settings, list(run.rows.values())
        snrs = settings["curves"]["dense"]
        worst = [_shown(robust(rows, "dense", number), rows, measure) for number in range(len(snrs))]
        under = [np.array([row.dense.noise[number] for row in rows], dtype=np.float64) for number in _measured(run)]
        right = np.array([row.right for row in rows], dtype=np.float64)
        return cls(
            model=model,
            clean=_shown(right, rows, measure)[0],
            chance=1 / len(settings["labels"]),
            snrs=snrs,
            robust=[value for value, _ in worst],
            bounds=[bounds for _, bounds in worst],
            noise=[_shown(values, rows, measure)[0] for values in under],
            proven=run.proven,
        )


def _measured(run: Run) -> range:
    """Return the numbers of the budgets at which noise was measured."""
    return range(0 if run.proven else len(run.conditions.settings["curves"]["dense"]))


def _shown(values: Any, rows: Sequence[Row], measure: Measure) -> tuple[float, Interval]:
    """Return the mean of the values of the clips, or that over the emotions, and its interval."""
    if measure == "uar":
        return uar_with_interval(values, rows)
    return float(values.mean()), interval(values, rows)


def check_target(path: Path) -> None:
    """Check, before any work, that a figure can be written under a name.

    Raises:
        StaanetError: If the name has another ending than those of figures, or the folder cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise StaanetError(f"{path}: expected a name ending in {', '.join(ENDINGS)}, got {path.suffix!r}")
    check_writable(path.parent)


def by_data(runs: Sequence[str | Path]) -> dict[str, list[Run]]:
    """Return evaluations and certificates by the name of their corpus, in the order in which they are given.

    Raises:
        StaanetError: If a folder holds neither, or those of one corpus differ in more than model and seed.
    """
    groups: dict[str, list[Run]] = defaultdict(list)
    for folder, loaded in read_all([Path(run) for run in runs]).items():
        corpus = str(loaded.conditions.settings["corpus"])
        if groups[corpus]:
            first = groups[corpus][0]
            check_comparable(first.conditions, loaded.conditions, (str(first.folder), str(folder)))
        groups[corpus].append(loaded)
    return dict(groups)


def write_figure(runs: Sequence[str | Path], path: str | Path, measure: Measure = "accuracy") -> str:
    """Draw the curves of evaluations in one figure, with a panel for each corpus, and return what it shows in words.

    A folder that `certify` wrote is drawn at the budgets of the evaluations: what its certificate covers there.

    Args:
        runs: Folders that `evaluate` or `certify` wrote.
        path: The figure, whose name ends in `.svg`, `.png` or `.pdf`.
        measure: `accuracy`, or `uar` for its mean over the emotions.

    Raises:
        StaanetError: If a folder holds no evaluation, or those of one corpus cannot be compared.
    """
    path = Path(path)
    check_target(path)
    if measure not in LABELS:
        raise unknown_name("measure", measure, LABELS)
    groups = by_data(runs)
    names = _names(groups)
    panels = {
        corpus: [Curves.of(run, name, measure) for run, name in zip(some, names[corpus], strict=True)]
        for corpus, some in groups.items()
    }
    style: dict[Any, Any] = {key: DARK if value == INK else value for key, value in STYLE.items()}
    with matplotlib.rc_context(style | TEXT):
        figure = Figure(figsize=(max(6.0, 1.5 + 4.2 * len(panels)), 4.2), layout="constrained")
        _draw(figure, panels, {corpus: len(some[0].rows) for corpus, some in groups.items()}, LABELS[measure])
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=DPI, facecolor="white")
    return " ".join(_sentence(corpus, curves, measure) for corpus, curves in panels.items())


def _names(groups: Mapping[str, Sequence[Run]]) -> dict[str, list[str]]:
    """Return the names of the models, or of the folders where models of one corpus have the same name.

    A model that is called by its corpus as well, as training does, has the colour of its kind in every panel.
    """
    names = {corpus: [run.name.removesuffix(f"-{corpus}") for run in some] for corpus, some in groups.items()}
    if all(len(set(some)) == len(some) for some in names.values()):
        return names
    return {corpus: [run.folder.resolve().name for run in some] for corpus, some in groups.items()}


def _draw(figure: Figure, panels: Mapping[str, Sequence[Curves]], clips: Mapping[str, int], label: str) -> None:
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    models = list(dict.fromkeys(one.model for curves in panels.values() for one in curves))
    for number, (corpus, curves) in enumerate(panels.items()):
        axes[number].set_title(f"{corpus}, {clips[corpus]} clips")
        axes[number].set_xlabel("largest change of every sample, dB below the peak")
        for one in curves:
            _draw_curves(axes[number], one, models.index(one.model))
        for chance in sorted({one.chance for one in curves}):
            axes[number].axhline(chance, color=DARK, linewidth=1, linestyle=(0, (1, 2)))
        places = range(1 + len(curves[0].snrs))
        axes[number].set_xticks(list(places), ["clean", *(f"{snr:g}" for snr in curves[0].snrs)])
        axes[number].set_ylim(-0.02, 1.02)
        axes[number].yaxis.set_major_formatter(IN_PERCENT)
        axes[number].grid(axis="y")
    axes[0].set_ylabel(label)
    for number, model in enumerate(models):
        axes[0].plot([], [], MARKERS[number % len(MARKERS)] + "-", color=PALETTE[number % len(PALETTE)], label=model)
    axes[0].plot([], [], "-", color=DARK, label="worst case over the attacks, with 95 % interval")
    axes[0].plot([], [], "--", color=DARK, label="noise of the same size")
    if any(one.proven for curves in panels.values() for one in curves):
        axes[0].plot([], [], "-.", color=DARK, label="proven: no attack can take it")
    axes[0].plot([], [], linestyle=(0, (1, 2)), color=DARK, label="guessing")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=min(4, 2 * len(panels)))


def _draw_curves(axes: Axes, one: Curves, number: int) -> None:
    """Draw the curves of a model, which begin at its clean accuracy."""
    colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
    places = range(1 + len(one.snrs))
    low, high = zip(*one.bounds, strict=True)
    axes.fill_between(places[1:], low, high, color=colour, alpha=0.1, linewidth=0)
    line = "-." if one.proven else "-"
    axes.plot(places, [one.clean, *one.robust], marker + line, color=colour, markersize=5, linewidth=2)
    if one.noise:
        axes.plot(places, [one.clean, *one.noise], "--", color=colour, linewidth=1.2)


def _sentence(corpus: str, curves: Sequence[Curves], measure: Measure) -> str:
    """Return what a panel shows: the clean figure, and where half of it is gone."""
    if measure == "uar":
        return f"{corpus}: {'; '.join(_recall(one) for one in curves)}; by guessing {percent(curves[0].chance)} %."
    parts = []
    for one in curves:
        half = next((snr for snr, value in zip(one.snrs, one.robust, strict=True) if value <= one.clean / 2), None)
        lost = "keeps more than half of it at every budget" if half is None else f"half of it is gone at {half:g} dB"
        if one.proven:
            lost = "provably " + (lost if half is None else f"keeps less than half of it from {half:g} dB on")
        parts.append(f"{one.model} is right on {percent(one.clean)} % clean, {lost}")
    return f"{corpus}: {'; '.join(parts)}; by guessing {percent(curves[0].chance)} %."


def _recall(one: Curves) -> str:
    """Return the UAR of a model: clean, and at every budget."""
    values = ", ".join(f"{percent(value)} % at {snr:g} dB" for snr, value in zip(one.snrs, one.robust, strict=True))
    return f"{one.model} has a UAR of {percent(one.clean)} % clean, {'provably ' if one.proven else ''}{values}"
