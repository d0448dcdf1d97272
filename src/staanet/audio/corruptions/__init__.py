"""Corruptions that nobody intends, one family per file. Importing a corruption here adds it to the registry."""

from typing import Any, cast

from staanet.audio.corruptions.band_limit import BandLimit as BandLimit
from staanet.audio.corruptions.base import Corruption as Corruption
from staanet.audio.corruptions.codecs import G711 as G711
from staanet.audio.corruptions.codecs import GSM as GSM
from staanet.audio.corruptions.codecs import MP3 as MP3
from staanet.audio.corruptions.codecs import Opus as Opus
from staanet.audio.corruptions.level import Clipping as Clipping
from staanet.audio.corruptions.level import GainDown as GainDown
from staanet.audio.corruptions.level import GainUp as GainUp
from staanet.audio.corruptions.noise import Babble as Babble
from staanet.audio.corruptions.noise import HeldNoise as HeldNoise
from staanet.audio.corruptions.noise import WhiteNoise as WhiteNoise
from staanet.audio.corruptions.packet_loss import ConcealedPacketLoss as ConcealedPacketLoss
from staanet.audio.corruptions.packet_loss import PacketLoss as PacketLoss
from staanet.audio.corruptions.room import Room as Room
from staanet.audio.corruptions.speed import SlowDown as SlowDown
from staanet.audio.corruptions.speed import SpeedUp as SpeedUp
from staanet.core.registry import collect
from staanet.core.settings import validated

CORRUPTIONS = collect("corruption", globals(), Corruption)


def create_corruption(name: str, **settings: Any) -> Corruption:
    """Create a corruption by its registry name.

    Args:
        name: Name of the corruption (see `staanet list corruptions`).
        settings: Fields of the corruption, among them `severity`, from 1 to 5.

    Raises:
        StaanetError: If the name or a setting is unknown, or a value is not valid.

    >>> create_corruption("mp3", severity=4).level
    24
    """
    return cast(Corruption, validated(CORRUPTIONS[name], settings, name))
