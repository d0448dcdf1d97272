"""Write docs/performance.md from benchmarks/results: `python tools/performance.py`."""

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from staanet.report.tables import grid

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"


def claims() -> list[dict[str, Any]]:
    """Return what the benchmarks found that make one claim a file."""
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    return [one for one in found if isinstance(one, dict)]


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return what a benchmark found that makes a table of its own."""
    return list(json.loads((RESULTS / f"{name}.json").read_text()))


def met(one: dict[str, Any]) -> str:
    """Return whether an aim is met: at most so much where the claim says so, else at least."""
    return (
        "yes"
        if one["measured"] == one["aim"] or (one["measured"] < one["aim"]) == ("at most" in one["claim"])
        else "no"
    )


def listed(values: Sequence[float]) -> str:
    """Return numbers in a cell."""
    return ", ".join(f"{value:.4g}" for value in values)


def page() -> str:
    """Return the page."""
    found, races, curves, profiles = claims(), rows_of("attacks"), rows_of("cost"), rows_of("operations")
    rows = [
        [one["claim"], one["command"], one["unit"], f"{one['aim']:g}", f"{one['measured']:g}", met(one)]
        for one in found
    ]
    raced = [
        [
            one["attack"],
            one["library"],
            f"{one['ours']:.3g}",
            f"{one['other']:.3g}",
            f"{one['ratio']:.3g}",
            f"{one['aim']:g}",
            f"{one['ours_fooled']} and {one['other_fooled']} of {one['clips']}",
            f"{100 * one['overhead']:.0f}" if "overhead" in one else "",
        ]
        for one in races
    ]
    grown = [
        [
            one["what"],
            one["against"],
            listed(one["values"]),
            listed(one["milliseconds_per_clip"]),
            f"{one['aim']:g}",
            f"{one['measured']:g}",
            met(one),
        ]
        for one in curves
    ]
    spent = [
        [one["what"] if number == 0 else "", operation, f"{100 * share:.1f}"]
        for one in profiles
        for number, (operation, share) in enumerate(one["shares"].items())
    ]
    every = (*found, *races, *curves, *profiles)
    machines = sorted({f"{one['machine']}, commit {one['commit'][:8]}" for one in every})
    parts = [
        "# Performance",
        "Written by `python tools/performance.py` from [the results](../benchmarks/results) of the scripts in "
        "[benchmarks](../benchmarks). *Times faster* is the ratio of two things timed in turns in one run on one "
        "machine; another machine has others. `make bench` runs the quick versions.",
        "## Claims",
        grid(["claim", "command", "unit", "aim", "measured", "met"], rows, 3),
        "## How cost grows",
        "`python benchmarks/cost.py --full`: milliseconds per clip, from two clips of 2 s, 4 classes and 12 % of the "
        "samples, where one thing changes. The slope is that of the logarithms: 1 where cost is proportional, 0 where "
        "it does not grow.",
        grid(["what", "against", "at", "ms per clip", "aim, at most", "slope", "met"], grown, 2),
        "## Where the time goes",
        "`python benchmarks/operations.py`: shares of the operations' own time in %, 4 clips of 3 s, one thread. "
        "`mkldnn_convolution` and `convolution_backward` are arithmetic; `mkldnn_rnn_layer` is the model's LSTM.",
        grid(["what", "operation", "share"], spent, 2),
        "## Attacks beside those of other libraries",
        "`python benchmarks/attacks.py --full`: seconds of CPU time on one thread, 16 clips of a second, Emo18 trained "
        "on synthetic speech. Attacks that climb take as many gradients on both sides; *overhead* is what ours takes "
        "above these gradients by themselves, in %. The others end of themselves: of our settings, from cheap to "
        "dear, the first counts that fools as many clips, by changes that are no larger where those are minimised.",
        grid(
            ["attack", "library", "ours s", "theirs s", "ratio", "aim", "fooled, ours and theirs", "overhead"], raced, 2
        ),
        "FGSM, BIM and PGD check their input, and keep the best point of the way, which takes a forward pass more than "
        "the plain steps of torchattacks.",
        "## Machines",
        "\n".join(f"- {machine}" for machine in machines),
    ]
    wrapped = [part if part.startswith(("|", "-")) else textwrap.fill(part, 120) for part in parts]
    return "\n\n".join(wrapped) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
