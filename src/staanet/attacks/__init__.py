"""Attacks: one file each; listed by importing it."""

from typing import Any, cast

from staanet.attacks.base import Attack as Attack
from staanet.attacks.noise import Noise as Noise
from staanet.attacks.staa_net import ShuffledStaaNet as ShuffledStaaNet
from staanet.attacks.staa_net import StaaNet as StaaNet
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.registry import collect
from staanet.core.settings import from_preset, validated

ATTACKS = collect("attack", globals(), Attack)


def create_attack(name: str, **settings: Any) -> Attack:
    """Build an attack by its registry name; `epsilon`, `snr_db` and `sparsity` change its budget.

    Raises:
        StaanetError: an unknown name or setting.

    >>> create_attack("noise", epsilon=0.01, sparsity=0.05)
    Noise(budget=Budget(epsilon=0.01, snr_db=None, sparsity=0.05))
    """
    cls = ATTACKS[name]
    if settings.get("targeted") and not cls.targetable:
        able = ", ".join(other for other in ATTACKS if ATTACKS[other].targetable) or "(none)"
        raise StaanetError(f"{name}: expected an attack that can be targeted, got one that cannot; use one of {able}")
    changes: dict[str, Any] = {key: settings.pop(key) for key in ("epsilon", "snr_db", "sparsity") if key in settings}
    if changes:
        budget = settings.get("budget", cls.budget)
        if not isinstance(budget, Budget):
            raise StaanetError(f"{name}: expected a budget or parts of one, got both: {budget} and {changes}")
        settings["budget"] = from_preset(Budget, {"default": budget}, changes, name)
    return cast(Attack, validated(cls, settings, name))
