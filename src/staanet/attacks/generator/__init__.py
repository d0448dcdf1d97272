"""The generator networks and losses of STAA-Net. Importing a generator here adds it to the registry."""

from pathlib import Path
from typing import Any, cast

from staanet.attacks.generator.base import Generator as Generator
from staanet.attacks.generator.compact import Compact as Compact
from staanet.attacks.generator.compact import CompactMagnitudes as CompactMagnitudes
from staanet.attacks.generator.conditional import Conditional as Conditional
from staanet.attacks.generator.conditional import ConditionalSmall as ConditionalSmall
from staanet.attacks.generator.conditional import GradientConditional as GradientConditional
from staanet.attacks.generator.deconvolutional import Deconvolutional as Deconvolutional
from staanet.attacks.generator.deconvolutional import GradientDeconvolutional as GradientDeconvolutional
from staanet.attacks.generator.universal import Universal as Universal
from staanet.attacks.generator.wave_unet import WaveUNet as WaveUNet
from staanet.attacks.generator.wave_unet import WaveUNetMagnitudes as WaveUNetMagnitudes
from staanet.core import checkpoints
from staanet.core.registry import collect
from staanet.core.settings import validated

GENERATORS = collect("generator", globals(), Generator)


def create_generator(name: str, **sizes: Any) -> Generator:
    """Create an untrained generator by its registry name, in evaluation mode, in which its positions are 0 or 1.

    Args:
        name: Name of the generator (see `staanet list generators`).
        sizes: Fields of its settings.

    Raises:
        StaanetError: The name or a setting is unknown, or a value is not valid.

    >>> create_generator("compact").stride
    256
    """
    cls = GENERATORS[name]
    return cast(Generator, cls(validated(cls.Settings, sizes, name)).eval())


def load_generator(path: str | Path) -> Generator:
    """Load a generator from its checkpoint folder, in evaluation mode.

    Raises:
        StaanetError: The folder holds no checkpoint, or one that is not a generator.
    """
    return cast(Generator, checkpoints.load("generator", GENERATORS, path))
