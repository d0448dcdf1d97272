"""The evidence file: what was measured and what was not, for the person who must sign for the use of a model."""

import logging
from collections.abc import Sequence
from pathlib import Path

from staanet.assessment import wording
from staanet.assessment.certified import beside
from staanet.assessment.compare import wording as compare_wording
from staanet.assessment.protected import wording as protected_wording
from staanet.assessment.result import Evaluation
from staanet.assessment.runs import CLIPS, FILE
from staanet.audio.corruptions import CORRUPTIONS
from staanet.core import markup
from staanet.core.files import write_text
from staanet.core.signature import file_digest
from staanet.report.wording import interval, percent

logger = logging.getLogger(__name__)

NAME = "evidence.md"
"""Name of the file."""

BLANK = "[TO BE FILLED IN: "
"""Start of every blank that only the user can fill in."""

SEVERITIES = range(1, 6)
"""Severities of a corruption."""

ACCESS = {
    "gradient": "White-box: the weights, and with them gradients. Black-box attacks count where they did better.",
    "scores": "Black-box with score queries: the attacker sees the scores of any clip, but not the weights.",
    "decision": "Black-box with decision queries: the attacker sees only the decision on any clip.",
}
"""Knowledge of the attacker by the access that the model gives."""


def write(found: Evaluation, folder: Path) -> None:
    """Write the evidence file next to the files whose hashes it contains.

    A file in which somebody has filled in blanks is kept; the new text is then written to another file.

    Args:
        found: The evaluation.
        folder: Folder with `evaluation.json` and `clips.json`.
    """
    made = text(found, {name: file_digest(folder / name) for name in (FILE, CLIPS)})
    path = folder / NAME
    if path.is_file() and path.read_text(encoding="utf-8").count(BLANK) < made.count(BLANK):
        path = folder / f"new-{NAME}"
        logger.warning("%s has entries of yours and stays as it is; the new text is in %s", NAME, path.name)
    write_text(path, made)


def text(found: Evaluation, files: dict[str, str]) -> str:
    """Return the evidence file.

    Args:
        found: The evaluation.
        files: SHA-256 of the files of the evaluation by their names.
    """
    sections = [
        ("Intended purpose", _purpose(found)),
        ("Refused uses", REFUSED),
        ("Threat model", _threat_model(found)),
        *((("Protection of the model", _protection(found)),) if found.about.get("protection") else ()),
        ("Declared metrics", _metrics(found)),
        *((("What is proven", _proven(found)),) if found.certificate is not None else ()),
        ("Corruptions that nobody intends", _corruptions(found)),
        ("Thresholds", _thresholds(found)),
        ("Reservations", _reservations(found)),
        ("What was tested: hashes", _hashes(found, files)),
        ("What was not tested", _not_tested(found)),
        ("When to test again", AGAIN),
        ("Decision", DECISION),
    ]
    body = [line for title, lines in sections for line in (f"## {title}", "", *lines, "")]
    return "\n".join([f"# Evidence on the robustness of {markup.markdown(found.model)}", "", *INTRODUCTION, "", *body])


def _blank(what: str) -> str:
    return f"**{BLANK}{what}]**"


INTRODUCTION = (
    "This file collects measurements for the person who decides whether this model may be used. It is neither a legal "
    "opinion nor an approval, and measurements alone decide nothing. Articles are those of Regulation (EU) 2024/1689 "
    f"(AI Act). What only you can know is marked {_blank('...')}.",
)

REFUSED = (
    "- Inferring emotions of people at work or in education is prohibited in the European Union, except for medical or "
    "safety reasons (Article 5(1)(f)). This model must not be used for it.",
    "- Other uses of emotion recognition are listed as high-risk (Annex III, point 1(c)).",
    "- Whoever deploys an emotion recognition system must inform the people who are exposed to it, and process their "
    "personal data under data protection law (Article 50(3)).",
    f"- {_blank('further uses that you refuse')}",
)

AGAIN = (
    "- After every change of the weights, of the preprocessing, of the labels or of the sampling rate.",
    "- Before use with speakers, languages, microphones or channels that the clips do not contain.",
    "- When a new version of the ensemble of attacks appears, or an attack that is stronger becomes known.",
    "- After an incident in which the model was misled.",
    f"- At the latest {_blank('date or interval')}.",
)

