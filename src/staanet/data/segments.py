"""Clips in augmented copies and segments of one length, as arXiv 2404.18514 prepares its corpora."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np

from staanet.audio.effects import VOCODER, check_installed, shift_pitch, stretch, trim
from staanet.core.errors import StaanetError, unknown_name
from staanet.corpora.base import SILENCE, Samples, Segment, Utterance


@dataclass(frozen=True)
class Segmentation:
    """How a clip becomes segments: trimmed, in augmented copies of other pitch and speed beside its own, cut to one length.

    A augmentation longer than a segment is cut into segments, each trimmed again; what is shorter is repeated. Splits hear
    augmented copies in training only. The preset of a corpus is what arXiv 2404.18514 does with it, its five emotions included;
    as the authors' code has it, no remainder is too short. Changing pitch and speed needs the extra `systematic`.

    Args:
        emotions: that are kept; all where left out.
        seconds: of a segment.
        trim_db: what lies so far below a clip's loudest frame is cut off its ends.
        pitches: of the augmented copies, in semitones higher.
        speeds: of the augmented copies, in times as fast.
        min_seconds: seconds of a remainder that is worth repeating; shorter ones are left out.
    """

    emotions: tuple[str, ...] = ()
    seconds: float = 3.0
    trim_db: float = 30.0
    pitches: tuple[float, ...] = (-3.0, -1.5, 1.5, 3.0)
    speeds: tuple[float, ...] = (0.75, 0.9, 1.1, 1.25)
    min_seconds: float = 0.9

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to hear."""
        if not 0 <= self.min_seconds <= self.seconds < math.inf or self.seconds == 0:
            raise StaanetError(
                f"expected segments of some seconds and a remainder no longer, got {self.seconds} and {self.min_seconds}"
            )
        if not self.trim_db > 0:
            raise StaanetError(f"expected trim_db above 0, got {self.trim_db}; 30 is the paper's")
        if 1 in self.speeds or 0 in self.pitches or not all(0 < speed < math.inf for speed in self.speeds):
            raise StaanetError(
                f"expected augmented copies that differ from the clip, got pitches {list(self.pitches)} and speeds "
                f"{list(self.speeds)}; 0 semitones and 1 times as fast are the clip itself"
            )

    def labels(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the emotions that are kept of those of a corpus.

        Raises:
            StaanetError: one that the corpus has not, or librosa is missing.
        """
        check_installed()
        for emotion in self.emotions:
            if emotion not in known:
                raise unknown_name("emotion", emotion, known)
        return tuple(sorted(self.emotions)) or tuple(known)

    def segment(self, clip: Utterance, samples: Samples, sample_rate: int) -> Iterator[tuple[Segment, Samples] | str]:
        """Give the segments of a clip `[T]`; a few words instead of one say why it is left out."""
        speech = trim(samples, self.trim_db)
        if len(speech) < VOCODER:
            yield f"of clips with less than {VOCODER / sample_rate:g} s of speech"
            return
        size = round(self.seconds * sample_rate)
        for augmentation, changed in self._augmented(speech, sample_rate):
            for number, segment in enumerate(self._parts(changed, size)):
                if len(segment) == 0 or np.abs(segment).max() < SILENCE:
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

    def _parts(self, samples: Samples, size: int) -> list[Samples]:
        if len(samples) < size:
            return [samples]
        return [trim(samples[start : start + size], self.trim_db) for start in range(0, len(samples), size)]


SEGMENTATION_PRESETS = {
    "default": Segmentation(),
    "emodb": Segmentation(emotions=("boredom", "disgust", "happiness", "neutral", "sadness"), min_seconds=0.0),
    "emovo": Segmentation(emotions=("disgust", "fear", "happiness", "neutral", "surprise"), min_seconds=0.0),
    "ravdess": Segmentation(emotions=("disgust", "fear", "happiness", "sadness", "surprise"), min_seconds=0.0),
}
"""The five emotions are those of arXiv 2404.18514, whose log-mel spectrograms correlate least with the others'."""
