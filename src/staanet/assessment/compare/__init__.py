"""Comparison of evaluations of the same clips: of two models clip by clip, or of two recipes over several trainings."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from staanet.assessment.compare.reading import read_all
from staanet.assessment.measurement import Row
from staanet.assessment.protected import wording as protected_wording
from staanet.assessment.result import Interval, budget_name, budgets_of
from staanet.assessment.runs import NO_WEIGHTS, Run, check_comparable, trainings_in
from staanet.core.errors import StaanetError
from staanet.metrics import beyond_clips, paired, sign_test
from staanet.metrics.intervals import SPEAKERS
from staanet.metrics.significance import both_sources, holm, speaker_test, welch

ALPHA = 0.05
"""Probability of claiming a difference of a measure at any budget where there is none."""

Measure = Literal["accuracy_clean", "accuracy_robust", "accuracy_noise"]


@dataclass(frozen=True)
class Difference:
    """A difference between two models or recipes.

    Args:
        measure: `accuracy_clean`, `accuracy_robust` or `accuracy_noise`.
        budget: Name of the budget; None for clean accuracy.
        snr_db: Peak SNR of the budget in dB; None for clean accuracy.
        sparsity: Share of the samples that may change; 0 stands for one sample, None for clean accuracy.
        a: Accuracy of the first.
        b: Accuracy of the second.
        difference: Second minus first.
        ci: Its 95 % interval.
        p_value: Probability of so large a difference if there is none.
        p_holm: The same after Holm's correction for all budgets of the measure and all comparisons that are made.
        result: Whether the second is `higher` or `lower`; `undecided` if chance may explain the difference.
        claimable: The only result that can be claimed, if one of the two is proven and the other measured: that the
            proven one, a lower bound, is above the measured one, an upper bound. None if both can be.
    """

    measure: Measure
    budget: str | None
    snr_db: float | None
    sparsity: float | None
    a: float
    b: float
    difference: float
    ci: Interval
    p_value: float
    p_holm: float = 1.0
    result: Literal["higher", "lower", "undecided"] = "undecided"
    claimable: Literal["higher", "lower"] | None = None

    @property
    def within(self) -> float:
        """The largest difference that the interval does not exclude."""
        return max(abs(self.ci[0]), abs(self.ci[1]))


@dataclass(frozen=True)
class Comparison:
    """Two models or two recipes on the same clips.

    Args:
        a: Name of the first.
        b: Name of the second.
        unit: `clip` if two models are compared, `training` if two recipes are.
        trainings: Number of evaluations of each.
        n: Number of clips.
        speakers: Number of speakers.
        reference: Name of the reference budget.
        differences: Clean accuracy, and robust accuracy and accuracy under noise at every budget.
        notes: What restricts the comparison, in sentences.
        proven: Whether both are certificates, so that robust accuracies are lower bounds.
    """

    a: str
    b: str
    unit: Literal["clip", "training"]
    trainings: tuple[int, int]
    n: int
    speakers: int
    reference: str
    differences: Sequence[Difference]
    notes: Sequence[str]
    proven: bool = False

    def at_reference(self, measure: Measure) -> Difference:
        """Return the difference of a measure at the reference budget."""
        return next(one for one in self.of(measure) if one.budget in (self.reference, None))

    def of(self, measure: Measure) -> list[Difference]:
        """Return the differences of a measure."""
        return [one for one in self.differences if one.measure == measure]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Side:
    """One of the models or recipes that are compared.

    Args:
        name: Its name.
        runs: One evaluation, or several of different trainings.
    """

    name: str
    runs: Sequence[Run]

    @property
    def proven(self) -> bool:
        """Whether its robust accuracy is proven instead of measured."""
        return self.runs[0].proven


def compare(
    runs: Sequence[str | Path] = (), *, a: Sequence[str | Path] = (), b: Sequence[str | Path] = ()
) -> list[Comparison]:
    """Compare evaluations of the same clips: the first with each of the others.

    Evaluations of single models are paired clip by clip. If folders with the evaluations of several trainings are
    given, two recipes are compared, with the training as the unit: the interval covers other trainings, too.

    A folder that `certify` wrote counts as an evaluation whose robust accuracy is proven: no attack can lower it. It is
    shown at the budgets of the evaluations of the same corpus.

    Args:
        runs: Two or more folders that `evaluate` or `certify` wrote, or folders of such folders, one for each recipe.
        a: The evaluations of the trainings of the first recipe, instead of `runs`.
        b: The same for the second recipe.

    Raises:
        StaanetError: If a folder holds no evaluation, or the evaluations differ in more than the model and the seed.
    """
    if bool(runs) == bool(a or b) or bool(a) != bool(b):
        raise StaanetError("expected two or more evaluations, or --a and --b with those of two recipes; give either")
    if runs:
        groups = [trainings_in(Path(run)) for run in runs]
        over_trainings = any(len(group) > 1 or group[0] != Path(run) for run, group in zip(runs, groups, strict=True))
        names = [Path(run).resolve().name if over_trainings else "" for run in runs]
    else:
        groups = [[found for run in side for found in trainings_in(Path(run))] for side in (a, b)]
        over_trainings, names = True, ["recipe a", "recipe b"]
    if len(groups) < 2:
        raise StaanetError(f"expected two or more evaluations to compare, got {len(groups)}; name another one")
    _check_distinct([path for group in groups for path in group])
    known = read_all([path for group in groups for path in group])
    loaded = [[known[path] for path in group] for group in groups]
    if over_trainings:
        for name, recipe in zip(names, loaded, strict=True):
            _check_trainings(name, recipe)
    else:
        names = _names([group[0] for group in loaded])
    return compared([Side(name, group) for name, group in zip(names, loaded, strict=True)], over_trainings)


def compared(sides: Sequence[Side], over_trainings: bool = False) -> list[Comparison]:
    """Compare the first of some models or recipes with each of the others.

    Args:
        sides: The models or recipes.
        over_trainings: Whether the unit is the training instead of the clip.

    Raises:
        StaanetError: If the evaluations differ in more than the model and the seed.
    """
    first = sides[0].runs[0]
    for side in sides:
        for run in side.runs:
            check_comparable(first.conditions, run.conditions, (str(first.folder), str(run.folder)))
    found = [_pair(sides[0], other, over_trainings) for other in sides[1:]]
    decided = _decided([difference for one in found for difference in one.differences])
    return [
        replace(one, differences=decided[place * len(one.differences) :][: len(one.differences)])
        for place, one in enumerate(found)
    ]


def against(baseline: Run, run: Run) -> Comparison:
    """Compare an evaluation with an earlier one.

    Raises:
        StaanetError: If they differ in more than the model and the seed.
    """
    name = f"{baseline.name} (baseline)" if baseline.name == run.name else baseline.name
    return compared([Side(name, [baseline]), Side(run.name, [run])])[0]


def _check_distinct(folders: Sequence[Path]) -> None:
    counts = Counter(folder.resolve() for folder in folders)
    twice = next((folder for folder in folders if counts[folder.resolve()] > 1), None)
    if twice is not None:
        raise StaanetError(f"{twice}: expected different evaluations, got this one twice; name another one")


def _check_trainings(name: str, runs: Sequence[Run]) -> None:
    """Check that a recipe has two trainings or more, and that they are different ones."""
    if len(runs) < 2:
        raise StaanetError(
            f"{name}: expected evaluations of two trainings or more, got {len(runs)}; one training says nothing about "
            "others: train again with another seed"
        )
    for place, run in enumerate(runs):
        for other in runs[:place]:
            if _same_model(run, other):
                raise StaanetError(
                    f"{name}: expected evaluations of different trainings, got the same weights in {other.folder.name} "
                    f"and {run.folder.name}; compare attack seeds of one model without --a and --b"
                )


def _same_model(one: Run, other: Run) -> bool:
    if one.identity == other.identity:
        return True
    first, second = ((run.identity.get("weights"), run.identity.get("defence")) for run in (one, other))
    return first == second and first[0] not in (None, NO_WEIGHTS)


def _names(runs: Sequence[Run]) -> list[str]:
    """Return the names of models, with the folder or the place where they are the same."""
    candidates: list[Callable[[int, Run], str]] = [
        lambda _, run: run.name,
        lambda _, run: f"{run.name} ({run.folder.resolve().name})",
        lambda place, run: f"{run.name} (number {place + 1})",
    ]
    for candidate in candidates:
        names = [candidate(place, run) for place, run in enumerate(runs)]
        if len(set(names)) == len(names):
            break
    return names


def _pair(a: Side, b: Side, over_trainings: bool) -> Comparison:
    conditions = a.runs[0].conditions
    ids = sorted(conditions.clips)
    speakers = [conditions.clips[clip][1] for clip in ids]
    labels = np.unique([conditions.clips[clip][0] for clip in ids], return_inverse=True)[1]

    def difference(measure: Measure, of: Callable[[Row], bool], snr: float | None, share: float | None) -> Difference:
        one, two = (
            np.array([[of(run.rows[clip]) for clip in ids] for run in side.runs], dtype=np.float64) for side in (a, b)
        )  # [trainings, clips]
        by_clip = two.mean(0) - one.mean(0)
        low, high = beyond_clips(by_clip, labels, speakers, paired(by_clip), low=-1.0)
        p_value = sign_test(by_clip)
        if len(set(speakers)) >= SPEAKERS:
            p_value = max(p_value, speaker_test(by_clip, speakers))
        if over_trainings:
            (lowest, highest), p_between = welch(one.mean(1), two.mean(1))
            (low, high), p_both = both_sources(float(by_clip.mean()), (low, high), (lowest, highest))
            p_value = max(p_value, p_between, p_both)
        budget = None if snr is None or share is None else budget_name(snr, share)
        values = float(one.mean()), float(two.mean())
        found = Difference(measure, budget, snr, share, *values, float(by_clip.mean()), (low, high), p_value)
        return replace(found, claimable=claimable if measure == "accuracy_robust" else None)

    claimable: Literal["higher", "lower"] | None = None
    if a.proven != b.proven:
        claimable = "lower" if a.proven else "higher"
    differences = [difference("accuracy_clean", lambda row: row.right, None, None)]
    measured = not (a.proven or b.proven)
    for kind, budgets in budgets_of(conditions.settings["curves"]).items():
        for number, (snr, share) in enumerate(budgets):
            differences.append(difference("accuracy_robust", _robust_at(kind, number), snr, share))
            if measured:
                differences.append(difference("accuracy_noise", _noise_at(kind, number), snr, share))
    return Comparison(
        a=a.name,
        b=b.name,
        unit="training" if over_trainings else "clip",
        trainings=(len(a.runs), len(b.runs)),
        n=len(ids),
        speakers=len(set(speakers)),
        reference=budget_name(conditions.settings["curves"]["reference_db"], 1.0),
        differences=differences,
        notes=_notes(a, b, over_trainings, len(set(speakers))),
        proven=a.proven and b.proven,
    )


def _robust_at(kind: str, number: int) -> Callable[[Row], bool]:
    return lambda row: row.right and getattr(row, kind).smallest > number


def _noise_at(kind: str, number: int) -> Callable[[Row], bool]:
    return lambda row: bool(getattr(row, kind).noise[number])


def _decided(differences: Sequence[Difference]) -> list[Difference]:
    """Return differences with corrected p-values and results; each measure is corrected for all its budgets."""
    corrected: dict[int, float] = {}
    for measure in {one.measure for one in differences}:
        places = [place for place, one in enumerate(differences) if one.measure == measure]
        p_values = holm([differences[place].p_value for place in places])
        corrected |= dict(zip(places, p_values, strict=True))
    return [
        replace(one, p_holm=corrected[place], result=_result(one, corrected[place]))
        for place, one in enumerate(differences)
    ]


def _result(one: Difference, p_holm: float) -> Literal["higher", "lower", "undecided"]:
    """Return what is claimed: a difference only if both the interval and the corrected p-value exclude zero."""
    if p_holm >= ALPHA or one.ci[0] <= 0 <= one.ci[1]:
        return "undecided"
    result: Literal["higher", "lower"] = "higher" if one.difference > 0 else "lower"
    return result if one.claimable in (None, result) else "undecided"


def _notes(a: Side, b: Side, over_trainings: bool, speakers: int) -> list[str]:
    notes = []
    attacks: Mapping[str, str] = {side.name: ", ".join(side.runs[0].attacks) for side in (a, b)}
    if a.proven and b.proven:
        notes.append("Certificates are lower bounds: which of the two keeps more under attack is not known.")
    for side, other in ((a, b), (b, a)):
        if side.proven and not other.proven:
            notes.append(
                f"What {side.name} keeps is proven, and no attack can take it; what {other.name} keeps was measured, "
                "and a stronger attack may take more."
            )
        notes += [f"{side.name}: {sentence}" for sentence in protected_wording.brief(side.runs[0].protection)]
    if attacks[a.name] != attacks[b.name] and not (a.proven or b.proven):
        notes.append(
            f"{a.name} was attacked by {attacks[a.name]}, {b.name} by {attacks[b.name]}, because they give different "
            "access: a model under fewer attacks seems more robust."
        )
    for side in (a, b):
        if flags := sorted({flag for run in side.runs for flag in run.flags}):
            notes.append(f"{side.name} is flagged ({', '.join(flags)}): its robust accuracy may be too high.")
    if a.runs[0].conditions.sample_rate != b.runs[0].conditions.sample_rate:
        rates = " and ".join(str(side.runs[0].conditions.sample_rate) for side in (a, b))
        notes.append(f"The models receive clips at {rates} Hz; it is not known whether the recordings are the same.")
    if speakers < SPEAKERS:
        notes.append(f"With fewer than {SPEAKERS} speakers, the intervals are about these speakers only.")
    if not over_trainings and not _same_model(a.runs[0], b.runs[0]):
        notes.append(
            "The difference is one of these two models. To compare the recipes of their training, evaluate several "
            "trainings of each."
        )
    return notes
