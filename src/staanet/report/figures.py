"""Figures of the report as inline SVG, in the text colour of the page, so that they suit light, dark and print."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from staanet.core.records import Record
from staanet.report.wording import case, columns, percent, unique

INK = "#010203"  # placeholder that is replaced by the text colour of the page
ATTACK, CONTROL, ROBUST = "#d9622b", "#7d8a99", "#3b82c4"
JOINED: dict[str, Any] = {"color": CONTROL, "linewidth": 1, "alpha": 0.45, "zorder": 1}
"""Style of the thin line between two values that belong together."""
PALETTE = ("#d9622b", "#3b82c4", "#2a9d74", "#b8860b", "#a05fb4", "#c8506e", "#6b8e23", "#7d8a99")
MARKERS = "osD^vPX*"
IN_PERCENT = FuncFormatter(lambda fraction, _: f"{100 * fraction:g} %")
STYLE: dict[Any, Any] = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlesize": "medium",
    "axes.axisbelow": True,
    "font.family": "DejaVu Sans",  # only to measure text; the page sets its own font
    "font.size": 9,
    "grid.color": CONTROL,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "staanet",
    "text.parse_math": False,
}


def svg(draw: Callable[..., str], *arguments: Any, prefix: str) -> Markup:
    """Draw a figure and return it as an SVG element.

    Args:
        draw: Function that draws on the figure, its first argument, and returns the alternative text.
        arguments: Further arguments of `draw`.
        prefix: Prefix of every id in the SVG, so that a page can hold several figures.
    """
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4), layout="constrained")
        description = draw(figure, *arguments)
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    body = text.getvalue()
    body = body[body.index("<svg") :].replace(INK, "currentColor")
    body = re.sub(r' (width|height)="[\d.]+pt"', "", body, count=2)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # these ids are not referenced
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<[a-z][^>]*>", lambda tag: re.sub(r' style="([^"]*)"', _attributes, tag.group()), body)
    body = re.sub(r'\b(d|x|y)="[^"]*"', lambda place: re.sub(r"(\.\d\d)\d+", r"\1", place.group()), body)
    body = re.sub(r' transform="rotate\(-?0 [^"]*"|<defs>\s*</defs>\n?', "", _ungrouped(body))
    body = _renamed(body, prefix)
    joints = 'stroke-linejoin="round" stroke-linecap="butt"'
    return Markup(body.replace("<svg", f'<svg {joints} role="img" aria-label="{escape(description)}"', 1).strip())  # noqa: S704


def _ungrouped(body: str) -> str:
    """Return an SVG without the groups that have no attribute and therefore change nothing."""
    kept: list[bool] = []

    def part(tag: re.Match[str]) -> str:
        if tag[0].startswith("<g"):
            kept.append(not tag[0].startswith("<g>"))
            return tag[0] if kept[-1] else ""
        return tag[0] if kept.pop() else ""

    return re.sub(r"(<g\b[^>]*>|</g>)\n?", part, re.sub(r"<g */>\n?", "", body))


def _renamed(body: str, prefix: str) -> str:
    """Return an SVG whose ids are the prefix and a number, wherever they stand."""
    names = {name: f"{prefix}-{number}" for number, name in enumerate(re.findall(r'\bid="([^"]*)"', body))}
    return re.sub(
        r'(\bid="|xlink:href="#|url\(#)([^")]*)', lambda found: found[1] + names.get(found[2], found[2]), body
    )


def _attributes(style: re.Match[str]) -> str:
    """Return a style as attributes, since the security policy of a page allows no style attribute."""
    pairs = (rule.partition(":")[::2] for rule in style[1].split(";"))
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)


def rates(figure: Figure, records: Sequence[Record]) -> str:
    """Draw robust accuracy with the line of chance, and ASR with control, with the confidence intervals."""
    fields = columns(records)
    if len({(record.attack, record.source, record.target) for record in records}) == len(records):
        fields = fields[:2]  # short labels, which are unique here
    figure.set_size_inches(9, 1.3 + 0.27 * len(records))
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.1})
    for row, record in enumerate(records):
        left.plot([record.robust_accuracy, record.accuracy_clean], [row, row], **JOINED)
        left.plot(record.accuracy_clean, row, "o", color=CONTROL, markersize=6, markerfacecolor="none")
        right.plot([record.asr_control, record.asr], [row, row], **JOINED)
        for axes, value, bounds, shift, colour, marker in (
            (left, record.robust_accuracy, record.robust_accuracy_speaker_ci, 0, ROBUST, "s"),
            (right, record.asr, record.asr_speaker_ci, -0.13, ATTACK, "o"),
            (right, record.asr_control, record.asr_control_ci, 0.13, CONTROL, "D"),
        ):
            axes.plot(bounds, [row + shift] * 2, color=colour, linewidth=2, alpha=0.6, solid_capstyle="round")
            axes.plot(value, row + shift, marker, color=colour, markersize=6)
    _draw_chance(left.axvline, records)
    for marker, colour, face, label in (
        ("s", ROBUST, ROBUST, "robust accuracy"),
        ("o", CONTROL, "none", "accuracy before the attack"),
        ("o", ATTACK, ATTACK, "ASR"),
        ("D", CONTROL, CONTROL, "control"),
    ):
        left.plot([], [], marker, color=colour, markerfacecolor=face, markersize=6, label=label)
    left.set_yticks(range(len(records)), [_label(record, fields) for record in records])
    left.set_ylim(len(records) - 0.5, -0.5)
    for axes in (left, right):
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(IN_PERCENT)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    figure.legend(loc="outside upper right", ncols=5)
    worst = min(records, key=lambda r: r.robust_accuracy)
    return (
        f"Robust accuracy, ASR and control of {len(records)} records with 95 % confidence intervals. The lowest robust "
        f"accuracy is {percent(worst.robust_accuracy)} % ({case(worst, fields)}), where chance is "
        f"{percent(worst.chance)} %. The transfer table holds all values."
    )


def _draw_chance(line: Callable[..., Any], records: Sequence[Record], label: str | None = "chance") -> None:
    """Draw the line of chance, one for each number of classes."""
    for chance in sorted({record.chance for record in records}):
        line(chance, color=INK, linewidth=1, linestyle=":", label=label)
        label = None


def _label(record: Record, fields: Sequence[str]) -> str:
    return case(record, fields) + (" · white-box" if record.source == record.target else "")


def costs(figure: Figure, records: Sequence[Record]) -> str:
    """Draw the robust accuracy under every attack as a function of its sparsity and of its SNR."""
    left, right = figure.subplots(1, 2, sharey=True)
    for index, attack in enumerate(unique(r.attack for r in records)):
        style = {"color": PALETTE[index % len(PALETTE)], "marker": MARKERS[index % len(MARKERS)], "s": 46}
        for axes, name in ((left, "sparsity"), (right, "snr_peak_db")):
            shown = [r for r in records if r.attack == attack and getattr(r, name) is not None]
            faces = [style["color"] if r.source == r.target else "none" for r in shown]
            points = [getattr(r, name) for r in shown], [r.robust_accuracy for r in shown]
            axes.scatter(*points, edgecolors=style["color"], facecolors=faces, marker=style["marker"], s=style["s"])
        left.scatter([], [], label=attack, **style)
    _draw_chance(left.axhline, records)
    _draw_chance(right.axhline, records, label=None)
    left.set(ylim=(-0.02, 1.02), ylabel="robust accuracy", xlabel="changed samples (sparsity)")
    right.set(xlabel="peak SNR in dB (quieter perturbations to the right)")
    levels = [r.snr_peak_db for r in records if r.snr_peak_db is not None]
    if levels:
        right.set_xlim(min(levels) - 3, max(levels) + 3)
    low, high = min(r.sparsity for r in records), max(r.sparsity for r in records)
    if low > 0:
        left.set_xscale("log")
        left.set_xlim(low / 1.6, high * 1.6)  # wide enough for at least one tick
        left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 30 * low else (1,)))
        left.xaxis.set_minor_formatter(NullFormatter())
    left.xaxis.set_major_formatter(IN_PERCENT)
    left.yaxis.set_major_formatter(IN_PERCENT)
    for axes in (left, right):
        axes.grid()
    figure.legend(loc="outside upper right", ncols=6)
    missing = sum(r.snr_peak_db is None for r in records)
    skipped = f" {missing} records have no SNR and are not shown on the right." if missing else ""
    return (
        f"Robust accuracy as a function of sparsity, from {percent(low, 2)} to {percent(high, 2)} %, and of peak SNR, "
        f"one point per record, filled for white-box attacks.{skipped}"
    )


def predictions(figure: Figure, record: Record) -> str:
    """Draw how often the target of a record predicts each class before and after the attack."""
    figure.set_size_inches(4.6, 3.2)
    axes = figure.subplots()
    places = np.arange(len(record.labels))
    for shift, counts, colour, label in (
        (-0.2, record.predictions_clean, CONTROL, "before"),
        (0.2, record.predictions_adv, ATTACK, "after"),
    ):
        axes.bar_label(axes.bar(places + shift, counts, 0.38, color=colour, label=label), fontsize=8)
    axes.set_ylabel("predictions")
    _label_classes(axes, record.labels)
    figure.legend(loc="outside upper right", ncols=2)
    changes = zip(record.labels, record.predictions_clean, record.predictions_adv, strict=True)
    return (
        "Predictions per class before and after the attack: "
        + "; ".join(f"{name} {a} and {b}" for name, a, b in changes)
        + "."
    )


def classes(figure: Figure, record: Record) -> str:
    """Draw the ASR of a record for each true class."""
    figure.set_size_inches(4.6, 3.2)
    axes = figure.subplots()
    texts = ["–" if value is None else percent(value) for value in record.asr_by_class]
    bars = axes.bar(range(len(texts)), [value or 0 for value in record.asr_by_class], 0.6, color=ATTACK)
    axes.bar_label(bars, texts, fontsize=8)
    axes.axhline(record.asr, color=CONTROL, linewidth=1, linestyle="--", label="all clips")
    axes.set(ylim=(0, 1.08), ylabel="ASR")
    axes.yaxis.set_major_formatter(IN_PERCENT)
    names = [f"{name} ({clips})" for name, clips in zip(record.labels, record.clips_by_class, strict=True)]
    _label_classes(axes, names)
    figure.legend(loc="outside upper right")
    shares = "; ".join(f"{name} {text}" for name, text in zip(names, texts, strict=True))
    return f"ASR in % by true class: {shares}. Over all clips {percent(record.asr)}."


def _label_classes(axes: Any, names: list[str]) -> None:
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
