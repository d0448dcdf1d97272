"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database: English dialogues by ten actors, as audio.

10 039 turns (4.5 s on average, 16 kHz), improvised or from a script, in five sessions of a woman and a man each. The
protocol of four classes keeps the 5531 that most annotators called angry, happy or excited (one class), neutral or sad.
A dialogue's name says who wore the markers, the letter before a turn's number who speaks.

The STAA-Net paper (arXiv 2402.01227, section 4.1) trains on sessions 1, 2 and 5, validates on 4 and tests on 3.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from staanet.core.errors import StaanetError
from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.listing import by_name, differences

EMOTIONS = {
    "ang": "anger",
    "exc": "happiness",
    "hap": "happiness",
    "neu": "neutral",
    "sad": "sadness",
}
"""By the third column of the evaluations; other codes are left out."""

OTHERS = {
    "dis": "disgust",
    "fea": "fear",
    "fru": "frustration",
    "oth": "other",
    "sur": "surprise",
    "xxx": "no agreement",
}

PUBLISHED = {
    "1": {"anger": 229, "happiness": 278, "neutral": 384, "sadness": 194},
    "2": {"anger": 137, "happiness": 327, "neutral": 362, "sadness": 197},
    "3": {"anger": 240, "happiness": 286, "neutral": 320, "sadness": 305},
    "4": {"anger": 327, "happiness": 303, "neutral": 258, "sadness": 143},
    "5": {"anger": 170, "happiness": 442, "neutral": 384, "sadness": 245},
}
"""By session; in the STAA-Net paper's parts they add up to its Table 1."""

_NAME = re.compile(r"Ses0(?P<session>[1-5])[FM]_(impro|script)\w+_(?P<sex>[FM])\d{3}")
_EVALUATION = re.compile(r"^\[[^\]]*\]\t(?P<name>\w+)\t(?P<emotion>\w+)\t\[", re.MULTILINE)


@dataclass(frozen=True)
class Iemocap(Corpus):
    """The official folders `Session1` to `Session5`: turns from `sentences/wav`, labels from `dialog/EmoEvaluation`."""

    name = "iemocap"
    licence = "on request, under the University of Southern California's release agreement"
    citation = (
        "C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan: "
        "IEMOCAP: Interactive emotional dyadic motion capture database. Language Resources and Evaluation 42(4), "
        "335-359, 2008. doi:10.1007/s10579-008-9076-6"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the four emotions in alphabetical order."""
        return tuple(sorted(set(EMOTIONS.values())))

    def validate(self, root: Path) -> Validation:
        """Compare the turns with the evaluations, and the classes of each session with the published numbers.

        Raises:
            StaanetError: no evaluations there.
        """
        turns = [path for path in audio_files(root) if "dialog" not in PurePath(path).parts]
        evaluations = sorted(root.rglob("EmoEvaluation/Ses*.txt"))
        if not evaluations:
            raise StaanetError(
                f"{root}: expected evaluations such as Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, found none; "
                "give the folder of the full release"
            )
        known = {**EMOTIONS, **OTHERS}
        said = [turn for file in evaluations for turn in _EVALUATION.findall(file.read_text(encoding="latin-1"))]
        emotions = {name: known.get(code, code) for name, code in said}

        def utterance(path: str) -> Utterance | None:
            name = PurePath(path).stem
            told = _NAME.fullmatch(name)
            if told is None:
                return None
            gender = "female" if told["sex"] == "F" else "male"
            speaker = f"Ses0{told['session']}{told['sex']}"
            return Utterance(name, path, emotions.get(name, ""), speaker, gender, "en", told["session"])

        form = "Ses01F_impro01_M003 (session, dialogue, sex and turn)"
        found = by_name(root, utterance, form, self.labels(root), emotions, turns)
        remarks = [
            line
            for session, published in PUBLISHED.items()
            for line in differences(
                f"session {session}", [turn for turn in found.utterances if turn.session == session], published
            )
        ]
        return replace(found, remarks=[*found.remarks, *remarks])
