"""Lost packets of internet calls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from staanet.audio.corruptions.base import Corruption, Samples

FRAME_SECONDS = 0.02
"""Duration of the audio in a packet, the usual one of RFC 3551."""

FULL_SECONDS, FADE_SECONDS = 0.01, 0.05
"""Time for which a repeated frame keeps its level, and time in which it fades to silence after that; ITU-T G.711,
Appendix I."""


@dataclass(frozen=True)
class PacketLoss(Corruption):
    """Lost packets of 20 ms, which are replaced by silence.

    The lost frames are drawn at random. Their number is the share rounded to whole frames, so that of few frames none
    may be lost. Those of a lower severity are lost at a higher one as well. ITU-T G.113 lists impairments of random
    loss up to 20 %.

    >>> clip = np.ones(16_000, dtype=np.float32)
    >>> float((PacketLoss(severity=3)(clip, 16_000) == 0).mean())
    0.1
    """

    name = "packet_loss"
    reference = "ITU-T G.113"
    levels = (2, 5, 10, 20, 30)
    unit = "% of frames"

    def corrupt(self, samples: Samples, sample_rate: int, random: np.random.Generator) -> NDArray[np.floating]:
        """Return the received clip `[T]`."""
        size = round(FRAME_SECONDS * sample_rate)
        count = -(-len(samples) // size)
        frames = np.pad(samples, (0, count * size - len(samples))).reshape(count, size)
        lost = random.permutation(count)[: round(self.level / 100 * count)]
        return self.received(frames, np.isin(np.arange(count), lost), sample_rate).ravel()[: len(samples)]

    def received(self, frames: Samples, lost: NDArray[np.bool_], sample_rate: int) -> Samples:  # noqa: ARG002
        """Return the frames `[F, S]` with a replacement of those that are lost, `[F]`."""
        frames[lost] = 0
        return frames


@dataclass(frozen=True)
class ConcealedPacketLoss(PacketLoss):
    """Lost packets of 20 ms, which are concealed by repeating the last received one.

    Repeated frames fade after 10 ms and are silent after 60 ms, as in ITU-T G.711, Appendix I, which repeats periods of
    the pitch instead of whole frames. With one seed, the lost frames are those of `packet_loss`.

    >>> ConcealedPacketLoss()(np.ones(16_000, dtype=np.float32), 16_000).shape
    (16000,)
    """

    name = "packet_loss_concealed"
    reference = "ITU-T G.711 Appendix I"

    def received(self, frames: Samples, lost: NDArray[np.bool_], sample_rate: int) -> Samples:
        """Return the frames `[F, S]` with a replacement of those that are lost, `[F]`."""
        seconds = np.arange(frames.shape[1], dtype=np.float32) / sample_rate
        last, since = np.zeros_like(frames[0]), 0
        for frame, is_lost in zip(frames, lost, strict=True):
            if is_lost:
                elapsed = since * FRAME_SECONDS + seconds
                frame[:] = last * (1 - (elapsed - FULL_SECONDS) / FADE_SECONDS).clip(0, 1)
                since += 1
            else:
                last, since = frame.copy(), 0
        return frames
