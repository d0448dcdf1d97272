"""Write docs/performance.md from benchmarks/results: `python docs/performance.py`."""

import json
import textwrap
from pathlib import Path
from typing import Any

from staanet.report.tables import grid

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "benchmarks" / "results"
PAGE = DOCS / "performance.md"


def claims() -> list[dict[str, Any]]:
    """Return what each benchmark but that of the attacks found."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json")) if path.stem != "attacks"]


def attacks() -> list[dict[str, Any]]:
    """Return our attacks beside those of other libraries."""
    return list(json.loads((RESULTS / "attacks.json").read_text()))


def met(one: dict[str, Any]) -> str:
    """Return whether an aim is met: at most so much where the claim says so, else at least."""
    return (
        "yes"
        if one["measured"] == one["aim"] or (one["measured"] < one["aim"]) == ("at most" in one["claim"])
        else "no"
    )


def page() -> str:
    """Return the page."""
    found, races = claims(), attacks()
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
    machines = sorted({f"{one['machine']}, commit {one['commit'][:8]}" for one in (*found, *races)})
    parts = [
        "# Performance",
        "Written by `python docs/performance.py` from [the results](../benchmarks/results) of the scripts in "
        "[benchmarks](../benchmarks). All but sizes are ratios of two things timed in turns in one run on one machine; "
        "another machine has others. `make bench` prints the quick versions.",
        "## Claims",
        grid(["claim", "command", "unit", "aim", "measured", "met"], rows, 3),
        "## Attacks beside those of other libraries",
        "`python benchmarks/attacks.py --full`: seconds of CPU time on one thread, 16 clips of a second, Emo18 trained "
        "on synthetic speech. Attacks that climb take as many gradients on both sides; *overhead* is what ours takes "
        "above these gradients by themselves, in %. The others end of themselves: of our settings, from cheap to "
        "dear, the first counts that fools as many clips, by changes that are no larger where those are minimised.",
        grid(
            ["attack", "library", "ours s", "theirs s", "ratio", "aim", "fooled, ours and theirs", "overhead"], raced, 2
        ),
        "FGSM, BIM and PGD check their input, look at the model once before the first step, and keep the best point of "
        "the way, which takes a forward pass more than the plain steps of torchattacks.",
        "## Machines",
        "\n".join(f"- {machine}" for machine in machines),
    ]
    wrapped = [part if part.startswith(("|", "-")) else textwrap.fill(part, 120) for part in parts]
    return "\n\n".join(wrapped) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
