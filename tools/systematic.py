"""Write results/systematic/claims.md from published records: `python tools/systematic.py`.

Each claim of arXiv 2404.18514 has a rule, stated on the page, that turns figures into a verdict; what was not run
decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from staanet.attacks import ATTACKS
from staanet.core import records
from staanet.core.records import Record
from staanet.evaluation import pooled
from staanet.evaluation.case import Rows
from staanet.metrics.significance import by_permutation, holm
from staanet.report.page import Outcomes
from staanet.report.sections.comparisons import compare
from staanet.report.sections.gender import ALL, Contrast, Group, contrasts, groups
from staanet.report.sections.pairs import Pair, pairs
from staanet.report.tables import grid
from staanet.report.wording import interval, number, percent
from staanet.study.experiment import load

RESULTS = Path(__file__).resolve().parents[1] / "results"
CORPORA = {"emodb": "German", "ravdess": "English", "emovo": "Italian"}
MODEL = "published"
LEVEL = 0.05
WEAKENED = 0.2
HIGHLIGHTED = ("jsma_1", "pixel_10")
BLACK_BOX = ("pixel_10", "boundary")

Row = list[str]
Told = tuple[str, list[Row]]
"""A verdict and the rows that it follows from."""


@dataclass(frozen=True)
class Run:
    """What a published run says of the attacks that its experiment compares, on the model of the published split."""

    language: str
    compared: Sequence[str]
    records: Mapping[str, Record]
    groups: Mapping[tuple[str, str], Group]
    contrasts: Mapping[str, Contrast]
    pairs: Mapping[tuple[str, str], Pair]
    outcomes: Callable[[Record], Rows]


def read(name: str, folder: Path) -> Run:
    """Read a published run of the systematic evaluation of a corpus."""
    parts = records.read_all(folder)
    outcomes = Outcomes(folder, parts)
    found = [record for record in pooled(parts, outcomes) if record.target == MODEL]
    compared = load(f"systematic_{name}")[1].pairwise
    own = [record for record in found if record.attack in compared]
    return Run(
        CORPORA[name],
        [attack for attack in compared if attack in {record.attack for record in own}],
        {record.attack: record for record in found},
        {(group.attack, group.gender): group for group in groups(own, outcomes)},
        {contrast.attack: contrast for contrast in contrasts(own, outcomes)},
        {(pair.attack, pair.other): pair for pair in pairs(own, outcomes, compared)},
        outcomes,
    )


def weakened(run: Run) -> Told:
    """Judge whether every attack leaves an accuracy of 1 to 20 %."""
    own = [run.groups[attack, ALL] for attack in run.compared]
    above = [group.attack for group in own if group.accuracy_adv_ci[0] > WEAKENED]
    open_ones = [group.attack for group in own if group.accuracy_adv_ci[0] <= WEAKENED < group.accuracy_adv_ci[1]]
    rows = [
        [
            group.attack,
            str(group.n),
            f"{percent(group.accuracy_adv)} {interval(group.accuracy_adv_ci)}",
            "–" if group.asr_correct is None else percent(group.asr_correct),
        ]
        for group in own
    ]
    if above:
        return f"does not hold: not for {', '.join(above)}", rows
    return (f"undecided for {', '.join(open_ones)}, holds for the others" if open_ones else "holds"), rows


def most_effective(run: Run) -> Told:
    """Judge whether JSMA and Pixel change more predictions than each other attack."""
    others = [attack for attack in run.compared if attack not in HIGHLIGHTED]
    return ahead(run, [attack for attack in HIGHLIGHTED if attack in run.compared], others)


def white_box(run: Run) -> Told:
    """Judge whether attacks that see gradients change more predictions than those that do not."""
    seeing = [attack for attack in run.compared if ATTACKS[kind(run.records[attack])].access == "gradient"]
    return ahead(run, seeing, [attack for attack in BLACK_BOX if attack in run.compared])


def kind(record: Record) -> str:
    """Return the registry name of a record's attack."""
    return str(record.settings["attack"]["name"])


def ahead(run: Run, firsts: Iterable[str], others: Sequence[str]) -> Told:
    """Judge whether each of some attacks changes more predictions than each of the others, on the clips of both."""
    rows, signs = [], []
    for first in firsts:
        for other in others:
            turned = (first, other) not in run.pairs
            pair = run.pairs[(other, first) if turned else (first, other)]
            difference, bounds = pair.difference, pair.difference_speaker_ci
            if turned:
                difference, bounds = -difference, (-bounds[1], -bounds[0])
            signs.append(0 if pair.p_holm >= LEVEL else np.sign(difference))
            rows.append([first, other, str(pair.n), f"{percent(difference)} {interval(bounds)}", p(pair.p_holm)])
    more, less = signs.count(1), signs.count(-1)
    if not signs:
        return "undecided: not run", rows
    verdict = "holds" if more == len(signs) else "does not hold" if not more else "holds in part"
    return f"{verdict}: of {len(signs)} pairs {more} ahead, {less} behind, {len(signs) - more - less} undecided", rows


