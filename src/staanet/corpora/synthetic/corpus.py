"""The corpus `synthetic`: acted emotional speech that is synthesised on demand, so that everything runs without data.

Every clip deviates at random from the rule of its emotion, so that the classes overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.seeds import derive
from staanet.corpora.base import Corpus, Samples, Utterance, Validation
from staanet.corpora.synthetic.phonetics import MANNERS, gender_of, random_text, random_voice
from staanet.corpora.synthetic.synthesis import speak


@dataclass(frozen=True)
class Synthetic(Corpus):
    """Synthetic speech: acted emotions by artificial speakers, synthesised on demand; needs no files.

    A clip depends only on the seed and on its speaker, emotion and sentence, so that a larger corpus contains the clips
    of a smaller one. The argument `root` of all methods is ignored.

    Args:
        speakers: Number of speakers, alternately female and male, 3 or more.
        sentences: Number of clips per speaker and emotion, each with another text, 1 or more.
        seed: Random seed of the speakers and the texts.
        sample_rate: Sampling rate in Hz, 16 000 or more.
        seconds: Shortest and longest text at a neutral tempo, in seconds, from 0.5 to 30.
        emotions: Acted emotions in the order of their class numbers.
        sessions: Names of sessions, to which pairs of speakers are assigned in turn (default: no sessions).

    Raises:
        StaanetError: If no clip can be synthesised with these settings.

    >>> corpus = Synthetic(speakers=3, sentences=2)
    >>> utterances = corpus.validate(Path()).utterances
    >>> len(utterances), utterances[-1].id
    (24, 's02-sadness-01')
    >>> samples, rate = corpus.read(Path(), utterances[0])
    >>> samples.shape[1], rate
    (1, 16000)
    """

    name: ClassVar[str] = "synthetic"
    licence: ClassVar[str] = "CC0-1.0"
    citation: ClassVar[str] = (
        "Made by staanet after D. H. Klatt (1980), Software for a cascade/parallel formant synthesizer, "
        "J. Acoust. Soc. Am. 67(3), 971-995."
    )
    on_disk = False

    speakers: int = 8
    sentences: int = 8
    seed: int = 0
    sample_rate: int = 16_000
    seconds: tuple[float, float] = (0.8, 1.6)
    emotions: tuple[str, ...] = ("anger", "happiness", "neutral", "sadness")
    sessions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.speakers < 3:
            raise StaanetError(
                f"expected at least 3 speakers, one each for training, validation and test; got {self.speakers}; "
                "raise speakers"
            )
        if self.sentences < 1:
            raise StaanetError(
                f"expected at least 1 sentence per speaker and emotion, got {self.sentences}; raise sentences"
            )
        if self.sample_rate < 16_000:
            raise StaanetError(
                f"expected a sample rate of at least 16000 Hz, which the formants need; got {self.sample_rate}; "
                "synthesise at 16000 and resample"
            )
        if len(self.seconds) != 2 or not 0.5 <= self.seconds[0] < self.seconds[1] <= 30:
            raise StaanetError(
                f"expected two increasing lengths within 0.5 to 30 s, got {self.seconds}; give seconds like (0.8, 1.6)"
            )
        for emotion in self.emotions:
            if emotion not in MANNERS:
                raise unknown_name("emotion", emotion, MANNERS)

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the emotions in the order of their class numbers."""
        return self.emotions

    def validate(self, root: Path) -> Validation:  # noqa: ARG002
        """List the clips, of which none can be missing."""
        return Validation(tuple(self._clips))

    def read(self, root: Path, utterance: Utterance) -> tuple[Samples, int]:  # noqa: ARG002
        """Synthesise a clip and return its samples, `[T, 1]` in [-1, 1], and its sampling rate in Hz.

        Raises:
            StaanetError: If the clip is not in this corpus.
        """
        if utterance not in self._clips:
            raise StaanetError(
                f"expected a clip of this corpus ({self}), got {utterance.id!r}; take the clips from validate"
            )
        speaker, sentence = self._clips[utterance]
        samples = speak(
            random_text(np.random.default_rng(derive(self.seed, "text", sentence)), self.seconds),
            MANNERS[utterance.label],
            random_voice(np.random.default_rng(derive(self.seed, "speaker", speaker)), speaker),
            self.sample_rate,
            np.random.default_rng(derive(self.seed, "clip", utterance.id)),
        )
        return samples.astype(np.float32)[:, None], self.sample_rate

    @cached_property
    def _clips(self) -> Mapping[Utterance, tuple[int, int]]:
        return {
            Utterance(
                id=f"s{speaker:02d}-{emotion}-{sentence:02d}",
                path="",
                label=emotion,
                speaker=f"s{speaker:02d}",
                gender=gender_of(speaker),
                language="synthetic",
                session=self.sessions[speaker // 2 % len(self.sessions)] if self.sessions else None,
            ): (speaker, sentence)
            for speaker in range(self.speakers)
            for emotion in self.emotions
            for sentence in range(self.sentences)
        }
