"""One figure with the curves of several evaluations: a panel for each set of clips, a colour for each model."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from staanet.assessment.runs import FILE, check_comparable, read
from staanet.core.atomic import atomic_write
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable, read_json
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


@dataclass(frozen=True)
class Curves:
    """What is drawn of an evaluation: accuracies at the budgets at which every sample may change.

    Args:
        model: Name of the model.
        clean: Clean accuracy.
        chance: Accuracy of a guess.
        snrs: Peak SNRs in dB.
        robust: Robust accuracy at each.
        bounds: Its 95 % interval.
        noise: Accuracy under noise of the same size.
    """

    model: str
    clean: float
    chance: float
    snrs: Sequence[float]
    robust: Sequence[float]
    bounds: Sequence[Sequence[float]]
    noise: Sequence[float]

    @classmethod
    def of(cls, found: Mapping[str, Any], model: str) -> "Curves":
        """Return the curves of an evaluation from the content of its `evaluation.json`."""
        points = [point for point in found["curve"] if point["sparsity"] == 1]
        return cls(
            model=model,
            clean=found["accuracy_clean"],
            chance=found["chance"],
            snrs=[point["snr_db"] for point in points],
            robust=[point["accuracy_robust"] for point in points],
            bounds=[point["accuracy_robust_ci"] for point in points],
            noise=[point["accuracy_noise"] for point in points],
        )


def check_target(path: Path) -> None:
    """Check, before any work, that a figure can be written under a name.

    Raises:
        StaanetError: If the name has another ending than those of figures, or the folder cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise StaanetError(f"{path}: expected a name ending in {', '.join(ENDINGS)}, got {path.suffix!r}")
    check_writable(path.parent)


def by_data(runs: Sequence[str | Path]) -> dict[str, list[Path]]:
    """Return folders with evaluations by the name of their corpus, in the order in which they are given.

    Raises:
        StaanetError: If a folder holds no evaluation, or evaluations of one corpus differ in more than model and seed.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for run in map(Path, runs):
        loaded = read(run)
        corpus = str(loaded.conditions.settings["corpus"])
        if groups[corpus]:
            first = read(groups[corpus][0])
            check_comparable(first.conditions, loaded.conditions, (str(first.folder), str(run)))
        groups[corpus].append(run)
    return dict(groups)


def write_figure(runs: Sequence[str | Path], path: str | Path) -> str:
    """Draw the curves of evaluations in one figure, with a panel for each corpus, and return what it shows in words.

    Args:
        runs: Folders that `evaluate` wrote.
        path: The figure, whose name ends in `.svg`, `.png` or `.pdf`.

    Raises:
        StaanetError: If a folder holds no evaluation, or those of one corpus cannot be compared.
    """
    path = Path(path)
    check_target(path)
    groups = by_data(runs)
    found = {corpus: [read_json(folder / FILE) for folder in folders] for corpus, folders in groups.items()}
    names = _names(found, groups)
    panels = {
        corpus: [Curves.of(one, name) for one, name in zip(some, names[corpus], strict=True)]
        for corpus, some in found.items()
    }
    style: dict[Any, Any] = {key: DARK if value == INK else value for key, value in STYLE.items()}
    with matplotlib.rc_context(style | TEXT):
        figure = Figure(figsize=(1.5 + 4.2 * len(panels), 4.2), layout="constrained")
        _draw(figure, panels, {corpus: int(found[corpus][0]["n"]) for corpus in panels})
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=DPI, facecolor="white")
    return " ".join(_sentence(corpus, curves) for corpus, curves in panels.items())


def _names(found: Mapping[str, Sequence[Any]], groups: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    """Return the names of the models, or of the folders where models of one corpus have the same name."""
    names = {corpus: [str(one["model"]) for one in some] for corpus, some in found.items()}
    if all(len(set(some)) == len(some) for some in names.values()):
        return names
    return {corpus: [folder.resolve().name for folder in folders] for corpus, folders in groups.items()}


def _draw(figure: Figure, panels: Mapping[str, Sequence[Curves]], clips: Mapping[str, int]) -> None:
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
    axes[0].set_ylabel("clips that are right")
    for number, model in enumerate(models):
        axes[0].plot([], [], MARKERS[number % len(MARKERS)] + "-", color=PALETTE[number % len(PALETTE)], label=model)
    axes[0].plot([], [], "-", color=DARK, label="worst case over the attacks, with 95 % interval")
    axes[0].plot([], [], "--", color=DARK, label="noise of the same size")
    axes[0].plot([], [], linestyle=(0, (1, 2)), color=DARK, label="guessing")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)


def _draw_curves(axes: Axes, one: Curves, number: int) -> None:
    """Draw the curves of a model, which begin at its clean accuracy."""
    colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
    places = range(1 + len(one.snrs))
    low, high = zip(*one.bounds, strict=True)
    axes.fill_between(places[1:], low, high, color=colour, alpha=0.1, linewidth=0)
    axes.plot(places, [one.clean, *one.robust], marker + "-", color=colour, markersize=5, linewidth=2)
    axes.plot(places, [one.clean, *one.noise], "--", color=colour, linewidth=1.2)


def _sentence(corpus: str, curves: Sequence[Curves]) -> str:
    """Return what a panel shows: clean accuracy, and where half of it is gone."""
    parts = []
    for one in curves:
        half = next((snr for snr, value in zip(one.snrs, one.robust, strict=True) if value <= one.clean / 2), None)
        lost = "keeps more than half of it at every budget" if half is None else f"half of it is gone at {half:g} dB"
        parts.append(f"{one.model} is right on {percent(one.clean)} % clean, {lost}")
    return f"{corpus}: {'; '.join(parts)}; by guessing {percent(curves[0].chance)} %."
