"""What protects an evaluated model, and what its attackers know, in sentences."""

from collections.abc import Mapping
from typing import Any

from staanet.assessment.attackers import ADAPTIVE, OBLIVIOUS
from staanet.assessment.defended.draws import TOLERANCE, converged
from staanet.assessment.result import Evaluation
from staanet.report.wording import percent

GRADIENTS = {
    "exact": "its own gradient",
    "straight_through": "the gradient of the identity in place of its own (BPDA)",
    "expectation": "the mean gradient over its random draws (EOT)",
}
"""What the adaptive attacker uses of a defence, by the gradient that it declares."""

ATTACKERS = {
    OBLIVIOUS: "does not know the protection and attacks the model without it",
    ADAPTIVE: "knows the protection and attacks the model as it is",
}
"""What an attacker knows."""


def described(table: Mapping[str, Any]) -> str:
    """Return a defence with its settings.

    >>> described({"name": "mp3", "kbps": 64})
    'mp3 (kbps = 64)'
    """
    settings = ", ".join(f"{key} = {_value(value)}" for key, value in table.items() if key != "name")
    return f"{table['name']} ({settings})" if settings else str(table["name"])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items() if one is not None) + "}"
    return str(value)


def brief(about: Mapping[str, Any] | None) -> list[str]:
    """Return what protects a model; nothing if nothing does.

    Args:
        about: What a result says of the protection (`Protection.about`).
    """
    if about is None:
        return []
    lines = []
    if (defence := about["defence"]) is not None:
        known = GRADIENTS[about["gradient"]] if about["access"] == "gradient" else "what the model answers behind it"
        lines.append(f"It is behind {described(defence)}; the adaptive attacker uses {known}.")
    if draws := about["draws"]:
        settled = "more draws changed nothing" if converged(draws) else "more draws still gained: figures are too high"
        lines.append(f"The adaptive attacker averages over {draws[-1][0]} draws; {settled}.")
    if (hardening := about["hardening"]) is not None:
        bounds = {} if hardening["smoothed"] else hardening["budget"] or {}
        budget = {key: value for key, value in bounds.items() if value is not None}
        at = f" with the budget {', '.join(f'{key} = {value}' for key, value in budget.items())}" if budget else ""
        lines.append(f"It was trained by {described(hardening['defence'])}{at}.")
        if hardening["smoothed"]:
            lines.append(
                "It is the voter of a smoothed model: the figures are about its single decisions, not about those of "
                "the votes, which staanet certify measures."
            )
    return lines


def lines(found: Evaluation) -> list[str]:
    """Return what protects the model of an evaluation, and what it kept under each attacker; nothing without any."""
    about = found.about.get("protection")
    reference = next(point for point in found.curve if point.name == found.reference)
    made = brief(about)
    if reference.attackers:
        parts = [f"{percent(share)} % under the {name} attacker" for name, share in reference.attackers.items()]
        made.append(
            f"At {found.reference} it is right on {', on '.join(parts)}, and on {percent(reference.accuracy_robust)} % "
            "under the worst of them for each clip, which all figures are about."
        )
    stronger = [point.name for point in found.curve if _is_masked(point.attackers)]
    if stronger:
        made.append(
            f"At {', '.join(stronger)} the attacker who does not know the protection does better than the one who "
            "does: gradients may be masked, and the figures too high."
        )
    return made


def _is_masked(attackers: Mapping[str, float]) -> bool:
    return OBLIVIOUS in attackers and attackers[OBLIVIOUS] < attackers[ADAPTIVE] - TOLERANCE


def untested(about: Mapping[str, Any] | None) -> list[str]:
    """Return what was not tested of a protection; nothing if nothing protects the model."""
    if about is None:
        return []
    missing = ["Generators and other models that are trained through the protection (staanet defend trains one)."]
    if about["gradient"] is not None and about["access"] != "gradient":
        missing.append("Attacks with gradients through the defence.")
    elif about["gradient"] == "straight_through":
        missing.append("Other approximations of the gradient of the defence than that of the identity.")
    elif about["gradient"] == "expectation" and not about["draws"]:
        missing.append("Attacks that average over the random draws of the defence.")
    if OBLIVIOUS not in about["attackers"]:
        missing.append("Attacks on the model before it was hardened (--hardened-from).")
    return missing
