"""Attacks, one per file. Importing an attack here adds it to the registry."""

from typing import Any, cast

from staanet.attacks.apgd import APGD as APGD
from staanet.attacks.babble import Babble as Babble
from staanet.attacks.base import Attack as Attack
from staanet.attacks.best_of_noise import BestOfNoise as BestOfNoise
from staanet.attacks.bim import BIM as BIM
from staanet.attacks.boundary import Boundary as Boundary
from staanet.attacks.bridges import ArtAttack as ArtAttack
from staanet.attacks.comb import Comb as Comb
from staanet.attacks.contrastive import Contrastive as Contrastive
from staanet.attacks.cw import CWL2 as CWL2
from staanet.attacks.cw import CWLinf as CWLinf
from staanet.attacks.deepfool import DeepFool as DeepFool
from staanet.attacks.fakebob import FakeBob as FakeBob
from staanet.attacks.fgsm import FGSM as FGSM
from staanet.attacks.fmn import FMN as FMN
from staanet.attacks.held_noise import HeldNoise as HeldNoise
from staanet.attacks.hum import Hum as Hum
from staanet.attacks.jsma import JSMA as JSMA
from staanet.attacks.noise import Noise as Noise
from staanet.attacks.one_gradient import OneGradient as OneGradient
from staanet.attacks.one_pixel import OnePixel as OnePixel
from staanet.attacks.pgd import PGD as PGD
from staanet.attacks.pgd0 import PGD0 as PGD0
from staanet.attacks.pixel import Pixel as Pixel
from staanet.attacks.sigma_zero import SigmaZero as SigmaZero
from staanet.attacks.sparse_pgd import SparsePGD as SparsePGD
from staanet.attacks.sparse_rs import SparseRS as SparseRS
from staanet.attacks.sparsefool import SparseFool as SparseFool
from staanet.attacks.spgd import SPGD as SPGD
from staanet.attacks.staa_net import ShuffledStaaNet as ShuffledStaaNet
from staanet.attacks.staa_net import StaaNet as StaaNet
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.registry import collect
from staanet.core.settings import from_preset, validated, with_preset

ATTACKS = collect("attack", globals(), Attack)


def create_attack(name: str, **settings: Any) -> Attack:
    """Create an attack by its registry name.

    Args:
        name: Name of the attack (see `staanet list attacks`).
        settings: Fields of the attack, and in addition: `epsilon`, `snr_db` and `sparsity`, which change its budget;
            `preset`, the name of published settings, which the other settings override.

    Raises:
        StaanetError: The name, the preset or a setting is unknown, or a value is not valid.

    >>> create_attack("noise", epsilon=0.01, sparsity=0.05)
    Noise(budget=Budget(epsilon=0.01, snr_db=None, sparsity=0.05))
    """
    cls = ATTACKS[name]
    settings = with_preset(cls.presets, settings, name)
    if settings.get("targeted") and not cls.targetable:
        able = ", ".join(other for other in ATTACKS if ATTACKS[other].targetable) or "(none)"
        raise StaanetError(f"{name}: expected an attack that can be targeted, got one that cannot; use one of {able}")
    changes: dict[str, Any] = {key: settings.pop(key) for key in ("epsilon", "snr_db", "sparsity") if key in settings}
    if changes:
        budget = settings.get("budget", cls.budget)
        if not isinstance(budget, Budget):
            raise StaanetError(f"{name}: expected either a budget or parts of one, got both: {budget} and {changes}")
        settings["budget"] = from_preset(Budget, {"default": budget}, changes, name)
    return cast(Attack, validated(cls, settings, name))
