"""MSP-IMPROV: acted English dialogues by twelve students of acting, as audio.

8438 turns, improvised, read, or between takes, in six sessions of a woman and a man each. 7798 have one of
four emotions by most annotators' votes; the others and those without agreement are left out. 20 sentences are spoken in
turns of the kinds T (improvised) and R (read); S are the other turns of the scenes, P those between takes.
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
"""By the letter after the name in the evaluations."""

OTHERS = {"O": "other", "X": "no agreement"}

_TURN = r"S\d\d[AHNS]-[FM]0[1-6]-[PRST]-[FM]{2}\d+"
_NAME = re.compile(rf"(MSP|UTD)-IMPROV-({_TURN})")
_EVALUATION = re.compile(rf"^UTD-IMPROV-({_TURN})\.avi; *(\w+);", re.MULTILINE)


@dataclass(frozen=True)
class MspImprov(Corpus):
    """The official audio folders (`session1` ...) with the file of labels (`Evalution.txt`) at `root` or below."""

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
        """Compare the turns at `root` with the evaluations.

        Raises:
            StaanetError: no evaluations there.
        """
        evaluations = sorted(root.rglob("Eval*tion.txt"))  # the release spells it Evalution
        if not evaluations:
            raise StaanetError(f"{root}: expected a file Evalution.txt with the labels, found none; put it there")
        said = _EVALUATION.findall(evaluations[0].read_text(encoding="latin-1"))
        known = {**EMOTIONS, **OTHERS}
        emotions = {f"MSP-IMPROV-{turn}": known.get(code, code) for turn, code in said}

        def utterance(path: str) -> Utterance | None:
            told = _NAME.fullmatch(PurePath(path).stem)
            if told is None:
                return None
            name = f"MSP-IMPROV-{told[2]}"
            sentence, speaker, kind, _ = told[2].split("-")
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

        form = "MSP-IMPROV-S01A-F01-T-FM01 (sentence and wanted emotion, speaker, kind, turn)"
        return by_name(root, utterance, form, self.labels(root), emotions)
