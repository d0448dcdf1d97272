"""EmoDB, the Berlin Database of Emotional Speech: acted German by ten professional actors.

535 clips (2.8 s on average, 16 kHz), 10 sentences, 7 emotions, 5 women and 5 men; the file name describes the clip.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "N": "neutral",
    "T": "sadness",
}
"""Emotion by the sixth character of the file name, the initial of the German word."""

WOMEN = ("08", "09", "13", "14", "16")
MEN = ("03", "10", "11", "12", "15")


@dataclass(frozen=True)
class EmoDB(Corpus):
    """EmoDB: acted German by 10 professional actors, 7 emotions, 535 clips.

    The root is the official download (with a folder `wav`), or any folder with its files, as WAV or FLAC, under
    unchanged names.

    >>> EmoDB.utterance("wav/03a01Fa.wav")
    Utterance(id='03a01Fa', path='wav/03a01Fa.wav', label='happiness', speaker='03', gender='male', ...)
    """

    name = "emodb"
    licence = "CC0-1.0"
    citation = (
        "F. Burkhardt, A. Paeschke, M. Rolfes, W. F. Sendlmeier, B. Weiss: A Database of German Emotional Speech. "
        "Interspeech 2005, pp. 1517-1520. doi:10.21437/Interspeech.2005-446"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the seven emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, compared with the 535 names of the corpus."""
        index = resources.files("staanet.corpora").joinpath("emodb.index").read_text(encoding="utf-8").split()
        expected = {name: EMOTIONS[name[5]] for name in index}
        return by_name(
            root, self.utterance, "03a01Fa (speaker, sentence, emotion, version)", self.labels(root), expected
        )

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the corpus has no such name."""
        name = PurePath(path).stem
        speaker, emotion = name[:2], EMOTIONS.get(name[5:6])
        if len(name) != 7 or emotion is None or speaker not in WOMEN + MEN:
            return None
        gender = "female" if speaker in WOMEN else "male"
        return Utterance(name, path, emotion, speaker, gender, "de", statement=name[2:5])
