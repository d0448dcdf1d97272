"""Means over clips, with intervals that allow for the clips of one speaker, and of one fold, to resemble each other.

The clips of a fold share the models and the generator that were trained for it. An interval by fold therefore covers
other trainings, an interval by speaker only other speakers under these trainings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from staanet.core.errors import StaanetError
from staanet.core.records import Interval, Record
from staanet.metrics.intervals import by_fold, by_speaker, paired
from staanet.metrics.outcome import Floats
from staanet.report.results import Results
from staanet.report.wording import interval, percent


class Clip(NamedTuple):
    """The outcome of a clip, and the fold in which it was tested."""

    fold: int | None
    row: dict[str, Any]

    @property
    def fooled(self) -> float:
        """1 if the attack changed the prediction, else 0."""
        return float(self.row["predicted_adv"] != self.row["predicted_clean"])

    @property
    def control(self) -> float:
        """Share of the controls that changed the prediction."""
        drawn = self.row["predicted_control"]
        return sum(predicted != self.row["predicted_clean"] for predicted in drawn) / len(drawn)


@dataclass(frozen=True)
class Estimate:
    """The mean of one value in [-1, 1] per clip.

    Args:
        mean: Mean over all clips.
        n: Number of clips.
        speaker_ci: 95 % interval with the speaker as the unit, at least as wide as one with the clip as the unit.
        fold_ci: 95 % interval with the fold as the unit; None if there is only one fold.
        by_fold: Mean over the clips of each fold.
    """

    mean: float
    n: int
    speaker_ci: Interval
    fold_ci: Interval | None
    by_fold: tuple[float, ...]

    @property
    def speaker_sign(self) -> int:
        """1 or -1 if the interval by speaker lies above or below 0, 0 if it includes 0."""
        return _sign(self.speaker_ci)

    @property
    def sign(self) -> int:
        """1 or -1 if both intervals lie above or below 0, 0 if one includes 0 or if there is no interval by fold."""
        return self.speaker_sign if self.fold_ci and _sign(self.fold_ci) == self.speaker_sign else 0

    def __str__(self) -> str:
        folds = f", by fold {interval(self.fold_ci)}" if self.fold_ci else ""
        return f"{percent(self.mean)} {interval(self.speaker_ci)}{folds}"


def estimate(values: Floats, clips: Sequence[Clip]) -> Estimate:
    """Return the mean of values in [-1, 1], one per clip, with its intervals."""
    speakers, folds = [clip.row["speaker"] for clip in clips], [clip.fold for clip in clips]
    intervals = [paired(values)]
    if len(set(speakers)) > 1:
        intervals.append(by_speaker(values, speakers, low=-1.0))
    known = [fold for fold in folds if fold is not None]
    several = len(set(known)) > 1 and len(known) == len(folds)
    return Estimate(
        mean=float(values.mean()),
        n=len(clips),
        speaker_ci=(min(low for low, _ in intervals), max(high for _, high in intervals)),
        fold_ci=by_fold(values, known, low=-1.0) if several else None,
        by_fold=tuple(float(values[[own == fold for own in folds]].mean()) for fold in dict.fromkeys(folds)),
    )


def clips_of(results: Results, record: Record) -> list[Clip]:
    """Return the clips of a record, for a pooled record those of all its folds."""
    return [Clip(part.fold, row) for part in parts_of(results, record) for row in results.outcomes(part)]


def parts_of(results: Results, record: Record) -> list[Record]:
    """Return the records, one per fold, that were pooled into a record; the record itself if it was not pooled."""
    parts = {part.signature: part for part in results.parts}
    return [parts[signature] for signature in record.pooled] if record.pooled else [record]


def excess(results: Results, record: Record, without: Sequence[int] = ()) -> Estimate:
    """Return the ASR minus the control of a record, without the clips of some folds."""
    clips = [clip for clip in clips_of(results, record) if clip.fold not in without]
    return estimate(np.array([clip.fooled - clip.control for clip in clips]), clips)


def difference(results: Results, first: Record, other: Record) -> Estimate:
    """Return the ASR of one record minus that of another, on the clips that both have.

    Raises:
        StaanetError: The records have no clip in common.
    """
    fooled = {clip.row["id"]: clip.fooled for clip in clips_of(results, other)}
    common = [clip for clip in clips_of(results, first) if clip.row["id"] in fooled]
    if not common:
        raise StaanetError(f"expected clips that both {first.attack} and {other.attack} attacked, got none")
    return estimate(np.array([clip.fooled - fooled[clip.row["id"]] for clip in common]), common)


def weighted(parts: Sequence[Record], values: Iterable[float]) -> float:
    """Return the mean of one value per fold, weighted by the number of clips."""
    return sum(part.n * value for part, value in zip(parts, values, strict=True)) / sum(part.n for part in parts)


def _sign(bounds: Interval) -> int:
    low, high = bounds
    return 1 if low > 0 else -1 if high < 0 else 0
