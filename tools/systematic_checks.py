"""Checks of the claims of arXiv 2404.18514 against published studies of its systematic evaluation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from staanet.attacks import ATTACKS
from staanet.core.records import Record, Rows
from staanet.core.run import Run
from staanet.metrics.significance import by_permutation, holm
from staanet.report.results import Results
from staanet.report.sections.between_genders import Contrast, contrasts
from staanet.report.sections.comparisons import compare
from staanet.report.sections.gender import ALL, Group, groups
from staanet.report.sections.pairwise import PairwiseComparison, pairwise_comparisons
from staanet.report.wording import interval, percent
from staanet.report.wording import p_value as as_text

LANGUAGES = {"emodb": "German", "ravdess": "English", "emovo": "Italian"}
"""Language of each corpus that the publication uses."""

MODEL = "published"
"""Name of the model that is trained and attacked on the split of the publication."""

LEVEL = 0.05
"""Level of significance."""

MAX_ACCURACY = 0.2
BOUNDARY = 1e-3
"""Margin in logits below which a clip that is not fooled lies on the boundary between two classes."""

BLACK_BOX = ("pixel_10", "boundary")
UNDEFINED = "–"
NO_RESULTS = "undecided: not run"
NOT_SHOWN = "undecided: no difference is shown to be larger than differences between speakers"

Row = list[str]
Finding = tuple[str, list[Row]]
"""A verdict, and the rows of the table from which it follows."""


@dataclass(frozen=True)
class Study:
    """The published results on the model of the published split.

    Args:
        language: Language of the corpus.
        attacks: Names of the attacks that the experiment compares pair by pair.
        records: Records by the name of their attack.
        groups: Results by attack and gender.
        contrasts: Differences between the genders by attack.
        pairs: Comparisons of two attacks by their names.
        results: All results of the study.
    """

    language: str
    attacks: Sequence[str]
    records: Mapping[str, Record]
    groups: Mapping[tuple[str, str], Group]
    contrasts: Mapping[str, Contrast]
    pairs: Mapping[tuple[str, str], PairwiseComparison]
    results: Results


def read(corpus: str, folder: Path) -> Study:
    """Read the published study of a corpus."""
    results = Results.read(Run(folder))
    records = {record.attack: record for record in results.records if record.target == MODEL}
    attacks = [attack for attack in results.layout.pairwise if attack in records]
    compared = [record for record in records.values() if record.attack in attacks]
    pairs = pairwise_comparisons(compared, results.outcomes, attacks)
    return Study(
        LANGUAGES[corpus],
        attacks,
        records,
        {(group.attack, group.gender): group for group in groups(compared, results.outcomes)},
        {contrast.attack: contrast for contrast in contrasts(compared, results.outcomes)},
        {(pair.attack, pair.other): pair for pair in pairs},
        results,
    )


def lower_accuracy(study: Study) -> Finding:
    """Check whether every attack leaves an accuracy of at most 20 %."""
    own = [study.groups[attack, ALL] for attack in study.attacks]
    above = [group.attack for group in own if group.accuracy_adv_ci[0] > MAX_ACCURACY]
    unclear = [g.attack for g in own if g.accuracy_adv_ci[0] <= MAX_ACCURACY < g.accuracy_adv_ci[1]]
    rows = [
        [
            group.attack,
            str(group.n),
            f"{percent(group.accuracy_adv)} {interval(group.accuracy_adv_ci)}",
            _percent(group.asr_correct),
            str(on_boundary(study.results.outcomes(study.records[group.attack]))),
        ]
        for group in own
    ]
    if above:
        return f"does not hold: not for {', '.join(above)}", rows
    return (f"undecided for {', '.join(unclear)}, holds for the others" if unclear else "holds"), rows


def on_boundary(rows: Rows) -> int:
    """Return the number of clips that an attack did not fool, but moved to the boundary between two classes."""
    return sum(row["predicted_adv"] == row["predicted_clean"] and row["margin_adv"] < BOUNDARY for row in rows)


def white_box(study: Study) -> Finding:
    """Check whether attacks that use gradients change more predictions than those that do not."""
    others = [attack for attack in BLACK_BOX if attack in study.attacks]
    return _more_effective(study, [a for a in study.attacks if _uses_gradients(study, a)], others)


def male(study: Study) -> Finding:
    """Check whether attacks that use gradients leave a lower accuracy on male clips than on female ones."""
    own = [study.contrasts[a] for a in study.attacks if a in study.contrasts and _uses_gradients(study, a)]
    rows = [
        [
            contrast.attack,
            _percent(contrast.accuracy_difference),
            _p_value(contrast.accuracy_p_holm),
            _percent(contrast.asr_correct_difference),
            _p_value(contrast.asr_correct_p_holm),
        ]
        for contrast in own
    ]
    signs = [
        np.sign(contrast.accuracy_difference or 0)
        for contrast in own
        if contrast.accuracy_p_holm is not None and contrast.accuracy_p_holm < LEVEL
    ]
    if not own:
        return NO_RESULTS, rows
    if not signs:
        return NOT_SHOWN, rows
    return f"holds for {signs.count(-1)} of {len(own)} attacks, the opposite for {signs.count(1)}", rows


def italian(studies: Sequence[Study]) -> Finding:
    """Check whether Italian clips are more resistant than those of the other languages."""
    differences = [
        (attack, one.language, other.language, *_between_languages(one, other, attack))
        for one, other in combinations(studies, 2)
        for attack in one.attacks
        if attack in other.attacks
    ]
    corrected = holm([1.0 if p_value is None else p_value for *_, p_value in differences])
    rows = [
        [attack, one, other, percent(difference), _p_value(p_value)]
        for (attack, one, other, difference, _), p_value in zip(differences, corrected, strict=True)
    ]
    signs = [
        np.sign(difference) * (1 if one == "Italian" else -1) * (p_value < LEVEL)
        for (_, one, other, difference, _), p_value in zip(differences, corrected, strict=True)
        if "Italian" in (one, other)
    ]
    if not signs:
        return "undecided: EMOVO was not run; the table compares the other languages", rows
    if not any(signs):
        return NOT_SHOWN, rows
    return f"holds in {signs.count(-1)} of {len(signs)} comparisons, the opposite in {signs.count(1)}", rows


def toolbox_differences(study: Study) -> list[Row]:
    """Return, for each attack that was also run through ART, the difference of the ASRs on the clips of both."""
    rows = []
    for name in [name for name in study.records if name.startswith("art_") and name[4:] in study.records]:
        comparison = compare(study.records[name], study.records[name[4:]], study.results.outcomes)
        low, high = comparison.difference_speaker_ci
        agree = "agree" if low <= 0 <= high else "differ"
        rows.append([name[4:], str(comparison.n), f"{percent(comparison.difference)} {interval((low, high))}", agree])
    return rows


def noise_controls(study: Study) -> list[Row]:
    """Return the attacks on features within an epsilon, compared with random noise of the same size."""
    return [
        [
            record.attack,
            str(record.n),
            percent(record.asr),
            percent(record.asr_control),
            f"{percent(record.asr_excess)} {interval(record.asr_excess_speaker_ci)}",
        ]
        for name, record in study.records.items()
        if record.domain == "feature" and record.budget_epsilon is not None and not name.startswith("art_")
        if record.labels_from == "predictions"
    ]


def by_reference_label(study: Study) -> list[Row]:
    """Return the attacks that were run both away from the predictions and away from the true labels."""
    pairs = [(name[:-6], name) for name in study.records if name.endswith("_truth") and name[:-6] in study.records]
    return [
        [record.attack, record.labels_from, str(record.n), percent(record.accuracy_adv), _percent(record.asr_correct)]
        for pair in pairs
        for record in map(study.records.__getitem__, pair)
    ]


def _more_effective(study: Study, firsts: Iterable[str], others: Sequence[str]) -> Finding:
    """Check whether each of the first attacks changes more predictions than each of the others, on the same clips."""
    rows, signs = [], []
    for first in firsts:
        for other in others:
            swapped = (first, other) not in study.pairs
            pair = study.pairs[(other, first) if swapped else (first, other)]
            difference, (low, high) = pair.difference, pair.difference_speaker_ci
            if swapped:
                difference, low, high = -difference, -high, -low
            decided = pair.p_holm < LEVEL and (low > 0 or high < 0)
            signs.append(np.sign(difference) if decided else 0)
            shown = f"{percent(difference)} {interval((low, high))}"
            rows.append([first, other, str(pair.n), shown, _p_value(pair.p_holm)])
    more, less = signs.count(1), signs.count(-1)
    if not signs:
        return NO_RESULTS, rows
    verdict = "holds" if more == len(signs) else "holds in part" if more else "does not hold" if less else "undecided"
    counts = f"{more} with a higher ASR, {less} with a lower ASR, {len(signs) - more - less} undecided"
    return f"{verdict}: of {len(signs)} pairs {counts}", rows


def _between_languages(one: Study, other: Study, attack: str) -> tuple[float, float | None]:
    """Return the ASR among recognised clips in one language minus that in another, and its p-value over speakers."""
    clips = [
        (study.language, f"{study.language} {row['speaker']}", float(row["predicted_adv"] != row["label"]))
        for study in (one, other)
        for row in study.results.outcomes(study.records[attack])
        if row["predicted_clean"] == row["label"]
    ]
    values = np.array([value for *_, value in clips])
    first = np.array([language == one.language for language, *_ in clips])
    p_value = by_permutation(values, [speaker for _, speaker, _ in clips], [language for language, *_ in clips])
    return float(values[first].mean() - values[~first].mean()), p_value


def _uses_gradients(study: Study, attack: str) -> bool:
    """Return whether an attack uses gradients of the model."""
    return ATTACKS[str(study.records[attack].settings["attack"]["name"])].access == "gradient"


def _percent(value: float | None) -> str:
    return UNDEFINED if value is None else percent(value)


def _p_value(value: float | None) -> str:
    return UNDEFINED if value is None else as_text(value)