def male(run: Run) -> Told:
    """Judge whether attacks that see gradients leave less accuracy on male clips than on female ones."""
    own = [
        run.contrasts[attack]
        for attack in run.compared
        if attack in run.contrasts and ATTACKS[kind(run.records[attack])].access == "gradient"
    ]
    rows = [
        [
            contrast.attack,
            "–" if contrast.accuracy_difference is None else percent(contrast.accuracy_difference),
            p(contrast.accuracy_p_holm),
            "–" if contrast.asr_correct_difference is None else percent(contrast.asr_correct_difference),
            p(contrast.asr_correct_p_holm),
        ]
        for contrast in own
    ]
    sure = [
        np.sign(contrast.accuracy_difference or 0)
        for contrast in own
        if contrast.accuracy_p_holm is not None and contrast.accuracy_p_holm < LEVEL
    ]
    if not own:
        return "undecided: not run", rows
    if not sure:
        return "does not hold: no difference is larger than speakers differ", rows
    return f"holds for {sure.count(-1)} of {len(own)} attacks, the opposite for {sure.count(1)}", rows


def p(value: float | None) -> str:
    """Return a p-value in three decimals."""
    return "–" if value is None else "< 0.001" if value < 0.001 else number(value, 3)


CLAIMS: dict[str, tuple[str, list[str], Callable[[Run], Told]]] = {
    "All attacks bring the accuracy to 1 to 20 %": (
        "does not hold where the interval of an attack's accuracy lies above 20 %; undecided where it reaches across",
        ["attack", "n", "accuracy %", "ASR among recognised %"],
        weakened,
    ),
    "JSMA and Pixel are the most effective": (
        "holds where each changes more predictions than each other attack, by McNemar's test after Holm's correction",
        ["attack", "against", "n", "difference of the ASRs", "p, Holm"],
        most_effective,
    ),
    "White-box attacks beat black-box attacks": (
        "holds where each attack that sees gradients changes more predictions than Pixel and Boundary, likewise",
        ["attack", "against", "n", "difference of the ASRs", "p, Holm"],
        white_box,
    ),
    "Male speech is more vulnerable to white-box attacks": (
        "holds for an attack that leaves less accuracy on male clips, by permutations of the speakers after Holm's "
        "correction; beside it stands the ASR among recognised clips, which earlier mistakes do not move",
        ["attack", "accuracy, male − female", "p, Holm", "ASR among recognised, male − female", "p, Holm"],
        male,
    ),
}


def languages(runs: Sequence[Run]) -> Told:
    """Judge whether Italian clips resist more, by their speakers against those of the other languages."""
    made = [
        (attack, one.language, other.language, *between(one, other, attack))
        for one, other in combinations(runs, 2)
        for attack in one.compared
        if attack in other.compared
    ]
    corrected = holm([1.0 if value is None else value for *_, value in made])
    rows = [
        [attack, one, other, percent(difference), p(value)]
        for (attack, one, other, difference, _), value in zip(made, corrected, strict=True)
    ]
    signs = [
        np.sign(difference) * (1 if one == "Italian" else -1) * (value < LEVEL)
        for (_, one, other, difference, _), value in zip(made, corrected, strict=True)
        if "Italian" in (one, other)
    ]
    if not signs:
        return "undecided: EMOVO was not run here; the other languages are compared", rows
    return f"holds in {signs.count(-1)} of {len(signs)} comparisons, the opposite in {signs.count(1)}", rows


def between(one: Run, other: Run, attack: str) -> tuple[float, float | None]:
    """Return the ASR among recognised clips of a language less that of another, and its p-value by speakers."""
    clips = [
        (run.language, f"{run.language} {row['speaker']}", float(row["predicted_adv"] != row["label"]))
        for run in (one, other)
        for row in run.outcomes(run.records[attack])
        if row["predicted_clean"] == row["label"]
    ]
    values = np.array([value for *_, value in clips])
    first = np.array([language == one.language for language, *_ in clips])
    value = by_permutation(values, [speaker for _, speaker, _ in clips], [language for language, *_ in clips])
    return float(values[first].mean() - values[~first].mean()), value


