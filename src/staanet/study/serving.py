"""Attacks that a source model cannot serve, and the black-box attacks that take their place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from staanet.attacks import ATTACKS
from staanet.attacks.base import ACCESS
from staanet.study.artefacts.models import StudyModel
from staanet.study.attack_plans import AttackPlan

NEEDED = {"gradient": "gradients", "scores": "scores"}
GIVEN = {"scores": "scores without gradients", "decision": "decisions only"}

NO_REPRESENTATION = "it needs representations and the model has none"

BUDGET_KEYS = ("epsilon", "snr_db", "sparsity", "budget")


@dataclass(frozen=True)
class Served:
    """What is run on a source model.

    Args:
        plans: The attack that is run for each attack of the experiment, by the name of the latter.
        left_out: A sentence for each attack that is not run.
    """

    plans: Mapping[str, AttackPlan]
    left_out: tuple[str, ...] = ()


def served(plans: Sequence[AttackPlan], source: StudyModel) -> Served:
    """Return the attacks that a source model can serve; one that needs more access is replaced by a black-box attack.

    The replacement has the budget and the clips of the attack. Attacks with the same budget and clips are replaced once
    only, and not at all if the experiment runs the black-box attack anyway.

    Args:
        plans: Attacks on the source model, in order.
        source: The source model.
    """
    run: dict[str, AttackPlan] = {}
    sentences: list[str] = []
    for plan in plans:
        members = tuple(member for member in plan.members if _lacking(member, source) is None)
        lacking = {one.name: reason for one in plan.runs if (reason := _lacking(one, source))}
        left_out = [f"{name} on {source.name} was left out, because {reason}" for name, reason in lacking.items()]
        if not left_out:
            run[plan.name] = plan
        elif members:
            run[plan.name] = replace(plan, members=members)
            sentences += [f"{sentence}." for sentence in left_out]
        elif NO_REPRESENTATION in lacking.values():
            sentences.append(f"{left_out[0]}.")
        else:
            known = [*run.values(), *plans]
            other = _replacement(plan, source, [one.name for one in known])
            alike = next((one.name for one in known if _same(one, other)), None)
            if alike is None:
                run[plan.name] = other
            sentences.append(f"{left_out[0]}; the black-box attack {alike or other.name} takes its place.")
    return Served(run, tuple(sentences))


def _lacking(plan: AttackPlan, source: StudyModel) -> str | None:
    """Return what an attack needs and the source model lacks, None if it lacks nothing or is an ensemble."""
    if plan.members:
        return None
    attack = ATTACKS[plan.kind]
    access, representation = source.offers
    needs = "gradient" if plan.generator is not None else attack.access
    if ACCESS.index(needs) > ACCESS.index(access):
        return f"it needs {NEEDED[needs]} and the model gives {GIVEN[access]}"
    if attack.needs_representation and not representation:
        return NO_REPRESENTATION
    return None


def _replacement(plan: AttackPlan, source: StudyModel, taken: Sequence[str]) -> AttackPlan:
    """Return the strongest attack that the source model can serve, with the budget and the clips of another."""
    dense = plan.build().budget.sparsity == 1
    kind = "boundary" if source.offers[0] == "decision" else "fakebob" if dense else "sparse_rs"
    names = (kind, *(f"{kind}_{number}" for number in range(2, len(taken) + 3)))
    settings = {key: value for key, value in plan.settings.items() if key in BUDGET_KEYS}
    name = next(name for name in names if name not in taken)
    return replace(plan, name=name, kind=kind, settings=settings, generator=None, sparsity_of=None)


def _same(plan: AttackPlan, other: AttackPlan) -> bool:
    """Return whether two attacks differ in their names and examples only."""
    return replace(plan, name="", use=replace(plan.use, examples=0)) == replace(
        other, name="", use=replace(other.use, examples=0)
    )
