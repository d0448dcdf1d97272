"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song: its speech, as audio, by 24 actors.

1440 clips (3.7 s on average, 48 kHz), North American English, 2 statements, 8 emotions with two intensities each
(neutral with one), 12 women and 12 men. The file name describes the clip, and the corpus has every combination. Two
files, `03-01-03-01-02-01-07` and `03-01-03-01-02-02-07`, hold the same recording. Both are of actor 07, so that a split
by speaker keeps them in one subset; a split by clips might not.
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
"""Emotion by the third part of the file name."""

INTENSITIES = {"01": "normal", "02": "strong"}
"""Intensity by the fourth part of the file name; neutral has no strong intensity."""

NAMES = tuple(
    f"03-01-{emotion}-{intensity}-{statement}-{repetition}-{actor:02d}"
    for emotion, intensity, statement, repetition, actor in product(
        EMOTIONS, INTENSITIES, ("01", "02"), ("01", "02"), range(1, 25)
    )
    if (EMOTIONS[emotion], INTENSITIES[intensity]) != ("neutral", "strong")
)
"""The names of the 1440 clips; they begin with 03 (audio without video) and 01 (speech, not song)."""

_NAME = re.compile(
    r"0[1-3]-0[12]-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-0[12]-"
    r"(?P<actor>0[1-9]|1[0-9]|2[0-4])"
)


@dataclass(frozen=True)
class Ravdess(Corpus):
    """RAVDESS: acted North American English by 24 actors, 8 emotions, 1440 clips.

    The root contains the official folders (`Actor_01` ...), or is any folder with their files, as WAV or FLAC, under
    unchanged names.

    Args:
        calm: Keep the class calm; without it there are 7 classes and 1248 clips (default: True).

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
        """List the clips at `root`, compared with the 1440 names of the corpus; videos' audio and songs are extra."""
        form = "03-01-06-01-02-01-12 (modality, channel, emotion, intensity, statement, repetition, actor)"
        expected = {name: EMOTIONS[name[6:8]] for name in NAMES}
        return by_name(root, self.utterance, form, self.labels(root), expected)

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the name has another form."""
        name = PurePath(path).stem
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        return Utterance(
            id=name,
            path=path,
            label=EMOTIONS[match["emotion"]],
            speaker=match["actor"],
            gender="male" if int(match["actor"]) % 2 else "female",
            language="en",
            statement=match["statement"],
            intensity=INTENSITIES[match["intensity"]],
        )
