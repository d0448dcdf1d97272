"""Sentences that captions share: what an interval assumes, where chance is, and when a control is optimistic."""

from collections.abc import Iterable, Sequence

from staanet.core.records import Record
from staanet.evaluation.controls import trained_with_control
from staanet.metrics import SPEAKERS
from staanet.report.wording import percent, unique

BY_SPEAKER = "95 % confidence intervals that allow for correlation between clips of a speaker"
BY_CLIP = (
    "95 % confidence intervals over clips, resampled within their classes: there are fewer than eight speakers, so "
    "that the intervals treat clips as independent and say nothing about other speakers"
)
EITHER = (
    "95 % confidence intervals that allow for correlation between clips of a speaker or, where there are fewer than "
    "eight speakers, treat clips as independent"
)
BY_FOLD = (
    "By fold: 95 % intervals with the fold as the unit, which claims about methods need; few folds make them wide."
)


def intervals(speakers: Iterable[int]) -> str:
    """Return what the intervals of results assume, which depends on the number of speakers of each.

    >>> intervals([10, 24]) == BY_SPEAKER
    True
    """
    few = {count < SPEAKERS for count in speakers}
    if few == {True}:
        return BY_CLIP
    return EITHER if few == {True, False} else BY_SPEAKER


def chance(records: Iterable[Record]) -> str:
    """Return a sentence with the line of chance, 1/K, for each number of classes."""
    lines = sorted({(len(record.labels), record.chance) for record in records})
    return f"Chance (1/K) is {', '.join(f'{percent(share)} % for {count} classes' for count, share in lines)}."


def trained_with_noise(records: Iterable[Record]) -> list[str]:
    """Return the target models that were trained with noise of the control's distribution, as records say."""
    return unique(
        record.target
        for record in records
        # a set that was made elsewhere has a hash in place of the settings
        if isinstance(record.settings.get("target"), dict) and trained_with_control(record.settings)
    )


def control(records: Sequence[Record]) -> str:
    """Return a sentence on the models whose control is optimistic about the excess, with a space; empty for none."""
    names = trained_with_noise(records)
    if not names:
        return ""
    verb = "was" if len(names) == 1 else "were"
    return (
        f" {', '.join(names)} {verb} trained with noise of the control's distribution (random signs), so that the "
        "control is low and the excess optimistic."
    )
