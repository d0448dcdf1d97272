"""The sentences of the page of an evaluation: the result at a budget, what breaks the model, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass

from staanet.assessment.compare import wording as compare_wording
from staanet.assessment.page.chart import dense, share_of, size_of, sparse
from staanet.assessment.result import Evaluation, Point
from staanet.metrics import wilson
from staanet.report.wording import percent

NOTABLE = 0.1
"""Loss of accuracy under a corruption from which on the page advises to train with it."""

STEPS = 4
"""Largest number of pieces of advice."""

ALPHA = 0.05
"""Probability of calling a gap between groups more than chance where there is none."""


@dataclass(frozen=True)
class Gap:
    """The largest gap between groups over all budgets at which every sample may change.

    Args:
        by: What divides the clips.
        at: Name of the budget at which the gap is largest.
        worst: The group with the lowest robust accuracy there, and its value.
        best: The group with the highest one.
        by_chance: 95 % quantile of the largest gap if groups made no difference.
        p_value: Probability of so large a gap then; both allow for having looked at every budget.
    """

    by: str
    at: str
    worst: tuple[str, float]
    best: tuple[str, float]
    by_chance: float
    p_value: float


def plain(name: str) -> str:
    """Return the name of a corruption without underscores."""
    return name.replace("_", " ")


def allowed(point: Point) -> str:
    """Return what an attack may change at a budget, in words."""
    size = f"by up to {size_of(point.snr_db)} of the clip's peak ({point.snr_db:g} dB below it)"
    if point.sparsity == 1:
        return f"every sample {size}"
    return f"{'one sample' if point.sparsity == 0 else f'{share_of(point.sparsity)} of the samples'} {size}"


def result(found: Evaluation, point: Point) -> str:
    """Return the result at a budget in one sentence."""
    clean, robust, low, high, noise, chance = (
        rounded(found, share)
        for share in (
            found.accuracy_clean,
            point.accuracy_robust,
            *point.accuracy_robust_ci,
            point.accuracy_noise,
            found.chance,
        )
    )
    return (
        f"{found.model} is right on {clean} % of {found.n} clips. If an attack may change {allowed(point)}, it is "
        f"right on {robust} % (95 % interval {low} to {high} %). Random noise of that size leaves {noise} % right; "
        f"guessing would give {chance} %."
    )


def rounded(found: Evaluation, share: float) -> str:
    """Return a share in per cent with as many decimals as the number of clips can show."""
    return percent(share, 0 if found.n < 1000 else 1)


def weaknesses(found: Evaluation, gaps: Sequence[Gap]) -> list[str]:
    """Return what breaks the model first: attacks, corruptions that nobody intends, and groups that are worse off."""
    return [
        _attack(found),
        *_few_samples(found),
        *_corruption(found),
        *(
            f"By {gap.by}, {gap.worst[0]} suffers most: at {gap.at}, {percent(gap.worst[1], 0)} % stay right, and "
            f"{percent(gap.best[1], 0)} % of {gap.best[0]}; chance does not explain it."
            for gap in gaps
            if gap.p_value < ALPHA / len(gaps)
        ),
    ]


def _half(found: Evaluation, points: list[Point]) -> Point | None:
    """Return the smallest budget that takes half of the right decisions; None if there is none."""
    return next((point for point in points if point.accuracy_robust <= found.accuracy_clean / 2), None)


def _attack(found: Evaluation) -> str:
    half = _half(found, dense(found))
    if half is None or not found.accuracy_clean:
        return "No budget of the curve at which every sample may change takes half of its right decisions."
    return (
        f"Attacks take half of its right decisions, or more, if they may change {allowed(half)}; {half.attack} needed "
        f"the smallest budget for most clips. Noise of that size leaves {rounded(found, half.accuracy_noise)} % right."
    )


def _few_samples(found: Evaluation) -> list[str]:
    half = _half(found, sparse(found))
    if half is None or not found.accuracy_clean:
        return []
    return [f"If few samples may change, half of its right decisions are gone at {half.name}."]


def _corruption(found: Evaluation) -> list[str]:
    if not found.corruptions:
        return []
    worst = min(found.corruptions, key=lambda one: one.accuracy)
    return [
        f"Without any attacker, {plain(worst.corruption)} ({worst.level}) is the worst corruption and leaves "
        f"{rounded(found, worst.accuracy)} % right."
    ]


def advice(found: Evaluation) -> list[str]:
    """Return what to do next, most important first."""
    low, high = wilson(0.5, found.n)
    undecided = [line.key for line in found.verdict if line.result == "undecided"]
    worst = min(found.corruptions, key=lambda one: one.accuracy, default=None)
    steps = []
    if found.flags:
        steps.append("Settle the flags above first; until then every figure is doubtful.")
    if undecided:
        steps.append(f"Evaluate more clips: so many cannot decide {', '.join(undecided)}.")
    half = _half(found, dense(found))
    if half is not None and found.accuracy_clean:
        steps.append(
            f"Train with attacks of the size at which it breaks ({half.name}; the defence adversarial_training). Then "
            "evaluate the new model with --baseline and this folder, which shows whether it helped."
        )
    if worst is not None and found.accuracy_clean - worst.accuracy >= NOTABLE:
        steps.append(f"Train with {plain(worst.corruption)}, too: that happens without any attacker.")
    if found.about["settings"]["preset"] == "quick":
        steps.append("Repeat with the preset standard before you rely on this: stronger attacks only lower figures.")
    steps.append(
        f"Mind that {found.n} clips show a share to within {percent((high - low) / 2, 0)} points; evaluate more to "
        "see smaller differences."
    )
    return steps[:STEPS]


def verdict(found: Evaluation) -> str:
    """Return the verdict in one sentence."""
    count = {name: sum(line.result == name for line in found.verdict) for name in ("pass", "fail", "undecided")}
    parts = [f"{number} {name}" for name, number in count.items() if number]
    noun = "threshold" if len(found.verdict) == 1 else "thresholds"
    return f"{len(found.verdict)} {noun}: {', '.join(parts)}"


def baseline(found: Evaluation) -> str:
    """Return the comparison with the earlier evaluation in one sentence; empty without one."""
    return "" if found.baseline is None else compare_wording.headline(found.baseline)
