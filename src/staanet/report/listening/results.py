"""Evaluation of the result files of a listening test: shares of correct answers with confidence intervals."""

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
from staanet.core.parsing import parse_json, read_text
from staanet.core.records import Interval
from staanet.core.run import Run, as_run
from staanet.core.settings import validated
from staanet.core.signature import to_jsonable
from staanet.report.listening import test as listening
from staanet.report.listening.test import ListeningTest

COUNTS = "listening.json"
"""Name of the file in a run's folder that holds the counts. It contains no names of listeners."""

GUESSING = 0.5
CONFIDENCE = 0.95

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One trial: the names of the clips played as A and B, which of them was X, and the answer of the listener."""

    a: str
    b: str
    x: Literal["a", "b"]
    answer: Literal["a", "b"]
    seconds: NonNegativeFloat
    plays: dict[Literal["a", "b", "x"], PositiveInt]


@dataclass(frozen=True)
class Session:
    """One result file, as the page saves it."""

    test: str
    trials_per_clip: PositiveInt
    listener: str
    seed: str
    trials: list[Trial]

    @property
    def listener_id(self) -> str:
        """The name of the listener; each session without a name counts as a different listener."""
        return self.listener.strip() or f"session {self.seed}"


class Answer(NamedTuple):
    """Whether a listener identified X; `attack` is None in a catch trial."""

    listener: str
    attack: str | None
    correct: bool


@dataclass(frozen=True)
class Row:
    """How often X was identified: for one attack or (None) for all, by listeners who passed or missed catch trials."""

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
    """The results of a listening test over all sessions."""

    test: str
    listeners: int
    listeners_missed: int
    catch_trials: int
    catch_correct: int
    skipped: int
    rows: list[Row]


def count_results(run: Run | Path, places: Sequence[Path]) -> Path:
    """Evaluate result files, write the counts to the run's `listening.json`, and return its path.

    A file that is damaged, incomplete, a duplicate, or from another test is skipped with a warning.

    Args:
        run: The run, or its folder, whose listening test was taken.
        places: All result files, or folders that contain them. Earlier counts are replaced.

    Raises:
        StaanetError: There is no valid result file.
    """
    run = as_run(run)
    test = listening.require_listening_test(run)
    paths = _paths(places)
    sessions: dict[str, Session] = {}
    for path in paths:
        try:
            session = _read_session(path, test)
            if session.seed in sessions:
                raise StaanetError(f"{path}: expected each session once, got {session.seed!r} again")
            sessions[session.seed] = session
        except StaanetError as error:
            logger.warning("%s; skipped", error)
    if not sessions:
        raise StaanetError(
            f"expected results of the listening test {test.id}, got {len(paths)} files and none of them is valid"
        )
    counts = _counts(test, list(sessions.values()), skipped=len(paths) - len(sessions))
    write_json(run.folder / COUNTS, to_jsonable(counts))
    return run.folder / COUNTS


def read_counts(run: Run | Path) -> Counts | None:
    """Return the counts of the present listening test of a run; None if there are none."""
    run = as_run(run)
    path = run.folder / COUNTS
    if not path.is_file():
        return None
    counts = validated(Counts, read_json(path), str(path))
    test = listening.listening_test(run).id
    if counts.test != test:
        logger.warning(
            "%s: expected answers to the listening test %s, got answers to %s, which has other clips; skipped",
            *(path, test, counts.test),
        )
        return None
    return counts


def _paths(places: Sequence[Path]) -> list[Path]:
    """Return all result files, each once."""
    paths = []
    for place in places:
        inside = sorted(place.glob("*.json")) if place.is_dir() else [place]
        if not inside or not all(path.is_file() for path in inside):
            raise StaanetError(f"{place}: expected a result file of a listening test or a folder of them, found none")
        paths += inside
    return list({path.resolve(): path for path in paths}.values())


def _read_session(path: Path, test: ListeningTest) -> Session:
    """Read a result file and check that it belongs to the test and is complete."""
    try:
        values = parse_json(read_text(path, "the JSON of a result file"))
    except StaanetError:
        raise
    except ValueError as error:
        raise StaanetError(f"{path}: expected the JSON of a result file, got {error}; ask for it again") from None
    session = validated(Session, values, str(path))
    if session.test != test.id:
        raise StaanetError(f"{path}: expected results of the listening test {test.id!r}, got those of {session.test!r}")
    expected = {frozenset(p.names): 1 if p.attack is None else session.trials_per_clip for p in test.pairs}
    if Counter(frozenset((trial.a, trial.b)) for trial in session.trials) != expected:
        raise StaanetError(
            f"{path}: expected {sum(expected.values())} trials, {session.trials_per_clip} of each pair and one of each "
            f"catch pair, got {len(session.trials)} that differ from these; ask for the file again"
        )
    return session


def _counts(test: ListeningTest, sessions: Sequence[Session], skipped: int) -> Counts:
    attacks = {frozenset(pair.names): pair.attack for pair in test.pairs}
    answers = [
        Answer(session.listener_id, attacks[frozenset((trial.a, trial.b))], trial.answer == trial.x)
        for session in sessions
        for trial in session.trials
    ]
    catches = [answer for answer in answers if answer.attack is None]
    missed = {answer.listener for answer in catches if not answer.correct}
    of_attacks = [answer for answer in answers if answer.attack is not None]
    attentive = [answer for answer in of_attacks if answer.listener not in missed]
    inattentive = [answer for answer in of_attacks if answer.listener in missed]
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
    """Return Student's interval of the mean share of listeners; None for one listener, or if all shares are equal."""
    if len(set(shares)) < 2:
        return None
    mean, error = float(np.mean(shares)), float(np.std(shares, ddof=1)) / math.sqrt(len(shares))
    half = float(t.isf((1 - CONFIDENCE) / 2, len(shares) - 1)) * error
    return max(0.0, mean - half), min(1.0, mean + half)
