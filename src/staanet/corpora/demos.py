"""DEMoS, the Database of Elicited Mood in Speech: Italian by 68 native speakers, elicited rather than acted.

9365 clips (2.9 s on average) of 7 emotions and 332 neutral ones, 23 women and 45 men; the file name describes the clip.
Names that begin with PR are clips that were chosen as prototypical, NP are the others. The STAA-Net paper leaves the
neutral clips out and assigns 40, 30 and 30 % of the speakers to training, validation and test.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name, differences

EMOTIONS = {
    "rab": "anger",
    "dis": "disgust",
    "pau": "fear",
    "col": "guilt",
    "gio": "happiness",
    "neu": "neutral",
    "tri": "sadness",
    "sor": "surprise",
}
"""Emotion by the first three letters of the last part of the file name."""

PUBLISHED = {
    "anger": 1477,
    "disgust": 1678,
    "fear": 1156,
    "guilt": 1129,
    "happiness": 1395,
    "neutral": 332,
    "sadness": 1530,
    "surprise": 1000,
}
"""Published number of clips of each emotion."""

_NAME = re.compile(rf"((NP|PR)_)?(?P<sex>[fm])_(?P<speaker>\d\d)_(?P<emotion>{'|'.join(EMOTIONS)})\d\d[a-c]")


@dataclass(frozen=True)
class Demos(Corpus):
    """DEMoS: elicited Italian by 68 native speakers, 7 emotions, 9365 clips.

    The root contains the official folders, `DEMOS` and `NEU`, or is any folder with their files under unchanged
    names.

    Args:
        neutral: Keep the neutral clips, which makes 8 classes and 9697 clips (default: False, as in the STAA-Net
            paper).

    >>> Demos.utterance("DEMOS/NP_f_43_pau05b.wav")
    Utterance(id='NP_f_43_pau05b', path='DEMOS/NP_f_43_pau05b.wav', label='fear', speaker='43', gender='female', ...)
    """

    name = "demos"
    licence = "on request, under the authors' end-user licence agreement"
    citation = (
        "E. Parada-Cabaleiro, G. Costantini, A. Batliner, M. Schmitt, B. W. Schuller: DEMoS: an Italian emotional "
        "speech corpus. Elicitation methods, machine learning, and perception. Language Resources and Evaluation 54, "
        "341-383, 2020. doi:10.1007/s10579-019-09450-y"
    )

    neutral: bool = False

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the seven emotions in alphabetical order, or eight with neutral."""
        return tuple(sorted(emotion for emotion in EMOTIONS.values() if self.neutral or emotion != "neutral"))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, and compare the number of clips of each emotion with the published number."""
        labels = self.labels(root)
        found = by_name(root, self.utterance, "NP_f_43_pau05b (selection, sex, speaker, emotion and take)", labels)
        published = {label: PUBLISHED[label] for label in labels}
        return replace(found, remarks=[*found.remarks, *differences("all", found.utterances, published)])

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the name has another form."""
        name = PurePath(path).stem
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        gender = "female" if match["sex"] == "f" else "male"
        return Utterance(name, path, EMOTIONS[match["emotion"]], match["speaker"], gender, "it")
