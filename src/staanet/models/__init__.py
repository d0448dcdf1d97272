"""Victims, the speech-emotion-recognition models that are attacked: one file each, listed by importing it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from staanet.core import checkpoints
from staanet.core.registry import collect
from staanet.core.settings import validated
from staanet.models.base import Victim as Victim
from staanet.models.base import VictimSettings as VictimSettings
from staanet.models.emo18 import Emo18 as Emo18
from staanet.models.zhao19 import Zhao19 as Zhao19

VICTIMS = collect("model", globals(), Victim)


def create_victim(name: str, labels: Sequence[str], **settings: Any) -> Victim:
    """Build an untrained victim by its registry name, in eval mode.

    Raises:
        StaanetError: an unknown name or setting.

    >>> create_victim("emo18", labels=["anger", "neutral"], seconds=1.0).trained_length
    16000
    """
    cls = VICTIMS[name]
    return cast(Victim, cls(validated(cls.Settings, {"labels": tuple(labels), **settings}, name)).eval())


def load_victim(path: str | Path) -> Victim:
    """Load a victim from its checkpoint folder, in eval mode.

    Raises:
        StaanetError: no checkpoint there, or one of something else.
    """
    return cast(Victim, checkpoints.load("model", VICTIMS, path))
