"""Who is heard in training, who in validation, who in the test: whole speakers, women and men in equal parts."""

import random
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.seeds import derive
from staanet.core.signature import signature
from staanet.corpora.base import Utterance

Part = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Split:
    """The ids of the clips in each part; no speaker is in two of them."""

    name: str
    fold: int | None
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def digest(self) -> str:
        """Return the hash of who is where."""
        return signature({"train": self.train, "val": self.val, "test": self.test})


def by_speaker(
    utterances: Sequence[Utterance], shares: tuple[float, float, float] = (0.6, 0.2, 0.2), seed: int = 0
) -> Split:
    """Split by speaker into training, validation and test, each sex by itself.

    Args:
        utterances: the clips.
        shares: of the speakers in each part, adding up to 1; every part gets one of each sex where there are three.
        seed: of the order in which speakers are dealt.

    Raises:
        StaanetError: too few speakers, or a class that training would not hear.

    Warns:
        StaanetWarning: a class that no test speaker has.
    """
    if not (abs(sum(shares) - 1) <= 1e-6 and min(shares) > 0):
        raise StaanetError(f"expected three shares above 0 that add up to 1, got {list(shares)}")
    parts: dict[Part, list[str]] = {"train": [], "val": [], "test": []}
    for speakers in _by_gender(utterances, seed):
        held_out = [max(1, round(share * len(speakers))) for share in shares[1:]]
        if len(speakers) >= 3:
            parts["val"] += speakers[: held_out[0]]
            parts["test"] += speakers[held_out[0] : sum(held_out)]
            parts["train"] += speakers[sum(held_out) :]
        else:
            parts["train"] += speakers
    return _split("speakers", None, utterances, parts)


def folds(utterances: Sequence[Utterance], count: int = 5, seed: int = 0, run: Sequence[int] = ()) -> tuple[Split, ...]:
    """Deal the speakers to `count` folds, each sex by itself; each fold is the test once, the next one the validation.

    Args:
        utterances: the clips.
        count: of the folds, three or more.
        seed: of the order in which speakers are dealt.
        run: the folds to return, counted from 0; all where left out.

    Raises:
        StaanetError: fewer than three folds, fewer speakers than folds, or a class that training would not hear.

    Warns:
        StaanetWarning: a class that no test speaker has.
    """
    if count < 3:
        raise StaanetError(f"expected three or more folds (train, validation, test), got {count}")
    wrong = [fold for fold in run if not 0 <= fold < count]
    if wrong:
        raise StaanetError(f"expected folds to run in 0..{count - 1}, got {wrong}")
    hands: list[list[str]] = [[] for _ in range(count)]
    dealt = 0
    for speakers in _by_gender(utterances, seed):
        for speaker in speakers:
            hands[dealt % count].append(speaker)
            dealt += 1
    splits = []
    for fold in run or range(count):
        test, val = hands[fold], hands[(fold + 1) % count]
        train = [speaker for hand in hands for speaker in hand if speaker not in test + val]
        splits.append(_split(f"{count} folds", fold, utterances, {"train": train, "val": val, "test": test}))
    return tuple(splits)


def _by_gender(utterances: Sequence[Utterance], seed: int) -> list[list[str]]:
    """Return the speakers of each sex, each list in a seeded order."""
    genders = {utterance.speaker: utterance.gender or "" for utterance in utterances}
    lists = []
    for gender in sorted(set(genders.values())):
        speakers = sorted(speaker for speaker in genders if genders[speaker] == gender)
        random.Random(derive(seed, "speakers", gender)).shuffle(speakers)
        lists.append(speakers)
    return lists


def _split(name: str, fold: int | None, utterances: Sequence[Utterance], speakers: dict[Part, list[str]]) -> Split:
    total = len({utterance.speaker for utterance in utterances})
    empty = [part for part, members in speakers.items() if not members]
    if empty:
        raise StaanetError(
            f"expected speakers for training, validation and test, got {total} in all and none for {', '.join(empty)}; "
            "speakers never straddle a split, so add speakers or name them in the metadata"
        )
    ids = {part: tuple(u.id for u in utterances if u.speaker in members) for part, members in speakers.items()}
    spoken = Counter(utterance.label for utterance in utterances)
    heard = Counter(utterance.label for utterance in utterances if utterance.speaker in speakers["train"])
    for label, clips in sorted(spoken.items()):
        if clips < 2 or heard[label] == 0:
            raise StaanetError(
                f"expected clips of {label!r} by training speakers and others, got {clips} in all and {heard[label]} "
                "in training; add clips, leave the class out, or change the seed of the split"
            )
    tested = {utterance.label for utterance in utterances if utterance.speaker in speakers["test"]}
    if untested := sorted(set(spoken) - tested):
        warnings.warn(
            f"{'the split' if fold is None else f'fold {fold}'}: expected test clips of every class, got none of "
            f"{', '.join(map(repr, untested))}, whose figures are undefined there; add clips, or change the split",
            StaanetWarning,
            stacklevel=3,
        )
    return Split(name, fold, ids["train"], ids["val"], ids["test"])
