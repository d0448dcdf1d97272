"""Defences of models: one file per defence, registered by importing it here.

Those that transform the input are imported in `input_defences`, from where a composition takes them.
"""

from collections.abc import Mapping
from typing import Any, cast

from staanet.core.errors import StaanetError
from staanet.core.registry import collect
from staanet.core.settings import validated, with_preset
from staanet.defences import input_defences
from staanet.defences.ablation import Ablation as Ablation
from staanet.defences.adversarial_generator import AdversarialGenerator as AdversarialGenerator
from staanet.defences.adversarial_training import AdversarialTraining as AdversarialTraining
from staanet.defences.base import Defence as Defence
from staanet.defences.base import InputDefence as InputDefence
from staanet.defences.base import RandomisedSmoothing as RandomisedSmoothing
from staanet.defences.base import Smoothing as Smoothing
from staanet.defences.base import TrainingDefence as TrainingDefence
from staanet.defences.composition import Composition as Composition
from staanet.defences.distillation import Distillation as Distillation
from staanet.defences.gaussian_smoothing import GaussianSmoothing as GaussianSmoothing
from staanet.defences.partition import Partition as Partition
from staanet.defences.trades import Trades as Trades

DEFENCES = collect("defence", {**vars(input_defences), **globals()}, Defence)


def create_defence(name: str, **settings: Any) -> Defence:
    """Build a defence by its registry name.

    Args:
        name: Registry name of the defence.
        settings: Settings of the defence by name. The key `preset` selects published settings, which the other keys
            override.

    Raises:
        StaanetError: If the name, the preset or a setting is unknown, or a value is invalid.

    >>> create_defence("mp3", kbps=128)
    MP3(kbps=128)
    """
    cls = DEFENCES[name]
    return cast(Defence, validated(cls, with_preset(cls.presets, settings, name), name))


def defence_of(values: str | Mapping[str, Any]) -> Defence:
    """Build a defence from its registry name, or from a table with the key `defence` and settings.

    Raises:
        StaanetError: If the table has no key `defence`, or as `create_defence` does.

    >>> defence_of({"defence": "noise", "snr_db": 10})
    NoiseDefence(snr_db=10.0)
    """
    settings = {"defence": values} if isinstance(values, str) else dict(values)
    if "defence" not in settings:
        raise StaanetError(f"expected the name of a defence as defence, got {settings}")
    return create_defence(settings.pop("defence"), **settings)


def input_defence(given: str | Mapping[str, Any]) -> InputDefence:
    """Return an input defence from its name, or from a table with its name as `defence` and settings.

    Raises:
        StaanetError: If it is none.
    """
    built = defence_of(given)
    if not isinstance(built, InputDefence):
        raise StaanetError(f"expected an input defence, got {built.name}, which trains a model; evaluate that model")
    return built
