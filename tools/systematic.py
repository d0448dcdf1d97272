"""Write results/systematic-claims.md from published studies: `python tools/systematic.py`.

Each claim of arXiv 2404.18514 has a rule, which the page states, that turns figures into a verdict. There is no verdict
on what was not run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import systematic_checks as checks
import systematic_distances as distances
from systematic_checks import LANGUAGES, Finding, Row, Study

from staanet.report.tables import grid
from staanet.report.wording import percent

RESULTS = Path(__file__).resolve().parents[1] / "results"
PAGE = RESULTS / "systematic-claims.md"


@dataclass(frozen=True)
class Claim:
    """A claim of the publication, the rule for its verdict, the headings of its table, and its check."""

    text: str
    rule: str
    headings: Sequence[str]
    check: Callable[[Study], Finding]


@dataclass(frozen=True)
class Observation:
    """A table without a verdict.

    Args:
        heading: Heading of its section.
        text: Explanation.
        headings: Headings of its columns.
        words: Number of columns on the left that hold words.
        rows: Function that returns its rows.
    """

    heading: str
    text: str
    headings: Sequence[str]
    words: int
    rows: Callable[[Study], list[Row]]


PAIR = ("attack", "against", "n", "difference of the ASRs", "p, Holm")

CLAIMS = (
    Claim(
        "All attacks bring the accuracy to 1 to 20 %",
        "does not hold if the confidence interval of an accuracy lies above 20 %, undecided if it includes 20 %. *On "
        "the boundary*: clips that are not fooled, but whose margin the attack reduced to less than 0.001 in logits; "
        "if there are many, the attack stops before it crosses the boundary, and its accuracy is too high",
        ("attack", "n", "accuracy %", "ASR among recognised %", "on the boundary"),
        checks.lower_accuracy,
    ),
    Claim(
        "JSMA and Pixel are the most effective with minimal perturbations",
        "holds in a norm if each needs a smaller change than each other attack to fool a clip, by McNemar's test after "
        "Holm's correction and by the interval, which allows for clips of a speaker to resemble each other; undecided "
        "if no pair contradicts it but some are undecided. The change is the smallest one with which any setting of "
        "the attack fools the clip, and infinite if none does. The table has the share of clips for which the attack "
        "needs the smaller change, minus the share for which the other one does, in points. The publication measures "
        "perturbations by the mean absolute change, which corresponds to L1",
        ("attack", "against", "n", *distances.NORMS.values()),
        distances.minimal_perturbation,
    ),
    Claim(
        "White-box attacks beat black-box attacks",
        "holds if each attack that uses gradients changes more predictions than Pixel and Boundary, by McNemar's test "
        "after Holm's correction and by the interval, whatever the size of the changes",
        PAIR,
        checks.white_box,
    ),
    Claim(
        "Male speech is more vulnerable to white-box attacks",
        "holds for an attack that leaves a lower accuracy on male clips, by permutations of the speakers after Holm's "
        "correction, undecided if no difference is significant; the table also has the ASR among recognised clips, "
        "which does not depend on earlier mistakes",
        (
            *("attack", "accuracy, male − female", "p, Holm"),
            *("ASR among recognised, male − female", "p, Holm"),
        ),
        checks.male,
    ),
)

OBSERVATIONS = (
    Observation(
        "The least change that fools a clip",
        "For each attack on features with all its settings: the share of clips that some setting fools, and over these "
        "clips the median of the least change, in standard deviations of a feature (L0: number of features).",
        ("attack", "n", "fooled %", *distances.NORMS.values()),
        1,
        distances.least_changes,
    ),
    Observation(
        "Features and waveform",
        "The share of clips, in %, that some setting of an attack fools within a Euclidean distance of the clean "
        "features, in standard deviations of a feature, with 95 % intervals over clips; for an attack on the waveform, "
        "after the front end. *Times DeepFool*: the distance that the attack needs divided by that of DeepFool on "
        "features, as the median over the clips that both fool. Attacks on the waveform do not minimise this distance, "
        "so that the factor is an upper bound.",
        ("attack", "domain", "n", *(f"within {radius:g}" for radius in distances.RADII), "times DeepFool"),
        2,
        distances.nearest_by_domain,
    ),
    Observation(
        "The Toolbox's attacks and ours",
        "The ASR through the Adversarial Robustness Toolbox (ART) minus ours on the same clips. The implementations "
        "agree if the confidence interval includes 0.",
        ("attack", "n", "difference of the ASRs", "implementations"),
        1,
        checks.toolbox_differences,
    ),
    Observation(
        "Compared with noise of the same size",
        "The control is the share of predictions that random signs of the same size on as many features change, which "
        "the publication does not report. If it is nearly as large as the ASR, the effect comes from the size of the "
        "perturbation and not from its direction.",
        ("attack", "n", "ASR %", "control %", "excess, points"),
        1,
        checks.noise_controls,
    ),
    Observation(
        "Away from the prediction or from the true label",
        "An attack without true labels moves a clip away from its prediction, and a clip that was misclassified may be "
        "moved to its true label: the accuracy then has a lower bound that says nothing about robustness. With true "
        "labels there is no such bound.",
        ("attack", "away from", "n", "accuracy %", "ASR among recognised %"),
        2,
        checks.by_reference_label,
    ),
)


def page(folders: Mapping[str, Path]) -> str:
    """Return the page in Markdown.

    Args:
        folders: Folders of the published studies, by the name of their corpus.
    """
    studies = {corpus: checks.read(corpus, folder) for corpus, folder in folders.items()}
    lines = [
        "# Claims of the systematic evaluation",
        "Claims of arXiv 2404.18514, tested on its published split. This split leaks: all speakers, and augmented "
        "versions of most clips, are in both the training and the test set. All attacks change features, as published. "
        "A rule decides each verdict; there is no verdict on what was not run.",
        *(_introduction(corpus, study) for corpus, study in studies.items()),
    ]
    for claim in CLAIMS:
        lines += [f"## {claim.text}", f"*Rule*: {claim.rule}."]
        for study in studies.values():
            verdict, rows = claim.check(study)
            lines += [f"**{study.language}**: {verdict}.", *([grid(claim.headings, rows, words=1)] if rows else [])]
    lines += _italian(list(studies.values()))
    for observation in OBSERVATIONS:
        lines += [f"## {observation.heading}", observation.text]
        for study in studies.values():
            if rows := observation.rows(study):
                lines += [f"**{study.language}**", grid(observation.headings, rows, words=observation.words)]
    return "\n\n".join(lines) + "\n"


def _introduction(corpus: str, study: Study) -> str:
    """Return a line with a link to a study, and the accuracy of its model on the record with the most clips."""
    accuracy = max(study.records.values(), key=lambda record: record.n).accuracy_clean
    link = f"[{corpus}](systematic_{corpus}/README.md)"
    return f"- {study.language}: {link}, accuracy before any attack {percent(accuracy)} %."


def _italian(studies: Sequence[Study]) -> list[str]:
    """Return the section on the claim that compares languages."""
    verdict, rows = checks.italian(studies)
    headings = ["attack", "language", "against", "difference", "p, Holm"]
    return [
        "## Italian is a little more resistant",
        "*Rule*: holds for an attack that changes fewer of the recognised clips in Italian, by permutations of the "
        "speakers after Holm's correction, undecided if no difference is significant. Languages differ in emotions, "
        "speakers and training as well, so that no such difference can be attributed to the language alone.",
        f"{verdict[0].upper()}{verdict[1:]}.",
        *([grid(headings, rows, words=3)] if rows else []),
    ]


def published_studies() -> dict[str, Path]:
    """Return the folders of the studies that are published, by the name of their corpus."""
    places = {corpus: RESULTS / f"systematic_{corpus}" for corpus in LANGUAGES}
    return {corpus: place for corpus, place in places.items() if place.is_dir()}


if __name__ == "__main__":
    PAGE.write_text(page(published_studies()), encoding="utf-8")
    print(PAGE)
