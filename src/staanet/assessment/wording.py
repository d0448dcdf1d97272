"""An evaluation in sentences: before the work, on the terminal, and as Markdown for a pull request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from staanet.assessment.certified import beside
from staanet.assessment.power import OTHERWISE, detectable_paired, detectable_unpaired
from staanet.assessment.protected import wording as protected_wording
from staanet.assessment.result import Evaluation, Interval, Point
from staanet.core import markup
from staanet.report.wording import duration, percent

if TYPE_CHECKING:
    from staanet.assessment import Plan


def plan(one: "Plan") -> list[str]:
    """Return what an evaluation will do, how long it takes, and what it can show."""
    clips = len(one.clips)
    return [
        f"{one.title} on {clips} clips of {one.dataset.corpus}: {', '.join(one.attacks)}{_attackers(one)} at "
        f"{len(one.curves.dense)} budgets on all samples and {len(one.curves.sparse)} on few samples; about "
        f"{duration(one.seconds)}.",
        f"Clips are saved {one.saved.words}, because {one.why_saved}; only what is saved counts.",
        f"With {clips} clips, a share is known to within {100 * one.resolution:.0f} points at best. A difference from "
        f"other clips shows in four of five cases if it is {100 * detectable_unpaired(clips):.0f} points; one from "
        f"another model on the same clips, if it is {100 * detectable_paired(clips):.0f} points and the two differ on "
        f"{100 * OTHERWISE:.0f} % of the clips. Smaller differences cannot be relied on to show.",
    ]


def _attackers(one: "Plan") -> str:
    names = list(one.protection.sources)
    return f", each by {len(names)} attackers ({', '.join(names)})," if len(names) > 1 else ""


def headline(found: Evaluation) -> str:
    """Return the result in one sentence."""
    low, high = found.accuracy_robust_ci
    return (
        f"{found.model} is right on {percent(found.accuracy_clean)} % of {found.n} clips. If an attack may change "
        f"every sample by as much as {found.reference} below the peak of its clip, it is right on "
        f"{percent(found.accuracy_robust)} % (95 % interval {percent(low)} to {percent(high)} %); under noise of that "
        f"size on {percent(found.accuracy_noise)} %, by guessing on {percent(found.chance)} %."
    )


def breaks(found: Evaluation) -> str:
    """Return what breaks the model first."""
    dense = [point for point in found.curve if point.sparsity == 1]
    half = next((point for point in dense if point.accuracy_robust <= found.accuracy_clean / 2), None)
    if half is None or not found.accuracy_clean:
        return "No budget of the curve takes half of its right decisions away."
    return (
        f"Half of its right decisions are gone at {half.name}; {half.attack} needed the smallest budget for most of "
        f"them. Noise of the same size leaves {percent(half.accuracy_noise)} % right."
    )


def corruptions(found: Evaluation) -> str:
    """Return which corruption takes most decisions away, and whether attacked clips survive corruptions."""
    worst = min(found.corruptions, key=lambda one: one.accuracy)
    survive = [one.survives for one in found.corruptions if one.survives is not None]
    attacked = (
        f"; after a corruption, {percent(sum(survive) / len(survive))} % of the attacked clips still fool it"
        if survive
        else ""
    )
    return (
        f"Of the corruptions that nobody intends, {worst.corruption} ({worst.level}) is the worst and leaves "
        f"{percent(worst.accuracy)} % right{attacked}."
    )


def lines(found: Evaluation) -> list[str]:
    """Return the result as a terminal shows it."""
    dense = [point for point in found.curve if point.sparsity == 1]
    sparse = [point for point in found.curve if point.sparsity != 1]
    gaps = sorted(found.groups, key=lambda group: group.p_value)
    return [
        headline(found),
        *protected_wording.lines(found),
        breaks(found),
        f"all samples:  {_series(dense)}",
        *([f"few samples:  {_series(sparse)}"] if sparse else []),
        *(
            f"{group.by}: the largest gap is {percent(group.gap)} points, by chance up to {percent(group.by_chance)} "
            f"(p = {group.p_value:.3f})"
            for group in gaps[:2]
        ),
        *([corruptions(found)] if found.corruptions else []),
        *(beside.sentences(found.certificate)[:1] if found.certificate is not None else []),
        *(f"flag {name}: {meaning}" for name, meaning in found.flags.items()),
        *(
            f"{line.result}: {line.key} {_measured(line.value, line.ci)} %, demanded {percent(line.least)} %"
            + (f" ({line.reason})" if line.reason else "")
            for line in found.verdict
        ),
    ]


def _series(points: Iterable[Point]) -> str:
    return ", ".join(f"{point.name} {percent(point.accuracy_robust)} %" for point in points)


def _measured(value: float, bounds: Interval) -> str:
    return f"{percent(value)} [{percent(bounds[0])}, {percent(bounds[1])}]"


def markdown(found: Evaluation) -> str:
    """Return a summary as Markdown."""
    rows = [
        f"| {point.name} | {_measured(point.accuracy_robust, point.accuracy_robust_ci)} | "
        f"{percent(point.uar_robust)} | {percent(point.accuracy_noise)} | {point.attack or '–'} |"
        for point in found.curve
    ]
    verdict = [
        f"| {line.key} | {percent(line.least)} | {_measured(line.value, line.ci)} | **{line.result}** | "
        f"{markup.markdown(line.reason)} |"
        for line in found.verdict
    ]
    head = ["", "| threshold | demanded, % | measured, % | result | reason |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(
        [
            f"## Robustness of {markup.markdown(found.model)}",
            "",
            headline(found),
            *protected_wording.lines(found),
            breaks(found),
            *([*head, *verdict] if verdict else []),
            "",
            "| budget | robust accuracy, % | robust UAR, % | under noise, % | strongest attack |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            *(f"\n**{name}**: {meaning}" for name, meaning in found.flags.items()),
            *(["", *beside.sentences(found.certificate)] if found.certificate is not None else []),
            "",
        ]
    )
