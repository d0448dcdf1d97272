"""Which splits of a corpus work, by trying them."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from staanet.core.errors import StaanetError, StaanetWarning
from staanet.corpora.base import Utterance
from staanet.data.splits import Split, at_random, by_speaker, by_subsets, folds

SEEDS = range(1, 10)
"""Seeds of the split by speaker that are tried if the default seed does not work."""

MOST = 3
"""Number of splits that are suggested instead of the default one."""


def split_check(utterances: Sequence[Utterance]) -> dict[str, Any]:
    """Return whether the default split by speaker works for clips, and which splits work if it does not.

    Args:
        utterances: The clips.

    Returns:
        The key `error` with None or the reason; `speakers`, the number of speakers of each subset, if it works; and
        `instead`, keys of `[split]` with which a split works, if it does not.

    >>> clips = [Utterance(f"{s}{e}", "", e, s) for s in "ab" for e in ("joy", "fear")]
    >>> split_check(clips)["instead"]
    ['by = "id"']
    """
    speakers = {utterance.id: utterance.speaker for utterance in utterances}
    try:
        split = _quiet(partial(by_speaker, utterances))
    except StaanetError as error:
        return {"error": str(error), "speakers": {}, "instead": _working(utterances)}
    counts = {subset: len({speakers[clip] for clip in getattr(split, subset)}) for subset in ("train", "val", "test")}
    return {"error": None, "speakers": counts, "instead": []}


def split_doubts(check: dict[str, Any]) -> list[str]:
    """Return a line if the default split does not work, with splits that do.

    Args:
        check: The result of `split_check`.
    """
    if check["error"] is None:
        return []
    working = " or ".join(check["instead"])
    advice = f"what works in [split]: {working}" if working else "no other split works either"
    note = "; with id, results say nothing about new speakers" if 'by = "id"' in check["instead"] else ""
    return [f"the default split by speaker does not work: {check['error']}; {advice}{note}"]


def _working(utterances: Sequence[Utterance]) -> list[str]:
    working: list[str] = []
    for keys, split in _candidates(utterances):
        try:
            _quiet(split)
        except StaanetError:
            continue
        working.append(keys)
        if len(working) == MOST:
            break
    return working


def _candidates(utterances: Sequence[Utterance]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield splits from the most to the least meaningful, each with its keys in an experiment."""
    yield 'by = "session"', partial(by_subsets, utterances)
    yield _seed(utterances)
    for count in (5, 4, 3):
        yield f"folds = {count}", partial(folds, utterances, count)
    sessions = len({utterance.session for utterance in utterances})
    yield f'by = "session", folds = {sessions}', partial(folds, utterances, sessions, by="session")
    yield 'by = "id"', partial(at_random, utterances)


def _seed(utterances: Sequence[Utterance]) -> tuple[str, Callable[[], Split]]:
    """Return the split by speaker with the first seed that works, or with the last seed that was tried."""
    for seed in SEEDS:
        try:
            _quiet(partial(by_speaker, utterances, seed=seed))
        except StaanetError:
            continue
        break
    return f"another seed, such as {seed}", partial(by_speaker, utterances, seed=seed)


def _quiet(split: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        return split()