DECISION = (
    f"- Decision and reasons: {_blank('decision and reasons')}",
    f"- Name, role, date: {_blank('name, role, date')}",
)


def _purpose(found: Evaluation) -> Sequence[str]:
    labels = ", ".join(found.about["settings"]["labels"])
    return (
        f"- Model: {markup.markdown(found.model)}, which assigns a clip of speech to one of {labels}.",
        f"- Provider and deployer: {_blank('names')}",
        f"- Purpose: {_blank('what the decisions of the model are used for')}",
        f"- People concerned, and how they are informed: {_blank('who, and how')}",
        f"- Effect of a wrong decision, and who can correct it: {_blank('effect, and human oversight')}",
    )


def _threat_model(found: Evaluation) -> Sequence[str]:
    about = found.about
    curve = [point for point in found.curve if point.sparsity == 1]
    sparse = [point for point in found.curve if point.sparsity != 1]
    few = ""
    if sparse:
        largest = f"{100 * sparse[-1].sparsity:g} %"
        few = f" Also: changes of one sample to {largest} of the samples, up to {sparse[0].snr_db:g} dB below the peak."
    return (
        "In the terms of NIST AI 100-2 E2025 (Adversarial Machine Learning: A Taxonomy and Terminology):",
        "",
        "- System: predictive AI; stage of the attack: deployment.",
        "- Attack: evasion, by adversarial examples. Goal: an integrity violation, which is any wrong decision "
        "(untargeted).",
        f"- Knowledge: {ACCESS[about['access']]}",
        "- Capability: testing data control, which is changing the digital recording before the model receives it, in "
        f"every sample by at most {curve[0].snr_db:g} to {curve[-1].snr_db:g} dB below the peak of the clip.{few}",
        f"- Form: clips count as saved {about['saved']}.",
        f"- Attacks: {', '.join(about['attacks'])} (ensemble {about['settings']['ensemble']}, preset "
        f"{about['settings']['preset']}, seed {about['settings']['seed']}); the worst case over all of them counts.",
        f"- Attackers to be expected in this use: {_blank('who, with what access')}",
    )


def _protection(found: Evaluation) -> Sequence[str]:
    """Return the defence, its gradient, the draws of its attacker, and what each attacker knows."""
    about = found.about["protection"]
    names = about["attackers"]
    return (
        *(f"- {line}" for line in protected_wording.lines(found)),
        *(f"- The {name} attacker {protected_wording.ATTACKERS[name]}." for name in names),
    )


def _proven(found: Evaluation) -> Sequence[str]:
    certificate = found.certificate
    rows = [
        f"| {point.name} | {percent(point.accuracy)} | {interval(point.accuracy_ci)} | {percent(point.uar)} |"
        for point in certificate.points
    ]
    return (
        *(f"- {line}" for line in beside.sentences(certificate)),
        f"- Smoothing: {protected_wording.described({'name': certificate.smoothing, **certificate.settings})}.",
        "",
        "| budget | right and provably so, % | 95 % interval | the same as UAR, % |",
        "| --- | --- | --- | --- |",
        *rows,
    )


def _metrics(found: Evaluation) -> Sequence[str]:
    rows = [
        f"| robust accuracy, {point.name} | {percent(point.accuracy_robust)} | {interval(point.accuracy_robust_ci)} |"
        for point in found.curve
    ]
    noise = [
        f"| accuracy under noise, {point.name} | {percent(point.accuracy_noise)} | "
        f"{interval(point.accuracy_noise_ci)} |"
        for point in found.curve
        if point.sparsity == 1
    ]
    groups = [
        f"- Largest gap of robust accuracy by {group.by} at {found.reference}: {percent(group.gap)} points "
        f"(p = {group.p_value:.3f})."
        for group in found.groups
    ]
    return (
        "For the instructions of use, which declare levels of accuracy and their metrics (Article 15(3)), and on "
        "adversarial examples (Article 15(5)):",
        "",
        "| metric | value, % | 95 % interval |",
        "| --- | --- | --- |",
        f"| accuracy, clean | {percent(found.accuracy_clean)} | {interval(found.accuracy_clean_ci)} |",
        f"| unweighted average recall, clean | {percent(found.uar_clean)} | – |",
        f"| accuracy of a guess | {percent(found.chance)} | – |",
        *rows,
        *noise,
        "",
        wording.headline(found),
        wording.breaks(found),
        "",
        *groups,
    )


