"""Who is heard in training, who in validation, who in the test: whole speakers, women and men in equal subsets.

Where a corpus has sessions, whole sessions instead. Versions of clips are heard in training only.
"""

import math
import random
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from staanet.core.errors import StaanetError, StaanetWarning, unknown_name
from staanet.core.seeds import derive
from staanet.core.signature import signature
from staanet.corpora.base import Utterance

Subset = Literal["train", "val", "test"]
By = Literal["speaker", "session"]
SplitUnit = By | Literal["id"]
"""What no split divides: by `id` each clip is dealt by itself, and its speaker is in several subsets."""

OFFICIAL_SUBSETS: Mapping[Subset, Sequence[str]] = {"train": ("train",), "val": ("val",), "test": ("test",)}
"""The sessions of a corpus that deals its own clips."""

EvaluatedSubset = Literal["val", "test"]
"""The subset whose clips are attacked."""


@dataclass(frozen=True)
class Split:
    """The ids of the clips in each subset; no speaker is in two of them or, `by` session, no session; by id, no clip.

    `test` holds the clips that are attacked; they are of the `subset` of that name, or of another, see `evaluating`.
    """

    name: str
    fold: int | None
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    by: SplitUnit = "speaker"
    subset: EvaluatedSubset = "test"

    def digest(self) -> str:
        """Return the hash of who is where."""
        return signature({"train": self.train, "val": self.val, "test": self.test})

    def evaluating(self, subset: EvaluatedSubset) -> "Split":
        """Return the split in which the clips of a subset are attacked, after training on all that come before it.

        So the STAA-Net paper (arXiv 2402.01227, section 5) gets its two columns: `val` trains on the training clips,
        `test` on those of validation as well. No clips are left by which epochs could be compared.
        """
        if subset == "val":
            return replace(self, val=(), test=self.val, subset="val")
        return replace(self, train=self.train + self.val, val=())


def by_speaker(
    utterances: Sequence[Utterance],
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    held_out: Sequence[str] = (),
) -> Split:
    """Split by speaker into training, validation and test, each sex by itself.

    Args:
        utterances: the clips.
        shares: of the speakers in each subset, adding up to 1; every subset gets one of each sex where there are three.
        seed: of the order in which speakers are dealt.
        held_out: speakers of the test, whatever the seed.

    Raises:
        StaanetError: too few speakers, one that the corpus has not, or a class that training would not hear.

    Warns:
        StaanetWarning: a class that no test speaker has.
    """
    _check_shares(shares)
    known = {utterance.speaker for utterance in utterances}
    for name in held_out:
        if name not in known:
            raise unknown_name("speaker", name, known)
    subsets: dict[Subset, list[str]] = {"train": [], "val": [], "test": []}
    for speakers in _by_gender(utterances, seed):
        named = [speaker for speaker in speakers if speaker in held_out]
        others = [speaker for speaker in speakers if speaker not in held_out]
        val, test = 0, 0
        if len(speakers) >= 3:
            val, test = (max(1, round(share * len(speakers))) for share in shares[1:])
            test = max(test - len(named), 0)
        subsets["val"] += others[:val]
        subsets["test"] += named + others[val : val + test]
        subsets["train"] += others[val + test :]
    return _split("speakers", None, utterances, subsets)


def by_subsets(
    utterances: Sequence[Utterance], subsets: Mapping[Subset, Sequence[str]] = OFFICIAL_SUBSETS, by: By = "session"
) -> Split:
    """Split as is said: `subsets` names the sessions, or the speakers, of training, validation and test.

    Args:
        utterances: the clips.
        subsets: the names; where left out, those of a corpus that deals its own clips: train, val and test.
        by: what the names are of.

    Raises:
        StaanetError: a name that the corpus has not, one in two subsets, or a class that training would not hear.

    Warns:
        StaanetWarning: names in no subset, whose clips are left out; speakers in two subsets; a class not in the test.

    >>> clips = [Utterance(f"{s}{e}", "", e, f"w{s}", session=s) for s in "123" for e in ("joy", "anger")]
    >>> by_subsets(clips, {"train": ("2",), "val": ("3",), "test": ("1",)}).test
    ('1joy', '1anger')
    """
    groups = _groups(utterances, by)
    named = [name for names in subsets.values() for name in names]
    for name in named:
        if name not in groups:
            raise unknown_name(by, name, groups)
        if named.count(name) > 1:
            raise StaanetError(f"expected each {by} in one subset, got {name!r} in two; name it once")
    if unused := sorted(set(groups) - set(named)):
        told = f"expected every {by} in a subset, got {_listed(unused)} in none; left out"
        warnings.warn(told, StaanetWarning, stacklevel=2)
    used = [utterance for utterance in utterances if getattr(utterance, by) in named]
    return _split(f"{by}s", None, used, {subset: list(subsets.get(subset, ())) for subset in OFFICIAL_SUBSETS}, by)


def at_random(
    utterances: Sequence[Utterance], shares: tuple[float, float, float] = (0.64, 0.16, 0.2), seed: int = 0
) -> Split:
    """Deal the clips themselves, whoever speaks, each class in proportion: how arXiv 2404.18514 splits its segments.

    Segmentation and augmented copies of one clip are then in training and in the test, and so is every speaker: its figures say
    nothing about speech that was not heard in training, and are there to be compared with the paper's.

    Args:
        utterances: the clips, augmented copies included.
        shares: of the clips in each subset, adding up to 1.
        seed: of the order in which they are dealt.

    Raises:
        StaanetError: a class that training would not hear.

    Warns:
        StaanetWarning: speakers in several subsets; a class that is not in the test.
    """
    _check_shares(shares)
    ranked: list[tuple[float, str, str]] = []
    for label in sorted({utterance.label for utterance in utterances}):
        ids = sorted(utterance.id for utterance in utterances if utterance.label == label)
        random.Random(derive(seed, "clips", label)).shuffle(ids)
        ranked += [((place + 0.5) / len(ids), label, name) for place, name in enumerate(ids)]
    order = [name for *_, name in sorted(ranked)]
    test, val = (math.ceil(share * len(order)) for share in (shares[2], shares[1]))
    subsets: dict[Subset, list[str]] = {
        "train": order[test + val :],
        "val": order[test : test + val],
        "test": order[:test],
    }
    return _split("at random", None, utterances, subsets, "id")


