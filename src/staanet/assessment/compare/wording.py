"""A comparison in sentences: on the terminal, and as Markdown for a pull request."""

from collections.abc import Sequence

from staanet.assessment.compare import Comparison, Difference, Measure
from staanet.report.wording import number, p_value, percent

NAMES: dict[Measure, str] = {
    "accuracy_clean": "clean accuracy",
    "accuracy_robust": "robust accuracy",
    "accuracy_noise": "accuracy under noise",
}


def headline(found: Comparison) -> str:
    """Return which of the two is more robust, or within how many points they are equal, in one sentence."""
    robust, reference = found.of("accuracy_robust"), found.at_reference("accuracy_robust")
    shown = [one for one in robust if one.result != "undecided"]
    if not shown and reference.claimable:
        proven, measured = (found.b, found.a) if reference.claimable == "higher" else (found.a, found.b)
        kept, left = (reference.b, reference.a) if proven == found.b else (reference.a, reference.b)
        return (
            f"Whether {found.b} or {found.a} is more robust is undecided: at {found.reference}, {proven} provably "
            f"keeps {percent(kept)} % and may keep more, and attacks leave {measured} {percent(left)} %, of which "
            "stronger ones may take more."
        )
    better = "proven right on more clips" if found.proven else "more robust"
    if not shown:
        widest = max(robust, key=lambda one: one.within)
        return (
            f"{found.b} and {found.a} are equal within {percent(reference.within)} points at {found.reference} "
            f"({_values(reference)}), and within {percent(widest.within)} points at every budget: chance may "
            "explain the differences."
        )
    best = reference if reference in shown else max(shown, key=lambda one: abs(one.difference))
    more, less = (found.b, found.a) if best.result == "higher" else (found.a, found.b)
    same = [_budget(one) for one in shown if one is not best and one.result == best.result]
    against = [_budget(one) for one in shown if one.result != best.result]
    return (
        f"{more} is {better} than {less} by {percent(abs(best.difference))} points at {_budget(best)} "
        f"({_values(best, reverse=best.result == 'lower')})"
        + (f", and also at {'; '.join(same)}" if same else "")
        + (f"; {less} is {better} at {'; '.join(against)}" if against else "")
        + "."
    )


def besides(found: Comparison) -> str:
    """Return the differences of clean accuracy and of accuracy under noise in one sentence."""
    parts = []
    measures: tuple[Measure, ...] = ("accuracy_clean", "accuracy_noise")
    for measure in measures:
        if not found.of(measure):
            continue
        one = found.at_reference(measure)
        at = "" if one.budget is None else f" at {one.budget}"
        if one.result == "undecided":
            parts.append(
                f"{NAMES[measure]}{at} differs by at most {percent(one.within)} points ({_values(one)}), "
                "which chance may explain"
            )
        else:
            parts.append(f"{NAMES[measure]}{at} is {one.result} for {found.b} ({_values(one)})")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def brief(found: Comparison) -> list[str]:
    """Return the comparison in as few sentences as `staanet evaluate` shows after its own result."""
    return [headline(found), besides(found), *found.notes]


def lines(found: Comparison) -> list[str]:
    """Return the comparison as a terminal shows it."""
    return [
        headline(found),
        besides(found),
        f"{found.b} minus {found.a}, points of robust accuracy [95 % interval], * more than chance explains:",
        *(f"  {_budget(one)}: {_points(one)}{' *' if one.result != 'undecided' else ''}" for one in _curve(found)),
        f"{_unit(found)} {found.n} clips, {found.speakers} speakers.",
        *found.notes,
    ]


def markdown(found: Comparison) -> str:
    """Return the comparison as Markdown."""
    rows = [
        f"| {NAMES[one.measure]} | {one.budget or '–'} | {percent(one.a)} | {percent(one.b)} | {_points(one)} | "
        f"{p_value(one.p_holm)} | {_bold(one)} |"
        for one in found.differences
    ]
    return "\n".join(
        [
            f"## {found.b} compared with {found.a}",
            "",
            headline(found),
            besides(found),
            "",
            f"| measure | budget | {found.a}, % | {found.b}, % | difference, points | p, Holm | result |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"{_unit(found)} {found.n} clips, {found.speakers} speakers.",
            *found.notes,
            "",
        ]
    )


def _curve(found: Comparison) -> Sequence[Difference]:
    return found.of("accuracy_robust")


def _bold(one: Difference) -> str:
    return one.result if one.result == "undecided" else f"**{one.result}**"


def _budget(one: Difference) -> str:
    return str(one.budget)


def _values(one: Difference, reverse: bool = False) -> str:
    """Return the values of both with the interval of second minus first, or in `reverse` order."""
    values, bounds = (one.b, one.a), one.ci
    if reverse:
        values, bounds = (one.a, one.b), (-one.ci[1], -one.ci[0])
    return (
        f"{percent(values[0])} and {percent(values[1])} %, 95 % interval of the difference "
        f"{percent(bounds[0])} to {percent(bounds[1])}"
    )


def _points(one: Difference) -> str:
    sign = "+" if round(100 * one.difference, 1) > 0 else ""
    return f"{sign}{number(100 * one.difference)} [{percent(one.ci[0])}, {percent(one.ci[1])}]"


def _unit(found: Comparison) -> str:
    if found.unit == "clip":
        return "Paired clip by clip:"
    return f"{found.trainings[0]} and {found.trainings[1]} trainings, which are the unit:"
