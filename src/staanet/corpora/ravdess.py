"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song: its speech, as audio, by 24 actors.

1440 clips (3.7 s on average, 48 kHz), North American English, 2 statements, 8 emotions, each but neutral in two
intensities, 12 women and 12 men; everything is in the file name, and the names follow one rule. Two names hold one
recording: `03-01-03-01-02-01-07` and `03-01-03-01-02-02-07`. Both are actor 07's, so that a split by speaker keeps them
on one side; one by clips might not.
"""

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
"""By the third part of the name."""

INTENSITIES = {"01": "normal", "02": "strong"}
"""By the fourth; neutral has no strong one."""

NAMES = tuple(
    f"03-01-{emotion}-{intensity}-{statement}-{repetition}-{actor:02d}"
    for emotion, intensity, statement, repetition, actor in product(
        EMOTIONS, INTENSITIES, ("01", "02"), ("01", "02"), range(1, 25)
    )
    if (EMOTIONS[emotion], INTENSITIES[intensity]) != ("neutral", "strong")
)
"""All 1440, in order: 03 is audio without video, 01 speech without song."""

_NAME = re.compile(
    r"0[1-3]-0[12]-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-0[12]-"
    r"(?P<actor>0[1-9]|1[0-9]|2[0-4])"
)


@dataclass(frozen=True)
class Ravdess(Corpus):
    """The official speech (folders `Actor_01` ...) or any folder of its files, WAV or FLAC, names unchanged.

    Args:
        calm: keep the class calm; without it, seven classes and 1248 clips.

    >>> Ravdess.utterance("Actor_12/03-01-06-01-02-01-12.wav")
    Utterance(id='03-01-06-01-02-01-12', path='Actor_12/03-01-06-01-02-01-12.wav', label='fear', speaker='12', ...)
    """

    name = "ravdess"
    licence = "CC-BY-NC-SA-4.0"
    citation = (
        "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS): A "
        "dynamic, multimodal set of facial and vocal expressions in North American English. PLoS ONE 13(5): e0196391, "
        "2018. doi:10.1371/journal.pone.0196391"
    )

    calm: bool = True

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the eight emotions in alphabetical order, or seven without calm."""
        return tuple(sorted(emotion for emotion in EMOTIONS.values() if self.calm or emotion != "calm"))

    def validate(self, root: Path) -> Validation:
        """Compare what is at `root` with the corpus' own 1440 names; audio of the videos and the song is extra."""
        form = "03-01-06-01-02-01-12 (modality, channel, emotion, intensity, statement, repetition, actor)"
        expected = {name: EMOTIONS[name[6:8]] for name in NAMES}
        return by_name(root, self.utterance, form, self.labels(root), expected)

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return what the name of a file says, None where it is not of the corpus' form."""
        name = PurePath(path).stem
        said = _NAME.fullmatch(name)
        if said is None:
            return None
        return Utterance(
            id=name,
            path=path,
            label=EMOTIONS[said["emotion"]],
            speaker=said["actor"],
            gender="male" if int(said["actor"]) % 2 else "female",
            language="en",
            statement=said["statement"],
            intensity=INTENSITIES[said["intensity"]],
        )