def paths(run: Run) -> list[Row]:
    """Return, for each attack through ART, how its ASR differs from ours on the clips of both."""
    rows = []
    for name in [name for name in run.records if name.startswith("art_") and name[4:] in run.records]:
        found = compare(run.records[name], run.records[name[4:]], run.outcomes)
        bounds = found.difference_speaker_ci
        agree = "agree" if bounds[0] <= 0 <= bounds[1] else "differ"
        rows.append([name[4:], str(found.n), f"{percent(found.difference)} {interval(bounds)}", agree])
    return rows


def beside_noise(run: Run) -> list[Row]:
    """Return attacks on features within an epsilon beside random noise of the same size and count."""
    held = [
        record
        for name, record in run.records.items()
        if record.domain == "feature" and record.budget_epsilon is not None and not name.startswith("art_")
    ]
    return [
        [
            record.attack,
            str(record.n),
            percent(record.asr),
            percent(record.asr_control),
            f"{percent(record.asr_excess)} {interval(record.asr_excess_speaker_ci)}",
        ]
        for record in held
        if record.labels_from == "predictions"
    ]


def pitfall(run: Run) -> list[Row]:
    """Return attacks that leave the decision beside the same that leave the truth."""
    rows = []
    for name in [name for name in run.records if name.endswith("_truth") and name[:-6] in run.records]:
        for record in (run.records[name[:-6]], run.records[name]):
            right = "–" if record.asr_correct is None else percent(record.asr_correct)
            rows.append([record.attack, record.labels_from, str(record.n), percent(record.accuracy_adv), right])
    return rows


COUNTED: dict[str, tuple[str, list[str], int, Callable[[Run], list[Row]]]] = {
    "The Toolbox's attacks and ours": (
        "The ASR through ART less ours on the same clips, and whether its interval holds 0.",
        ["attack", "n", "difference of the ASRs", "paths"],
        1,
        paths,
    ),
    "Beside noise of the same size": (
        "What random signs of the same size change at as many features (control), which the publication does not ask. "
        "Where they change nearly as much, the size of the change does the work, not its direction.",
        ["attack", "n", "ASR %", "control %", "excess, points"],
        1,
        beside_noise,
    ),
    "Which labels an attack leaves": (
        "Without true labels an attack leaves the decision, and a clip that was wrong may land on the truth: the "
        "accuracy has a floor that says nothing of robustness. With them it has none.",
        ["attack", "leaves", "n", "accuracy %", "ASR among recognised %"],
        2,
        pitfall,
    ),
}
"""What has no verdict: what is said of it, the headings of its rows, how many of them are words, and its rows."""


def page(runs: Mapping[str, Path]) -> str:
    """Return the page for the published runs of some corpora."""
    read_runs = [read(name, folder) for name, folder in runs.items()]
    lines = [
        "# Claims of the systematic evaluation",
        "What arXiv 2404.18514 claims, on our runs of its published split, which leaks: every speaker, and versions of "
        "most clips, are in training and in the test. All attacks change features, as published. A rule decides each "
        "verdict; what was not run decides nothing.",
        *(
            f"- {run.language}: [{name}](../systematic_{name}/README.md), accuracy before any attack "
            f"{percent(max(run.records.values(), key=lambda record: record.n).accuracy_clean)} %."
            for name, run in zip(runs, read_runs, strict=True)
        ),
    ]
    for claim, (rule, heads, judge) in CLAIMS.items():
        lines += [f"## {claim}", f"*Rule*: {rule}."]
        for run in read_runs:
            verdict, rows = judge(run)
            lines += [f"**{run.language}**: {verdict}.", *([grid(heads, rows, words=1)] if rows else [])]
    verdict, rows = languages(read_runs)
    lines += [
        "## Italian is a little more resistant",
        "*Rule*: holds for an attack that changes fewer of the recognised clips in Italian, by permutations of the "
        "speakers after Holm's correction. Languages differ in emotions, speakers and training as well, so that no "
        "such difference is one of language alone.",
        f"{verdict[0].upper()}{verdict[1:]}.",
        *([grid(["attack", "language", "against", "difference", "p, Holm"], rows, words=3)] if rows else []),
    ]
    for heading, (told, heads, words, found) in COUNTED.items():
        lines += [f"## {heading}", told]
        for run in read_runs:
            if rows := found(run):
                lines += [f"**{run.language}**", grid(heads, rows, words=words)]
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    found = {name: RESULTS / f"systematic_{name}" for name in CORPORA if (RESULTS / f"systematic_{name}").is_dir()}
    (RESULTS / "systematic").mkdir(exist_ok=True)
    (RESULTS / "systematic" / "claims.md").write_text(page(found), encoding="utf-8")
