"""EMOVO: acted Italian by six professional actors.

588 clips (3.1 s on average, 48 kHz), 14 sentences, 7 emotions, 3 women and 3 men. The file name describes the clip, and
the corpus has every combination of emotion, speaker and sentence.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "rab": "anger",
    "dis": "disgust",
    "pau": "fear",
    "gio": "happiness",
    "neu": "neutral",
    "tri": "sadness",
    "sor": "surprise",
}
"""Emotion by the first part of the file name."""

SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
SENTENCES = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")
"""Brief (b), long (l) and nonsense (n) sentences, and questions (d)."""

NAMES = {"-".join(parts): EMOTIONS[parts[0]] for parts in product(EMOTIONS, SPEAKERS, SENTENCES)}
"""The emotion of each of the 588 clips, by its name."""


@dataclass(frozen=True)
class Emovo(Corpus):
    """EMOVO: acted Italian by 6 professional actors, 7 emotions, 588 clips.

    The root contains the official folders (`f1` ... `m3`), or is any folder with their files under unchanged names.

    >>> Emovo.utterance("f1/dis-f1-b1.wav")
    Utterance(id='dis-f1-b1', path='f1/dis-f1-b1.wav', label='disgust', speaker='f1', gender='female', ...)
    """

    name = "emovo"
    licence = "free to download; names no licence"
    citation = (
        "G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO Corpus: an Italian Emotional Speech Database. "
        "LREC 2014, pp. 3501-3504. https://aclanthology.org/L14-1478"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the seven emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, compared with the 588 names of the corpus."""
        return by_name(root, self.utterance, "dis-f1-b1 (emotion, speaker, sentence)", self.labels(root), NAMES)

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the corpus has no such name."""
        name = PurePath(path).stem
        if name not in NAMES:
            return None
        _, speaker, sentence = name.split("-")
        gender = "female" if speaker[0] == "f" else "male"
        return Utterance(name, path, NAMES[name], speaker, gender, "it", statement=sentence)
