"""nEMO: acted Polish by nine actors.

4481 clips (2.5 s on average, 24 kHz), 90 sentences, 6 emotions, 4 women and 5 men; the file name describes the clip.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name, differences

EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}
"""Emotion by the second part of the file name."""

WOMEN = ("EB0", "IC0", "KD0", "MK0")
MEN = ("KS0", "MP0", "SM0", "TP0", "WR0")

PUBLISHED = {
    "anger": 749,
    "fear": 736,
    "happiness": 749,
    "neutral": 809,
    "sadness": 769,
    "surprise": 669,
}
"""Published number of clips of each emotion."""

_NAME = re.compile(
    rf"(?P<speaker>{'|'.join(WOMEN + MEN)})_(?P<emotion>{'|'.join(EMOTIONS)})_(?P<sentence>[1-9]|[1-8]\d|90)"
)


@dataclass(frozen=True)
class Nemo(Corpus):
    """nEMO: acted Polish by 9 actors, 6 emotions, 4481 clips.

    The root is the official folder `samples`, or any folder with its files under unchanged names.

    >>> Nemo.utterance("samples/EB0_surprised_64.wav")
    Utterance(id='EB0_surprised_64', path='samples/EB0_surprised_64.wav', label='surprise', speaker='EB0', ...)
    """

    name = "nemo"
    licence = "CC-BY-NC-SA-4.0"
    citation = (
        "I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024, pp. 12111-12116. "
        "https://aclanthology.org/2024.lrec-main.1059"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the six emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, and compare the number of clips of each emotion with the published number."""
        found = by_name(root, self.utterance, "EB0_anger_1 (speaker, emotion, sentence)", self.labels(root))
        return replace(found, remarks=[*found.remarks, *differences("all", found.utterances, PUBLISHED)])

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the name has another form."""
        name = PurePath(path).stem
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        gender = "female" if match["speaker"] in WOMEN else "male"
        return Utterance(
            name, path, EMOTIONS[match["emotion"]], match["speaker"], gender, "pl", statement=match["sentence"]
        )
