"""TESS, the Toronto Emotional Speech Set: acted English by two actresses of 26 and 64 years.

2800 clips (2.1 s on average, 24.4 kHz), 200 words in one carrier phrase, 7 emotions; the file name describes the clip.
One name of the official download lacks a letter: OA_bite_neutral. Two speakers cannot be split into training,
validation and test; to study TESS alone, assign its words to sessions in a table of your own (corpus `folder`).
"""

import re
from dataclasses import dataclass
from importlib import resources
from itertools import product
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "ps": "surprise",
}
"""Emotion by the last part of the file name; ps means pleasant surprise."""

SPEAKERS = ("OAF", "YAF")
"""The older and the younger actress."""

_NAME = re.compile(rf"({'|'.join(SPEAKERS)})_([a-z]+)_({'|'.join(EMOTIONS)})")


@dataclass(frozen=True)
class Tess(Corpus):
    """TESS: acted English by 2 actresses, 7 emotions, 2800 clips.

    The root contains the official folders (`OAF_angry` ...), or is any folder with their files under unchanged names.

    >>> Tess.utterance("YAF_fear/YAF_chair_fear.wav")
    Utterance(id='YAF_chair_fear', path='YAF_fear/YAF_chair_fear.wav', label='fear', speaker='YAF', ...)
    """

    name = "tess"
    licence = "CC-BY-NC-ND-4.0"
    citation = (
        "M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). Borealis, 2020. doi:10.5683/SP2/E8H2MF"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the seven emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, compared with the 2800 names: each word by each actress in each emotion."""
        words = resources.files("staanet.corpora").joinpath("tess.index").read_text(encoding="utf-8").split()
        expected = {
            f"{speaker}_{word}_{code}": EMOTIONS[code] for speaker, word, code in product(SPEAKERS, words, EMOTIONS)
        }
        return by_name(root, self.utterance, "OAF_back_angry (speaker, word, emotion)", self.labels(root), expected)

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the name has another form."""
        name = re.sub("^OA_", "OAF_", PurePath(path).stem)
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        speaker, word, emotion = match.groups()
        return Utterance(name, path, EMOTIONS[emotion], speaker, "female", "en", statement=word)
