"""Refresh the figure and the tables of docs/method.md from registry and records: `python tools/method.py`.

The table of networks stands between `<!-- networks -->` and `<!-- /networks -->`, that of results between
`<!-- results: STUDY, STUDY -->` and `<!-- /results -->`, and that of changed decisions likewise between
`<!-- changed: STUDY -->` and `<!-- /changed -->`. A test fails if they are out of date.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import changed_decisions
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch.utils.flop_counter import FlopCounterMode

from staanet.attacks.generator import GENERATORS, Universal
from staanet.attacks.generator.base import Generator, Given
from staanet.core.records import Record
from staanet.core.run import Run
from staanet.evaluation import pooled
from staanet.report import figures
from staanet.report.wording import interval, percent

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "method.md"
FIGURE = ROOT / "docs" / "images" / "method.svg"
RESULTS = ROOT / "results"

CLIP = 96_000
"""Samples of the clip of which arithmetic is counted: 6 s at 16 kHz."""

BOXES = {
    "clip": (0.0, 2.0, "clip x"),
    "gradient": (0.0, 0.7, "gradient of\nthe source"),
    "encoder": (1.9, 2.0, "encoder\non frames"),
    "budget": (1.9, 3.5, "budget:\n\u03b5 and k"),
    "magnitudes": (3.8, 2.8, "decoder of\nmagnitudes"),
    "positions": (3.8, 1.2, "decoder of\npositions"),
    "v": (5.7, 2.8, "v = \u03b5 tanh(.)"),
    "m": (5.7, 1.2, "m = 1 for the\nk highest"),
    "adversarial": (7.6, 2.0, "x + v \u00b7 m,\nclamped"),
}
"""Place and text of each box of the figure."""

ARROWS = (
    ("clip", "encoder"), ("encoder", "magnitudes"), ("encoder", "positions"),
    ("magnitudes", "v"), ("positions", "m"), ("v", "adversarial"), ("m", "adversarial"),
)  # fmt: skip
"""What every generator has."""

DASHED = (("gradient", "encoder"), ("budget", "magnitudes"), ("budget", "positions"))
"""What only conditional ones have."""

WIDTH, HEIGHT = 1.35, 0.8


def networks() -> list[list[Any]]:
    """Return a row per generator of the registry: what it sees, its sizes and its arithmetic."""
    return [
        [
            f"`{name}`{', the default' if made.default else ''}",
            _sees(made),
            f"{sum(parameter.numel() for parameter in _network(made).parameters()):,}".replace(",", " "),
            _network(made).stride,
            f"{gflop(made):.2f}",
            f"`{made.preset}`",
        ]
        for name, made in GENERATORS.items()
    ]


def _network(made: type[Generator]) -> Generator:
    """Return a network without memory for its weights."""
    with torch.device("meta"):
        return made(made.Settings()).eval()


def _sees(made: type[Generator]) -> str:
    if issubclass(made, Universal):
        return "nothing"
    told = ["clip", *(["budget"] if made.preset == "conditional" else [])]
    return ", ".join([*told, *(["gradient"] if made.uses_gradients else [])])


def gflop(made: type[Generator]) -> float:
    """Return the arithmetic of a generator for a clip of 6 s, in GFLOP, without computing anything."""
    network = _network(made)
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        clip = torch.zeros(1, CLIP)
        given = Given(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64), clip if made.uses_gradients else None)
        network.unpadded_outputs(clip, given)
    return float(counter.get_total_flops()) / 1e9


def results(study: Path) -> Iterator[list[Any]]:
    """Yield a row per attack by a generator, source and target of a published study, with its folds pooled."""
    run = Run(study)
    for record in pooled([record for record in run.records if record.generator], run.outcomes):
        yield [
            f"[{study.name}](../results/{study.name}/README.md)",
            f"`{record.attack}`",
            f"`{record.settings['attack']['generator']['generator']}`",
            f"{record.source} \u2192 {record.target}",
            _budget(record),
            f"{percent(record.asr)} {interval(record.asr_fold_ci or record.asr_speaker_ci)}",
            percent(record.asr_control),
            percent(record.asr_excess),
            record.n,
        ]


def changed(study: Path) -> Iterator[list[Any]]:
    """Yield a row per attack by a generator on its own source in a published study: where the changed decisions go."""
    for record, count, share, distance, by_chance in changed_decisions.rows(Run(study)):
        yield [
            f"[{study.name}](../results/{study.name}/README.md)",
            f"`{record.attack}`",
            record.source,
            _budget(record),
            count,
            percent(share, 0),
            f"{distance:.2f}",
            f"{by_chance:.2f}",
        ]


def _budget(record: Record) -> str:
    size = f"{record.budget_snr_db:g} dB" if record.budget_epsilon is None else f"\u03b5 {record.budget_epsilon:g}"
    return f"{size}, {percent(record.budget_sparsity, 0)} %"


def figure() -> str:
    """Return the figure as SVG on a white background."""
    drawn = str(figures.svg(_draw, prefix="method"))
    drawn = drawn.replace("<svg ", '<svg style="background: #fff; color: #222" ', 1)
    drawn = re.sub(r'\bd="[^"]*"', lambda path: " ".join(path.group().split()), drawn)
    return re.sub(r"\n\s*", "\n", drawn) + "\n"


def _draw(drawing: Figure) -> str:
    drawing.set_size_inches(9, 3.6)
    flow, step = drawing.subplots(1, 2, width_ratios=(3.4, 1))
    _draw_flow(flow)
    _draw_step(step)
    return (
        "Left: the encoder reads the clip; one decoder computes magnitudes v, another one positions m, 1 for the k "
        "highest scores; the adversarial clip is x plus v times m. Dashed: conditional generators also see the budget "
        "and, some of them, the gradient of the source. Right: training rounds positions to 0 or 1 and passes the "
        "gradient of a smooth curve."
    )


def _draw_flow(axes: Axes) -> None:
    for x, y, text in BOXES.values():
        box = FancyBboxPatch(
            (x, y - HEIGHT / 2), WIDTH, HEIGHT, boxstyle="round,pad=0.04", facecolor="none", edgecolor=figures.INK
        )
        axes.add_patch(box)
        axes.text(x + WIDTH / 2, y, text, ha="center", va="center", fontsize=8)
    for pairs, style in ((ARROWS, "-"), (DASHED, "--")):
        for start, end in pairs:
            (x, y, _), (to_x, to_y, _) = BOXES[start], BOXES[end]
            arrow = {"arrowstyle": "->", "linestyle": style, "color": figures.ATTACK, "shrinkA": 3, "shrinkB": 3}
            axes.annotate("", xy=(to_x, to_y), xytext=(x + WIDTH, y), arrowprops=arrow)
    axes.set(xlim=(-0.1, 9.1), ylim=(0.2, 4.1))
    axes.set_axis_off()


def _draw_step(axes: Axes) -> None:
    raw = np.linspace(-3, 3, 41)
    axes.plot([-3, 0, 0, 3], [0, 0, 1, 1], color=figures.ATTACK, label="forward")
    axes.plot(raw, (np.tanh(raw) + 1) / 2, color=figures.ROBUST, linestyle="--", label="backward")
    axes.set(xlabel="raw position", ylabel="m", yticks=(0, 1), ylim=(-0.05, 1.3))
    axes.legend(loc="upper left", fontsize=8)


def refreshed(text: str) -> str:
    """Return the page with up-to-date tables."""
    heads = ["generator", "sees", "parameters", "stride", "GFLOP for 6 s", "preset"]
    text = _between("networks", lambda _: _table(heads, networks(), words=2), text)
    heads = ["study", "attack", "generator", "source and target", "budget", "ASR", "control", "excess", "n"]
    text = _between("results", _of_studies(heads, results, words=5), text)
    heads = ["study", "attack", "model", "budget", "changed", "to one class, %", "distance", "by chance"]
    return _between("changed", _of_studies(heads, changed, words=4), text)


def _of_studies(heads: Sequence[str], rows: Callable[[Path], Iterator[list[Any]]], words: int) -> Callable[[str], str]:
    """Return a function that makes a table of the rows of some studies, whose names are separated by commas."""

    def table(studies: str) -> str:
        return _table(heads, [row for study in studies.split(", ") for row in rows(RESULTS / study)], words)

    return table


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]], words: int) -> str:
    """Return texts in Markdown as a table, whose columns after so many hold numbers."""
    rule = ["---"] * words + ["---:"] * (len(heads) - words)
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (heads, rule, *rows))


def _between(name: str, made: Any, text: str) -> str:
    """Return a text with what a function makes of the words after the name, between the markers of this name."""
    between = re.compile(rf"(<!-- {name}(?:: ([\w, ]+))? -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return between.sub(lambda match: f"{match[1]}{made(match[2])}\n{match[3]}", text)


if __name__ == "__main__":
    FIGURE.write_text(figure(), encoding="utf-8")
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
