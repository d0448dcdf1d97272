"""MSP-IMPROV: acted English dialogues by twelve students of acting, as audio.

8438 turns, improvised, read, or between takes, in six sessions with one woman and one man each. 7798 have one of four
emotions by majority vote of the annotators; turns with others or without agreement are skipped. Turns of the kinds T
(improvised) and R (read) speak one of 20 sentences; S are the other turns of the scenes, P the turns between takes.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from staanet.core.errors import StaanetError
from staanet.corpora.base import Corpus, Utterance, Validation
from staanet.corpora.listing import by_name

EMOTIONS = {
    "A": "anger",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
}
"""Emotion by the letter after the name in the evaluations."""

OTHERS = {"O": "other", "X": "no agreement"}
"""Names of the other letters, for the remark that counts their turns."""

_TURN = r"S\d\d[AHNS]-[FM]0[1-6]-[PRST]-[FM]{2}\d+"
_NAME = re.compile(rf"(MSP|UTD)-IMPROV-({_TURN})")
_EVALUATION = re.compile(rf"^UTD-IMPROV-({_TURN})\.avi; *(\w+);", re.MULTILINE)


@dataclass(frozen=True)
class MspImprov(Corpus):
    """MSP-IMPROV: acted English dialogues by 12 students of acting, 4 emotions, 7798 clips.

    The root contains the official folders (`session1` ...), and the file of labels (`Evalution.txt`) in it or in a
    subfolder.
    """

    name = "msp_improv"
    licence = "on request, under the University of Texas at Dallas' academic or commercial licence"
    citation = (
        "C. Busso, S. Parthasarathy, A. Burmania, M. AbdelWahab, N. Sadoughi, E. Mower Provost: MSP-IMPROV: An Acted "
        "Corpus of Dyadic Interactions to Study Emotion Perception. IEEE Transactions on Affective Computing 8(1), "
        "67-80, 2017. doi:10.1109/TAFFC.2016.2515617"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the four emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the turns at `root`, compared with the evaluations.

        Raises:
            StaanetError: If there is no file of evaluations.
        """
        evaluations = sorted(root.rglob("Eval*tion.txt"))  # the release spells it Evalution
        if not evaluations:
            raise StaanetError(f"{root}: expected a file Evalution.txt with the labels, found none; put it there")
        rows = _EVALUATION.findall(evaluations[0].read_text(encoding="latin-1"))
        known = {**EMOTIONS, **OTHERS}
        emotions = {f"MSP-IMPROV-{turn}": known.get(code, code) for turn, code in rows}

        def utterance(path: str) -> Utterance | None:
            match = _NAME.fullmatch(PurePath(path).stem)
            if match is None:
                return None
            name = f"MSP-IMPROV-{match[2]}"
            sentence, speaker, kind, _ = match[2].split("-")
            return Utterance(
                id=name,
                path=path,
                label=emotions.get(name, ""),
                speaker=speaker,
                gender="female" if speaker[0] == "F" else "male",
                language="en",
                session=speaker[-1],
                statement=sentence[:3] if kind in "RT" else None,
            )

        form = "MSP-IMPROV-S01A-F01-T-FM01 (sentence and intended emotion, speaker, kind, turn)"
        return by_name(root, utterance, form, self.labels(root), emotions)
