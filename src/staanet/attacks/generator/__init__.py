"""The networks and losses of STAA-Net; a generator is listed by importing it."""

from pathlib import Path
from typing import Any, cast

from staanet.attacks.generator.base import Generator as Generator
from staanet.attacks.generator.compact import Compact as Compact
from staanet.attacks.generator.wave_unet import WaveUNet as WaveUNet
from staanet.attacks.generator.wave_unet import WaveUNetMagnitudes as WaveUNetMagnitudes
from staanet.core import checkpoints
from staanet.core.registry import collect
from staanet.core.settings import validated

GENERATORS = collect("generator", globals(), Generator)


def create_generator(name: str, **sizes: Any) -> Generator:
    """Build an untrained generator by its registry name, in eval mode: its positions are 0 or 1.

    Raises:
        StaanetError: an unknown name or size.

    >>> create_generator("compact").stride
    256
    """
    cls = GENERATORS[name]
    return cast(Generator, cls(validated(cls.Settings, sizes, name)).eval())


def load_generator(path: str | Path) -> Generator:
    """Load a generator from its checkpoint folder, in eval mode.

    Raises:
        StaanetError: no checkpoint there, or one of something else.
    """
    return cast(Generator, checkpoints.load("generator", GENERATORS, path))
