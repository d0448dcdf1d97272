"""Segmentation: clips and augmented copies of them, cut into segments of one length, as in arXiv 2404.18514."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np

from staanet.audio.effects import VOCODER, check_installed, shift_pitch, stretch, trim
from staanet.audio.lengths import is_silent
from staanet.core.errors import StaanetError, unknown_name
from staanet.corpora.base import Samples, Segment, Utterance


@dataclass(frozen=True)
class Segmentation:
    """Settings with which clips are trimmed, augmented and cut into segments of one length.

    Each clip is trimmed, and copies of it with another pitch or speed are made. The clip and its copies are cut into
    segments, each of which is trimmed again; a shorter one is repeated until it has the length of a segment. Splits by
    speaker or session use augmented copies for training only.

    The presets of corpora follow arXiv 2404.18514: they keep five emotions each and, as the authors' code does, even
    the shortest remainder. Segmentation needs the extra `systematic`.

    Args:
        emotions: Emotions whose clips are kept (default: all).
        seconds: Length of a segment in seconds.
        trim_db: Both ends are cut off as long as they are this many dB below the loudest frame of the clip.
        pitches: Pitch shifts of the augmented copies in semitones, one copy for each; not 0.
        speeds: Speed factors of the augmented copies, one copy for each; above 0 and not 1.
        min_seconds: Shortest remainder at the end of a clip that is kept, in seconds, from 0 to `seconds`.
    """

    emotions: tuple[str, ...] = ()
    seconds: float = 3.0
    trim_db: float = 30.0
    pitches: tuple[float, ...] = (-3.0, -1.5, 1.5, 3.0)
    speeds: tuple[float, ...] = (0.75, 0.9, 1.1, 1.25)
    min_seconds: float = 0.9

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 <= self.min_seconds <= self.seconds < math.inf or self.seconds == 0:
            raise StaanetError(
                f"expected seconds above 0 and min_seconds from 0 to seconds, got {self.seconds} and "
                f"{self.min_seconds}; both are lengths in seconds"
            )
        if not self.trim_db > 0:
            raise StaanetError(f"expected trim_db above 0, got {self.trim_db}; the paper uses 30")
        if 1 in self.speeds or 0 in self.pitches or not all(0 < speed < math.inf for speed in self.speeds):
            raise StaanetError(
                f"expected augmented copies that differ from the clip, got pitches {list(self.pitches)} and speeds "
                f"{list(self.speeds)}; give pitches other than 0 and speeds above 0 other than 1"
            )

    def labels(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the emotions whose clips are kept.

        Args:
            known: Emotions of the corpus.

        Raises:
            StaanetError: If the corpus does not have one of the emotions, or if librosa is not installed.
        """
        check_installed()
        for emotion in self.emotions:
            if emotion not in known:
                raise unknown_name("emotion", emotion, known)
        return tuple(sorted(self.emotions)) or tuple(known)

    def segment(self, clip: Utterance, samples: Samples, sample_rate: int) -> Iterator[tuple[Segment, Samples] | str]:
        """Yield the segments of a clip and of its copies; a text instead of a segment says why it is skipped.

        Args:
            clip: The clip.
            samples: Samples of the clip, `[T]`.
            sample_rate: Sampling rate of the clip in Hz.
        """
        speech = trim(samples, self.trim_db)
        if len(speech) < VOCODER:
            yield f"of clips with less than {VOCODER / sample_rate:g} s of speech"
            return
        size = round(self.seconds * sample_rate)
        for augmentation, changed in self._augmented(speech, sample_rate):
            for number, segment in enumerate(self._cut(changed, size)):
                if is_silent(segment):
                    yield "of silence"
                elif number and len(segment) < self.min_seconds * sample_rate:
                    yield f"shorter than {self.min_seconds:g} s"
                else:
                    about = {**asdict(clip), "id": f"{clip.id}@{augmentation or 'as-it-is'}_{number}"}
                    yield (
                        Segment(**about, clip=clip.id, augmentation=augmentation),
                        np.resize(segment, size).clip(-1, 1),
                    )

    def _augmented(self, speech: Samples, sample_rate: int) -> Iterator[tuple[str, Samples]]:
        pitched = ((f"pitch{pitch:+g}", shift_pitch(speech, sample_rate, pitch)) for pitch in self.pitches)
        faster = ((f"speed{speed:g}", stretch(speech, speed)) for speed in self.speeds)
        return chain([("", speech)], pitched, faster)

    def _cut(self, samples: Samples, size: int) -> list[Samples]:
        if len(samples) < size:
            return [samples]
        return [trim(samples[start : start + size], self.trim_db) for start in range(0, len(samples), size)]


SEGMENTATION_PRESETS = {
    "default": Segmentation(),
    "emodb": Segmentation(emotions=("boredom", "disgust", "happiness", "neutral", "sadness"), min_seconds=0.0),
    "emovo": Segmentation(emotions=("disgust", "fear", "happiness", "neutral", "surprise"), min_seconds=0.0),
    "ravdess": Segmentation(emotions=("disgust", "fear", "happiness", "sadness", "surprise"), min_seconds=0.0),
}
"""The default, and the settings of arXiv 2404.18514 for each corpus.

That paper keeps the five emotions whose log-mel spectrograms correlate least with those of the others.
"""
