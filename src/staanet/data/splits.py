"""Splits into training, validation and test by speaker, with women and men in equal proportions.

Corpora with sessions can be split by session instead. Augmented copies of clips are used for training only.
"""

import math
import random
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from staanet.core.errors import StaanetError, StaanetWarning, unknown_name
from staanet.core.notebook import Shown
from staanet.core.seeds import derive
from staanet.core.signature import signature
from staanet.corpora.base import Utterance

Subset = Literal["train", "val", "test"]
By = Literal["speaker", "session"]
SplitUnit = By | Literal["id"]
"""What a split keeps together in one subset; with `id` each clip is assigned on its own, whoever speaks."""

OFFICIAL_SUBSETS: Mapping[Subset, Sequence[str]] = {"train": ("train",), "val": ("val",), "test": ("test",)}
"""Names of the sessions in each subset for a corpus that comes with its own split."""

EvaluatedSubset = Literal["val", "test"]
"""The subset whose clips are attacked."""


@dataclass(frozen=True, repr=False)
class Split(Shown):
    """The ids of the clips in each subset; no speaker (or session or clip, see `by`) is in two subsets.

    Args:
        name: What kind of split it is, such as "5 folds".
        fold: Number of the fold, from 0; None if the split is not one of several folds.
        train: Ids of the clips for training.
        val: Ids of the clips for validation.
        test: Ids of the clips that are attacked. They are the test subset, or the one that `evaluating` selects.
        by: The unit that is kept together in one subset.
        subset: Name of the subset from which the clips in `test` come.
    """

    name: str
    fold: int | None
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    by: SplitUnit = "speaker"
    subset: EvaluatedSubset = "test"

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return its kind and the sizes of its subsets, as a session shows them."""
        sizes = {name: f"{len(getattr(self, name))} clips" for name in ("train", "val", "test")}
        fold = {} if self.fold is None else {"fold": str(self.fold)}
        return f"Split {self.name}", {**fold, **sizes, "by": self.by}

    def digest(self) -> str:
        """Return a hash of the clips in each subset."""
        return signature({"train": self.train, "val": self.val, "test": self.test})

    def evaluating(self, subset: EvaluatedSubset) -> "Split":
        """Return the split in which the clips of `subset` are attacked, after training on all subsets before it.

        The STAA-Net paper (arXiv 2402.01227, section 5) reports both: for `val` models are trained on the training
        clips, for `test` on the training and the validation clips. No clips remain for choosing an epoch.
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
    """Split the speakers of each sex into training, validation and test.

    Args:
        utterances: The clips.
        shares: Share of the speakers in training, validation and test; each is above 0 and they add up to 1. Validation
            and test get at least one speaker of each sex that has three or more.
        seed: Seed of the random order in which speakers are assigned.
        held_out: Speakers that are in the test subset whatever the seed.

    Raises:
        StaanetError: If there are fewer than three speakers of every gender, if a held-out speaker is not in the
            corpus, or if a class is absent from the training subset.

    Warns:
        StaanetWarning: If a class is absent from the test subset.
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
    """Split by given lists of sessions or speakers.

    Args:
        utterances: The clips.
        subsets: Names of the sessions or speakers in each subset (default: the official split of a corpus, whose
            sessions are then called train, val and test).
        by: Whether `subsets` names sessions or speakers.

    Raises:
        StaanetError: If a name is not in the corpus or is in two subsets, or if a class is absent from the training
            subset.

    Warns:
        StaanetWarning: If a session or speaker is in no subset, so that its clips are skipped; if a speaker is in two
            subsets; or if a class is absent from the test subset.

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
        message = f"expected every {by} in a subset, got {_listed(unused)} in none; skipped"
        warnings.warn(message, StaanetWarning, stacklevel=2)
    used = [utterance for utterance in utterances if getattr(utterance, by) in named]
    return _split(f"{by}s", None, used, {subset: list(subsets.get(subset, ())) for subset in OFFICIAL_SUBSETS}, by)