def folds(
    utterances: Sequence[Utterance], count: int = 5, seed: int = 0, run: Sequence[int] = (), by: By = "speaker"
) -> tuple[Split, ...]:
    """Deal the speakers to `count` folds, each sex by itself; each fold is the test once, the next one the validation.

    Args:
        utterances: the clips.
        count: of the folds, three or more.
        seed: of the order in which speakers are dealt.
        run: the folds to return, counted from 0; all where left out.
        by: `session` deals the sessions instead, in their own order: of five, fold 0 tests the first.

    Raises:
        StaanetError: fewer than three folds, fewer speakers than folds, or a class that training would not hear.

    Warns:
        StaanetWarning: a class that no test speaker has; speakers in two subsets, where sessions are dealt.
    """
    if count < 3:
        raise StaanetError(f"expected three or more folds (train, validation, test), got {count}")
    wrong = [fold for fold in run if not 0 <= fold < count]
    if wrong:
        raise StaanetError(f"expected folds to run in 0..{count - 1}, got {wrong}")
    lists = _by_gender(utterances, seed) if by == "speaker" else [sorted(_groups(utterances, by))]
    hands: list[list[str]] = [[] for _ in range(count)]
    for dealt, name in enumerate(name for names in lists for name in names):
        hands[dealt % count].append(name)
    splits = []
    for fold in run or range(count):
        test, val = hands[fold], hands[(fold + 1) % count]
        train = [name for hand in hands for name in hand if name not in test + val]
        splits.append(_split(f"{count} folds", fold, utterances, {"train": train, "val": val, "test": test}, by))
    return tuple(splits)


def _check_shares(shares: tuple[float, float, float]) -> None:
    if not (abs(sum(shares) - 1) <= 1e-6 and min(shares) > 0):
        raise StaanetError(f"expected three shares above 0 that add up to 1, got {list(shares)}")


def _by_gender(utterances: Sequence[Utterance], seed: int) -> list[list[str]]:
    """Return the speakers of each sex, each list in a seeded order."""
    genders = {utterance.speaker: utterance.gender or "" for utterance in utterances}
    lists = []
    for gender in sorted(set(genders.values())):
        speakers = sorted(speaker for speaker in genders if genders[speaker] == gender)
        random.Random(derive(seed, "speakers", gender)).shuffle(speakers)
        lists.append(speakers)
    return lists


def _groups(utterances: Sequence[Utterance], by: By) -> set[str]:
    """Return the names of the speakers or sessions, which every clip must have."""
    groups = {getattr(utterance, by) for utterance in utterances}
    if None in groups:
        lost = sum(getattr(utterance, by) is None for utterance in utterances)
        raise StaanetError(
            f"expected a {by} of every clip, got none of {lost} of {len(utterances)}; split by speaker instead"
        )
    return groups


def _split(
    name: str,
    fold: int | None,
    utterances: Sequence[Utterance],
    members: dict[Subset, list[str]],
    by: SplitUnit = "speaker",
) -> Split:
    where = "the split" if fold is None else f"fold {fold}"
    total = len({getattr(utterance, by) for utterance in utterances})
    empty = [subset for subset, names in members.items() if not names]
    if empty:
        raise StaanetError(
            f"expected {by}s for training, validation and test, got {total} in all and none for {', '.join(empty)}; "
            f"{by}s never straddle a split, so add {by}s or name them in the metadata"
        )
    clips = {
        subset: [
            u for u in utterances if getattr(u, by) in names and (subset == "train" or by == "id" or not u.is_augmented)
        ]
        for subset, names in ((subset, set(names)) for subset, names in members.items())
    }
    spoken = Counter(utterance.label for utterance in utterances)
    heard = Counter(utterance.label for utterance in clips["train"])
    for label, count in sorted(spoken.items()):
        if count < 2 or heard[label] == 0:
            raise StaanetError(
                f"expected clips of {label!r} by training {by}s and others, got {count} in all and {heard[label]} "
                "in training; add clips, leave the class out, or change the seed of the split"
            )
    if untested := sorted(set(spoken) - {utterance.label for utterance in clips["test"]}):
        warnings.warn(
            f"{where}: expected test clips of every class, got none of "
            f"{', '.join(map(repr, untested))}, whose figures are undefined there; add clips, or change the split",
            StaanetWarning,
            stacklevel=3,
        )
    subsets = Counter(speaker for subset in clips.values() for speaker in {utterance.speaker for utterance in subset})
    if straddling := sorted(speaker for speaker, count in subsets.items() if count > 1):
        warnings.warn(
            f"{where}: expected speakers in one subset each, got {_listed(straddling)} in several; "
            "its figures say little about other speakers",
            StaanetWarning,
            stacklevel=3,
        )
    ids = {subset: tuple(utterance.id for utterance in chosen) for subset, chosen in clips.items()}
    return Split(name, fold, ids["train"], ids["val"], ids["test"], by)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:3]))
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
