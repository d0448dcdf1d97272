"""Result files of a listening test -> how often listeners found X, with intervals."""

import json
import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import NonNegativeFloat, PositiveInt
from scipy.stats import binomtest, t

from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.records import Interval
from staanet.core.settings import validated
from staanet.core.signature import to_jsonable
from staanet.report.listening import test as listening
from staanet.report.listening.test import ListeningTest

COUNTS = "listening.json"
"""The file of a run that holds what was counted; it names no listener."""

GUESSING = 0.5
CONFIDENCE = 0.95

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One answer: the names of the clips that were A and B, which of them was X, and which the listener said."""

    a: str
    b: str
    x: Literal["a", "b"]
    answer: Literal["a", "b"]
    seconds: NonNegativeFloat
    plays: dict[Literal["a", "b", "x"], PositiveInt]


@dataclass(frozen=True)
class Sitting:
    """One result file, as the page saves it."""

    test: str
    trials_per_clip: PositiveInt
    listener: str
    seed: str
    trials: list[Trial]

    @property
    def who(self) -> str:
        """The listener; without a name, every sitting is taken for one of its own."""
        return self.listener.strip() or f"sitting {self.seed}"


class Answer(NamedTuple):
    """Whether a listener found X; attack None in a catch trial."""

    listener: str
    attack: str | None
    correct: bool


@dataclass(frozen=True)
class Row:
    """How often X was found: for one attack or (None) all, by listeners who passed the catch trials or missed one."""

    attack: str | None
    catch_trials: Literal["passed", "missed"]
    listeners: int
    trials: int
    correct: int
    share: float
    share_ci: Interval
    guessing_inside: bool
    p_value: float
    share_by_listener: float | None
    share_by_listener_ci: Interval | None


@dataclass(frozen=True)
class Counts:
    """What all result files of one listening test say together."""

    test: str
    listeners: int
    listeners_missed: int
    catch_trials: int
    catch_correct: int
    skipped: int
    rows: list[Row]


def read(run: Path, places: Sequence[Path]) -> Path:
    """Count the answers in result files, write them to the run's `listening.json`, and return its path.

    A file that is damaged, incomplete, of another test or there twice is told in one line and left out.

    Args:
        run: whose page the listeners had.
        places: result files, or folders of them; all that are to count, since earlier counts are replaced.

    Raises:
        StaanetError: no file that can be counted.
    """
    test = listening.required(run)
    paths = _paths(places)
    sittings: dict[str, Sitting] = {}
    for path in paths:
        try:
            sitting = _checked(path, test)
            if sitting.seed in sittings:
                raise StaanetError(f"{path}: expected each sitting once, got {sitting.seed!r} again")
            sittings[sitting.seed] = sitting
        except StaanetError as error:
            logger.warning("%s; left out", error)
    if not sittings:
        raise StaanetError(
            f"expected results of the listening test {test.id}, got {len(paths)} files and none of them can be counted"
        )
    counts = _counts(test, list(sittings.values()), skipped=len(paths) - len(sittings))
    write_json(run / COUNTS, to_jsonable(counts))
    return run / COUNTS


def found(run: Path) -> Counts | None:
    """Return what was counted for a run's present listening test; None where nothing was."""
    if not (run / COUNTS).is_file():
        return None
    counts = validated(Counts, read_json(run / COUNTS), str(run / COUNTS))
    test = listening.of(run).id
    if counts.test != test:
        logger.warning(
            "%s: expected answers to the listening test %s, got those to %s, of other clips; left out",
            *(run / COUNTS, test, counts.test),
        )
        return None
    return counts


def _paths(places: Sequence[Path]) -> list[Path]:
    """Return every result file at some places once."""
    paths = []
    for place in places:
        inside = sorted(place.glob("*.json")) if place.is_dir() else [place]
        if not inside or not all(path.is_file() for path in inside):
            raise StaanetError(f"{place}: expected a result file of a listening test or a folder of them, found none")
        paths += inside
    return list({path.resolve(): path for path in paths}.values())


def _checked(path: Path, test: ListeningTest) -> Sitting:
    """Return a result file once it is known to hold this test, whole."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StaanetError(f"{path}: expected the JSON of a result file, got {error}; ask for it again") from None
    sitting = validated(Sitting, values, str(path))
    if sitting.test != test.id:
        raise StaanetError(f"{path}: expected results of the listening test {test.id!r}, got those of {sitting.test!r}")
    due = {frozenset(p.names): 1 if p.attack is None else sitting.trials_per_clip for p in test.pairs}
    held = Counter(frozenset((trial.a, trial.b)) for trial in sitting.trials)
    if held != due:
        raise StaanetError(
            f"{path}: expected {sum(due.values())} trials, {sitting.trials_per_clip} of each pair and one of each "
            f"catch pair, got {len(sitting.trials)}, not all of them due; ask for the file again"
        )
    return sitting


def _counts(test: ListeningTest, sittings: Sequence[Sitting], skipped: int) -> Counts:
    attacks = {frozenset(pair.names): pair.attack for pair in test.pairs}
    answers = [
        Answer(sitting.who, attacks[frozenset((trial.a, trial.b))], trial.answer == trial.x)
        for sitting in sittings
        for trial in sitting.trials
    ]
    catches = [answer for answer in answers if answer.attack is None]
    missed = {answer.listener for answer in catches if not answer.correct}
    heard = [answer for answer in answers if answer.attack is not None]
    attentive = [answer for answer in heard if answer.listener not in missed]
    inattentive = [answer for answer in heard if answer.listener in missed]
    rows = [
        _row(attack, "passed", [answer for answer in attentive if answer.attack == attack])
        for attack in sorted({str(answer.attack) for answer in attentive})
    ]
    rows += [_row(None, "passed", attentive)] if attentive else []
    rows += [_row(None, "missed", inattentive)] if inattentive else []
    return Counts(
        test=test.id,
        listeners=len({answer.listener for answer in answers}),
        listeners_missed=len(missed),
        catch_trials=len(catches),
        catch_correct=sum(answer.correct for answer in catches),
        skipped=skipped,
        rows=rows,
    )


def _row(attack: str | None, catch_trials: Literal["passed", "missed"], answers: Sequence[Answer]) -> Row:
    correct = sum(answer.correct for answer in answers)
    low, high = binomtest(correct, len(answers)).proportion_ci(CONFIDENCE, method="exact")
    listeners = [
        float(np.mean([answer.correct for answer in answers if answer.listener == listener]))
        for listener in sorted({answer.listener for answer in answers})
    ]
    return Row(
        attack=attack,
        catch_trials=catch_trials,
        listeners=len(listeners),
        trials=len(answers),
        correct=correct,
        share=correct / len(answers),
        share_ci=(float(low), float(high)),
        guessing_inside=bool(low <= GUESSING <= high),
        p_value=float(binomtest(correct, len(answers), GUESSING, alternative="greater").pvalue),
        share_by_listener=float(np.mean(listeners)) if len(listeners) > 1 else None,
        share_by_listener_ci=_student(listeners),
    )


def _student(shares: Sequence[float]) -> Interval | None:
    """Return Student's interval of the mean of listeners' shares; None where they are one, or all the same."""
    if len(set(shares)) < 2:
        return None
    mean, error = float(np.mean(shares)), float(np.std(shares, ddof=1)) / math.sqrt(len(shares))
    half = float(t.isf((1 - CONFIDENCE) / 2, len(shares) - 1)) * error
    return max(0.0, mean - half), min(1.0, mean + half)