def at_random(
    utterances: Sequence[Utterance], shares: tuple[float, float, float] = (0.64, 0.16, 0.2), seed: int = 0
) -> Split:
    """Split single clips at random, whoever speaks, with the same shares in each class, as arXiv 2404.18514 does.

    Segments and augmented copies of one clip, and all speakers, are then in both training and test. Results therefore
    say nothing about speakers that were not in the training set; they only serve for a comparison with that paper.

    Args:
        utterances: The clips, augmented copies included.
        shares: Share of the clips in training, validation and test; each is above 0 and they add up to 1.
        seed: Seed of the random order in which clips are assigned.

    Raises:
        StaanetError: If a class is absent from the training subset.

    Warns:
        StaanetWarning: If speakers are in several subsets, or if a class is absent from the test subset.
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
    """Return the splits of a cross-validation: each fold is the test subset once, and the next fold is for validation.

    Speakers are assigned to the folds in turn, first those of one sex and then the others.

    Args:
        utterances: The clips.
        count: Number of folds, 3 or more.
        seed: Seed of the random order in which speakers are assigned.
        run: Numbers of the folds to return, from 0 (default: all).
        by: With `session`, sessions are assigned instead of speakers, in the order of their names: of five sessions,
            fold 0 tests the first one.

    Raises:
        StaanetError: If there are fewer than three folds or fewer speakers than folds, or if a class is absent from a
            training subset.

    Warns:
        StaanetWarning: If a class is absent from a test subset, or if folds by session have a speaker in two subsets.
    """
    if count < 3:
        raise StaanetError(f"expected three or more folds (train, validation, test), got {count}; raise folds")
    wrong = [fold for fold in run if not 0 <= fold < count]
    if wrong:
        raise StaanetError(f"expected folds to run in 0..{count - 1}, got {wrong}; change run")
    lists = _by_gender(utterances, seed) if by == "speaker" else [sorted(_groups(utterances, by))]
    members: list[list[str]] = [[] for _ in range(count)]
    for number, name in enumerate(name for names in lists for name in names):
        members[number % count].append(name)
    splits = []
    for fold in run or range(count):
        test, val = members[fold], members[(fold + 1) % count]
        train = [name for names in members for name in names if name not in test + val]
        splits.append(_split(f"{count} folds", fold, utterances, {"train": train, "val": val, "test": test}, by))
    return tuple(splits)


def _check_shares(shares: tuple[float, float, float]) -> None:
    if not (abs(sum(shares) - 1) <= 1e-6 and min(shares) > 0):
        raise StaanetError(
            f"expected three shares above 0 that add up to 1, got {list(shares)}; give those of training, validation "
            "and test"
        )


def _by_gender(utterances: Sequence[Utterance], seed: int) -> list[list[str]]:
    """Return the speakers of each sex, each list in a random order."""
    genders = {utterance.speaker: utterance.gender or "" for utterance in utterances}
    lists = []
    for gender in sorted(set(genders.values())):
        speakers = sorted(speaker for speaker in genders if genders[speaker] == gender)
        random.Random(derive(seed, "speakers", gender)).shuffle(speakers)
        lists.append(speakers)
    return lists


def _gender_counts(utterances: Sequence[Utterance]) -> str:
    """Return the number of speakers of each gender as text, because `by_speaker` needs three of a gender."""
    speakers = {utterance.speaker: utterance.gender or "unknown" for utterance in utterances}
    counts = Counter(speakers.values())
    return "speakers by gender: " + ", ".join(f"{gender} {count}" for gender, count in sorted(counts.items()))


def _groups(utterances: Sequence[Utterance], by: By) -> set[str]:
    """Return the names of the speakers or sessions; raise an error if a clip has none."""
    groups = {getattr(utterance, by) for utterance in utterances}
    if None in groups:
        lacking = sum(getattr(utterance, by) is None for utterance in utterances)
        raise StaanetError(
            f"expected a {by} of every clip, got none of {lacking} of {len(utterances)}; split by speaker instead"
        )
    return groups


def _split(
    name: str,
    fold: int | None,
    utterances: Sequence[Utterance],
    members: dict[Subset, list[str]],
    by: SplitUnit = "speaker",
) -> Split:
    """Return the split that puts the given speakers, sessions or clips into each subset, after checking it."""
    where = "the split" if fold is None else f"fold {fold}"
    total = len({getattr(utterance, by) for utterance in utterances})
    empty = [subset for subset, names in members.items() if not names]
    if empty:
        genders = f" ({_gender_counts(utterances)})" if by == "speaker" else ""
        raise StaanetError(
            f"expected {by}s for training, validation and test, got {total} in all and none for {', '.join(empty)}"
            f"{genders}; {by}s never straddle a split, so add {by}s or name them in the metadata"
        )
    clips = {
        subset: [
            u for u in utterances if getattr(u, by) in names and (subset == "train" or by == "id" or not u.is_augmented)
        ]
        for subset, names in ((subset, set(names)) for subset, names in members.items())
    }
    _check_classes(where, utterances, clips, by)
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


def _check_classes(
    where: str, utterances: Sequence[Utterance], clips: Mapping[Subset, Sequence[Utterance]], by: SplitUnit
) -> None:
    """Raise an error for a class without training clips, and warn of classes without test clips."""
    total = Counter(utterance.label for utterance in utterances)
    training = Counter(utterance.label for utterance in clips["train"])
    for label, count in sorted(total.items()):
        if count < 2 or training[label] == 0:
            units = {getattr(utterance, by) for utterance in utterances if utterance.label == label}
            advice = "add clips, leave the class out, or change the seed of the split"
            if len(units) == 1:
                advice = f"all are of the {by} {min(units)!r}, so add clips of other {by}s or leave the class out"
            raise StaanetError(
                f"expected clips of {label!r} by training {by}s and others, got {count} in all and {training[label]} "
                f"in training; {advice}"
            )
    if untested := sorted(set(total) - {utterance.label for utterance in clips["test"]}):
        warnings.warn(
            f"{where}: expected test clips of every class, got none of "
            f"{', '.join(map(repr, untested))}, whose figures are undefined there; add clips, or change the split",
            StaanetWarning,
            stacklevel=4,
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:3]))
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