def _corruptions(found: Evaluation) -> Sequence[str]:
    if not found.corruptions:
        return ("None was tested.",)
    rows = [
        f"| {one.corruption} | {one.severity} | {one.level} | {percent(one.accuracy)} | {interval(one.accuracy_ci)} |"
        for one in found.corruptions
    ]
    return (
        "Severities go from 1 to 5.",
        "",
        "| corruption | severity | level | accuracy, % | 95 % interval |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    )


def _untested_corruptions(found: Evaluation) -> Sequence[str]:
    """Return which corruptions, and which severities of the others, were not tested."""
    severities: dict[str, set[int]] = {name: set() for name in CORRUPTIONS}
    for one in found.corruptions:
        severities.setdefault(one.corruption, set()).add(one.severity)
    lacking = [name for name, tested in severities.items() if not tested]
    partly: dict[tuple[int, ...], list[str]] = {}
    for name, tested in severities.items():
        if tested and (missing := tuple(sorted(set(SEVERITIES) - tested))):
            partly.setdefault(missing, []).append(name)
    return (
        *((f"- Corruptions: {', '.join(lacking)}.",) if lacking else ()),
        *(f"- Severities {', '.join(map(str, each))} of {', '.join(names)}." for each, names in partly.items()),
        "- Corruptions of other kinds, several at once, and recordings that are corrupted by other devices.",
    )


def _thresholds(found: Evaluation) -> Sequence[str]:
    if not found.verdict:
        return (f"No thresholds were stated. {_blank('thresholds with reasons, or why there are none')}",)
    return tuple(
        f"- {line.result}: {line.key}, demanded {percent(line.least)} %, measured {percent(line.value)} % "
        f"{interval(line.ci)}. Reason: {markup.markdown(line.reason) or _blank('reason')}"
        for line in found.verdict
    )


def _reservations(found: Evaluation) -> Sequence[str]:
    flags = [f"- {name}: {meaning}." for name, meaning in found.flags.items()] or ["- No flag was raised."]
    baseline = [] if found.baseline is None else [f"- Baseline: {compare_wording.headline(found.baseline)}"]
    return (
        *flags,
        *baseline,
        f"- Whether the model was trained on these clips or speakers: {_blank('yes, no, or unknown')}",
    )


def _hashes(found: Evaluation, files: dict[str, str]) -> Sequence[str]:
    about = found.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    code = "not a git checkout"
    if about["commit"]:
        code = f"commit {about['commit']}{'' if about['tree_clean'] else ', with changes that are not committed'}"
    return (
        *(f"- Model, {key}: `{value}`" for key, value in about["identity"].items() if key not in ("model", "defence")),
        f"- Data: {about['corpus']}, {found.n} clips of {about['speakers']} speakers at {about['sample_rate']} Hz, "
        f"`{about['data']}`",
        f"- Settings, model and clips together: `{about['signature']}`",
        *(f"- {name}, SHA-256: `{digest}`" for name, digest in files.items()),
        f"- Code: staanet ({code})",
        f"- Versions: {versions}",
        f"- Device: {about['device']}",
    )


def _not_tested(found: Evaluation) -> Sequence[str]:
    access = found.about["access"]
    gradients = (
        () if access == "gradient" else ("- Attacks with gradients: an attacker who has the weights is stronger.",)
    )
    return (
        *gradients,
        "- Stronger or longer attacks than those named above; robust accuracy is an upper bound.",
        *(f"- {line}" for line in protected_wording.untested(found.about.get("protection"))),
        *_untested_corruptions(found),
        "- Attacks over the air (loudspeaker, room, microphone), and changes beyond the budgets named above.",
        "- Targeted attacks, which aim at a certain emotion.",
        "- Poisoning of the training data or of the model, and privacy attacks such as model extraction and membership "
        "inference.",
        "- The system around the model: segmentation, other inputs, access control, the reaction of people.",
        "- Speakers, languages, emotions and recording conditions that the clips do not contain.",
        "- Whether the labels are what people felt: acted or perceived emotion is not felt emotion.",
        f"- {_blank('what else was not tested')}",
    )
