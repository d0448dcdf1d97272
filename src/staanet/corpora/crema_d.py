"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset: acted English by 91 actors, as audio.

7442 clips (2.5 s on average, 16 kHz), 12 sentences, 6 emotions, 43 women and 48 men of 20 to 74 years. One sentence,
IEO, is spoken with three intensities; the intensity of the others is unspecified. Twenty clips that the naming scheme
allows were never recorded. The gender of the actors is that of the table which comes with the corpus. The clip
1076_MTI_SAD_XX holds no speech and is therefore in no prepared dataset.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePath

from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
"""Emotion by the third part of the file name: the one that the actor was asked for, not what listeners perceived."""

INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}
"""Intensity by the fourth part of the file name; XX means unspecified."""

SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")

# fmt: off
WOMEN = frozenset((
    1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025, 1028, 1029, 1030, 1037,
    1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060, 1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078,
    1079, 1082, 1084, 1089, 1091,
))
# fmt: on

NEVER_MADE = (
    *("1002_TIE_NEU_XX", "1076_ITS_NEU_XX"),
    *(f"{take}_{emotion}_XX" for take in ("1008_WSI", "1009_MTI", "1019_ITH") for emotion in EMOTIONS),
)

NAMES = {
    f"{actor}_{sentence}_{emotion}_{intensity}": EMOTIONS[emotion]
    for actor, sentence, emotion, intensity in product(range(1001, 1092), SENTENCES, EMOTIONS, INTENSITIES)
    if (intensity != "XX") == (sentence == "IEO" and emotion != "NEU")
    and f"{actor}_{sentence}_{emotion}_{intensity}" not in NEVER_MADE
}
"""The emotion of each of the 7442 clips, by its name."""


@dataclass(frozen=True)
class CremaD(Corpus):
    """CREMA-D: acted English by 91 actors, 6 emotions, 7442 clips.

    The root is the official folder `AudioWAV`, or any folder with its files under unchanged names.

    >>> CremaD.utterance("AudioWAV/1001_IEO_ANG_HI.wav")
    Utterance(id='1001_IEO_ANG_HI', path='AudioWAV/1001_IEO_ANG_HI.wav', label='anger', speaker='1001', ...)
    """

    name = "crema_d"
    licence = "ODbL-1.0"
    citation = (
        "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced Emotional "
        "Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4), 377-390, 2014. "
        "doi:10.1109/TAFFC.2014.2336244"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the six emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the clips at `root`, compared with the 7442 names of the corpus."""
        form = "1001_IEO_ANG_HI (actor, sentence, emotion, intensity)"
        return by_name(root, self.utterance, form, self.labels(root), NAMES)

    @staticmethod
    def utterance(path: str) -> Utterance | None:
        """Return the description of a clip from the name of its file, None if the corpus has no such name."""
        name = PurePath(path).stem
        if name not in NAMES:
            return None
        actor, sentence, _, intensity = name.split("_")
        gender = "female" if int(actor) in WOMEN else "male"
        return Utterance(
            name, path, NAMES[name], actor, gender, "en", statement=sentence, intensity=INTENSITIES[intensity]
        )
