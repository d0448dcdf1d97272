"""DEMoS, the Database of Elicited Mood in Speech: Italian by 68 native speakers, moods induced instead of acted.

9365 clips (2.9 s on average) of 7 emotions and 332 neutral ones, 23 women and 45 men; everything is in the file name.
PR are the clips chosen as prototypical, NP the others. The STAA-Net paper leaves the neutral ones out and deals 40, 30
and 30 % of the speakers to training, validation and test.
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
"""By the first three letters of the last part of the name."""

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

_NAME = re.compile(rf"((NP|PR)_)?(?P<sex>[fm])_(?P<speaker>\d\d)_(?P<emotion>{'|'.join(EMOTIONS)})\d\d[a-c]")


@dataclass(frozen=True)
class Demos(Corpus):
    """The official folders `DEMOS` and `NEU`, or any folder of their files, names unchanged.

    Args:
        neutral: keep the neutral clips, which the STAA-Net paper leaves out; with them, eight classes and 9697 clips.

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
        """List the clips, and compare how many there are of each emotion with the published numbers."""
        labels = self.labels(root)
        found = by_name(root, self.utterance, "NP_f_43_pau05b (selection, sex, speaker, emotion and take)", labels)
        published = {label: PUBLISHED[label] for label in labels}
        return replace(found, remarks=[*found.remarks, *differences("all", found.utterances, published)])

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return what the name of a file says, None where it is not of the corpus' form."""
        name = PurePath(path).stem
        said = _NAME.fullmatch(name)
        if said is None:
            return None
        gender = "female" if said["sex"] == "f" else "male"
        return Utterance(name, path, EMOTIONS[said["emotion"]], said["speaker"], gender, "it")
