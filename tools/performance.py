"""Write docs/performance.md from benchmarks/results: `python tools/performance.py`."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from staanet.report.tables import grid

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"


def claims() -> list[dict[str, Any]]:
    """Return the results of the benchmarks that test one claim per file."""
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    return [result for result in results if isinstance(result, dict)]


def rows_of(name: str) -> list[dict[str, Any]]:
    """Return the results of a benchmark that has a table of its own."""
    return list(json.loads((RESULTS / f"{name}.json").read_text()))


def met(result: Mapping[str, Any]) -> str:
    """Return whether an aim is met; it is an upper bound if the claim contains `at most`, otherwise a lower bound."""
    measured, aim = result["measured"], result["aim"]
    return "yes" if measured == aim or (measured < aim) == ("at most" in result["claim"]) else "no"


def page() -> str:
    """Return the page in Markdown."""
    sections = [
        "# Performance",
        "Written by `python tools/performance.py` from [the results](../benchmarks/results) of the scripts in "
        "[benchmarks](../benchmarks). *Times faster* is the ratio of the times of two programs that were timed in "
        "turns in one run on one machine; other machines have other ratios. `make bench` runs the quick versions.",
        *_claims(claims()),
        *_growth(rows_of("cost")),
        *_operations(rows_of("operations")),
        *_attacks(rows_of("attacks")),
        *_machines([*claims(), *(row for name in ("attacks", "cost", "operations") for row in rows_of(name))]),
    ]
    wrapped = [text if text.startswith(("|", "-")) else textwrap.fill(text, 120) for text in sections]
    return "\n\n".join(wrapped) + "\n"


def _claims(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section on claims with an aim."""
    rows = [
        [result[name] for name in ("claim", "command", "unit")]
        + [f"{result['aim']:g}", f"{result['measured']:g}", met(result)]
        for result in results
    ]
    return ["## Claims", grid(["claim", "command", "unit", "aim", "measured", "met"], rows, 3)]


def _growth(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section on how cost grows with the size of a problem."""
    rows = [
        [
            result["what"],
            result["against"],
            _listed(result["values"]),
            _listed(result["milliseconds_per_clip"]),
            f"{result['aim']:g}",
            f"{result['measured']:g}",
            met(result),
        ]
        for result in results
    ]
    return [
        "## How cost grows",
        "`python benchmarks/cost.py --full`: milliseconds per clip when one quantity changes, starting from two clips "
        "of 2 s, 4 classes and 12 % of the samples. The slope is that of the logarithms: 1 if the cost is "
        "proportional to the quantity, 0 if it does not depend on it.",
        grid(["operation", "quantity", "values", "ms per clip", "aim, at most", "slope", "met"], rows, 2),
    ]


def _operations(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section on the share of time that each operation takes."""
    rows = [
        [result["what"] if number == 0 else "", operation, f"{100 * share:.1f}"]
        for result in results
        for number, (operation, share) in enumerate(result["shares"].items())
    ]
    return [
        "## Where the time goes",
        "`python benchmarks/operations.py`: share of the time that torch's operations take themselves, in %, with 4 "
        "clips of 3 s and one thread. `mkldnn_convolution` and `convolution_backward` are arithmetic; "
        "`mkldnn_rnn_layer` is the LSTM of the model.",
        grid(["program", "operation", "share"], rows, 2),
    ]


def _attacks(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section that compares attacks with those of other libraries."""
    rows = [
        [
            result["attack"],
            result["library"],
            *(f"{result[name]:.3g}" for name in ("ours", "other", "ratio")),
            f"{result['aim']:g}",
            f"{result['ours_fooled']} and {result['other_fooled']} of {result['clips']}",
            f"{100 * result['overhead']:.0f}" if "overhead" in result else "",
        ]
        for result in results
    ]
    heads = ["attack", "library", "ours s", "theirs s", "ratio", "aim", "fooled, ours and theirs", "overhead"]
    return [
        "## Attacks compared with those of other libraries",
        "`python benchmarks/attacks.py --full`: seconds of CPU time on one thread, for 16 clips of a second, with "
        "Emo18 trained on synthetic speech. Iterative gradient attacks compute as many gradients in both libraries; "
        "*overhead* is the time of our attack above that of these gradients alone, in %. Other attacks stop on their "
        "own: of our settings, from the cheapest to the most expensive, the table has the first one that fools as "
        "many clips, by perturbations that are no larger if the attack minimises them.",
        grid(heads, rows, 2),
        "FGSM, BIM and PGD check their input and keep the best point of all iterations, which takes one forward pass "
        "more than the plain steps of torchattacks.",
    ]


def _machines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the section that lists the machines and commits of all results."""
    machines = sorted({f"{result['machine']}, commit {result['commit'][:8]}" for result in results})
    return ["## Machines", "\n".join(f"- {machine}" for machine in machines)]


def _listed(values: Sequence[float]) -> str:
    """Return numbers as the text of one cell."""
    return ", ".join(f"{value:.4g}" for value in values)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
