"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database: English dialogues by ten actors, as audio.

10 039 turns (4.5 s on average, 16 kHz), improvised or from a script, in five sessions with one woman and one man each.
The protocol of four classes keeps the 5531 turns that most annotators called angry, happy or excited (one class),
neutral or sad. The name of a dialogue contains who wore the markers, the letter before the number of a turn who speaks.

The STAA-Net paper (arXiv 2402.01227, section 4.1) trains on sessions 1, 2 and 5, validates on 4 and tests on 3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.signature import LATER
from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.listing import by_name, differences
from staanet.corpora.ratings import UNSPECIFIED, check_dimensions, rated, ratings_of

EMOTIONS = {
    "ang": "anger",
    "exc": "happiness",
    "hap": "happiness",
    "neu": "neutral",
    "sad": "sadness",
}
"""Emotion by the third column of the evaluations; turns with other codes are skipped."""

OTHERS = {
    "dis": "disgust",
    "fea": "fear",
    "fru": "frustration",
    "oth": "other",
    "sur": "surprise",
    "xxx": "no agreement",
}
"""Names of the other codes, for the remark that counts their turns."""

PUBLISHED = {
    "1": {"anger": 229, "happiness": 278, "neutral": 384, "sadness": 194},
    "2": {"anger": 137, "happiness": 327, "neutral": 362, "sadness": 197},
    "3": {"anger": 240, "happiness": 286, "neutral": 320, "sadness": 305},
    "4": {"anger": 327, "happiness": 303, "neutral": 258, "sadness": 143},
    "5": {"anger": 170, "happiness": 442, "neutral": 384, "sadness": 245},
}
"""Published number of clips of each emotion by session; in the STAA-Net paper's subsets they sum to its Table 1."""

_NAME = re.compile(r"Ses0(?P<session>[1-5])[FM]_(impro|script)\w+_(?P<sex>[FM])\d{3}")
_EVALUATION = re.compile(r"^\[[^\]]*\]\t(?P<name>\w+)\t(?P<emotion>\w+)\t\[(?P<ratings>[^\]]*)", re.MULTILINE)

RATED = ("valence", "arousal", "dominance")
"""Dimensions in the order of the evaluations, where each rating is the mean of those of the annotators."""

SCALE = (1.0, 5.0)
"""Lowest and highest rating that an annotator could give."""


@dataclass(frozen=True)
class Iemocap(Corpus):
    """IEMOCAP: English dialogues by 10 actors, 4 emotions, 5531 clips.

    The root contains the official folders `Session1` to `Session5`, with the turns in `sentences/wav` and the labels in
    `dialog/EmoEvaluation`.

    Args:
        dimensions: Dimensions whose ratings are read, of valence, arousal and dominance, on a scale from 1 to 5. All
            turns are kept then; those of other emotions have the label `unspecified`.
    """

    name = "iemocap"
    licence = "on request, under the University of Southern California's release agreement"
    citation = (
        "C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan: "
        "IEMOCAP: Interactive emotional dyadic motion capture database. Language Resources and Evaluation 42(4), "
        "335-359, 2008. doi:10.1007/s10579-008-9076-6"
    )

    dimensions: tuple[str, ...] = field(default=(), metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the dimensions."""
        check_dimensions(self.dimensions, (0.0, 1.0))
        if unknown := [name for name in self.dimensions if name not in RATED]:
            raise unknown_name("dimension", unknown[0], RATED)

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the four emotions in alphabetical order, and `unspecified` if all turns are kept."""
        return (*sorted(set(EMOTIONS.values())), *([UNSPECIFIED] if self.dimensions else []))

    def validate(self, root: Path) -> Validation:
        """List the turns at `root`, and compare their number for each session and emotion with the published number.

        Raises:
            StaanetError: If there are no evaluations.
        """
        turns = [path for path in audio_files(root) if "dialog" not in PurePath(path).parts]
        evaluations = sorted(root.rglob("EmoEvaluation/Ses*.txt"))
        if not evaluations:
            raise StaanetError(
                f"{root}: expected evaluations such as Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, found none; "
                "give the folder of the full release"
            )
        known = {**EMOTIONS, **OTHERS}
        texts = [file.read_text(encoding="latin-1") for file in evaluations]
        rows = {name: (code, ratings) for text in texts for name, code, ratings in _EVALUATION.findall(text)}
        emotions = {name: known.get(code, code) for name, (code, _) in rows.items()}
        ratings, problems = self._ratings({name: text for name, (_, text) in rows.items()}, root)
        if self.dimensions:
            others = set(OTHERS.values())
            emotions = {name: UNSPECIFIED if emotions[name] in others else emotions[name] for name in ratings}
            turns = [path for path in turns if PurePath(path).stem not in rows.keys() - ratings.keys()]

        def utterance(path: str) -> Utterance | None:
            name = PurePath(path).stem
            match = _NAME.fullmatch(name)
            if match is None:
                return None
            gender = "female" if match["sex"] == "F" else "male"
            speaker = f"Ses0{match['session']}{match['sex']}"
            clip = Utterance(name, path, emotions.get(name, ""), speaker, gender, "en", match["session"])
            return rated(clip, ratings.get(name, {}))

        form = "Ses01F_impro01_M003 (session, dialogue, sex and turn)"
        found = by_name(root, utterance, form, self.labels(root), emotions, turns)
        remarks = [
            line
            for session, published in PUBLISHED.items()
            for line in differences(
                f"session {session}",
                [turn for turn in found.utterances if turn.session == session and turn.label != UNSPECIFIED],
                published,
            )
        ]
        return replace(found, problems=[*problems, *found.problems], remarks=[*found.remarks, *remarks])

    def _ratings(self, texts: Mapping[str, str], root: Path) -> tuple[dict[str, dict[str, float]], list[str]]:
        """Return the ratings of the turns as shares of the scale, and a line for each turn without usable ones.

        Args:
            texts: The ratings of each turn as the evaluations have them, such as `2.5000, 3.0000, 2.0000`.
            root: Folder of the corpus.
        """
        found, problems = {}, []
        for name, text in texts.items() if self.dimensions else ():
            values = dict(zip(RATED, (value.strip() for value in text.split(",")), strict=False))
            try:
                found[name] = ratings_of(values, self.dimensions, SCALE, f"{root}: {name}")
            except StaanetError as error:
                problems.append(f"{str(error).partition(';')[0]}; skipped")
        return found, problems
