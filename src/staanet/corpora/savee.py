"""SAVEE, the Surrey Audio-Visual Expressed Emotion database: acted British English by four men, as audio.

480 clips (3.8 s on average, 44.1 kHz), 7 emotions, 15 sentences for each emotion and 30 for neutral. The name of a file
contains the emotion and the sentence, the name of its folder the speaker; files with all three in the name (`DC_a01`)
are read as well.
"""

from dataclasses import dataclass
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
"""Emotion by the letters before the number in the file name."""

NAMES = {
    f"{speaker}_{code}{sentence:02d}": emotion
    for speaker in ("DC", "JE", "JK", "KL")
    for code, emotion in EMOTIONS.items()
    for sentence in range(1, 31 if emotion == "neutral" else 16)
}
"""The emotion of each of the 480 clips, by its name."""


@dataclass(frozen=True)
class Savee(Corpus):
    """SAVEE: acted British English by 4 men, 7 emotions, 480 clips.

    The root contains the official folders (`AudioData/DC` ...), or is any folder with their files under unchanged
    names.

    >>> Savee.utterance("AudioData/JE/sa03.wav")
    Utterance(id='JE_sa03', path='AudioData/JE/sa03.wav', label='sadness', speaker='JE', gender='male', ...)
    """

    name = "savee"
    licence = "on registration, for research only"
    citation = (
        "S. Haq, P. J. B. Jackson: Multimodal Emotion Recognition. In W. Wang (ed.): Machine Audition: Principles, "
        "Algorithms and Systems. IGI Global, 2010, pp. 398-423. doi:10.4018/978-1-61520-919-4.ch017"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the seven emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, compared with the 480 names of the corpus."""
        form = "DC/a01 or DC_a01 (speaker, emotion, sentence)"
        return by_name(root, self.utterance, form, self.labels(root), NAMES)

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from its folder and file name, None if the corpus has no such name."""
        file = PurePath(path)
        name = file.stem if "_" in file.stem else f"{file.parent.name}_{file.stem}"
        if name not in NAMES:
            return None
        speaker, sentence = name.split("_")
        return Utterance(name, path, NAMES[name], speaker, "male", "en", statement=sentence)
