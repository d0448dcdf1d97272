"""Summary of the results in sentences, and the warnings that a reader needs to interpret them."""

from collections.abc import Sequence

from staanet.core.records import NO_SOURCE, Interval, Record
from staanet.report.wording import SHARED, case, columns, folds_of, key, number, percent, unique

FLAGS = {
    "one_class": "The target predicts one class for most adversarial clips, as it may also do under random noise: the "
    "attack causes a constant answer and does not choose the class of each clip.",
    "comb": "The sample index alone explains nearly all positions that the attack changes: they form a regular grid "
    "that does not depend on the speech, so that the grid may cause part of the effect.",
    "no_excess": "The ASR is inside or below the confidence interval of the control: the attack is not shown to be "
    "stronger than random noise of the same size on the same number of samples.",
    "chance_model": "The accuracy of the target on clean clips is not distinguishable from that of always predicting "
    "the largest class, so that changed predictions say little.",
    "empty_perturbation": "The attack left some clips unchanged.",
    "zero_gradients": "The gradient of the target is zero at some clips: gradient-based attacks seem weaker than they "
    "are.",
    "black_box_ahead": "An attack without gradients is stronger than the gradient-based ones: the gradients are "
    "masked, and the target is less robust than the white-box results suggest.",
    "randomised": "The target returns different logits for the same input: attacks must average over its randomness.",
    "probabilities": "The target returns probabilities instead of logits: gradients are too small, and robustness is "
    "overestimated.",
    "few_speakers": "There are fewer than eight test speakers: the confidence intervals hold for these speakers and "
    "not for others.",
}
"""Meaning of each flag in one sentence; docs/flags.md explains when it is raised and what to do about it."""


def leading(records: Sequence[Record]) -> Record:
    """Return the record with the highest excess, among the records of generators if there are any."""
    return max(_candidates(records), key=lambda r: r.asr_excess)


def _candidates(records: Sequence[Record]) -> Sequence[Record]:
    return [r for r in records if r.generator is not None] or records


def sentences(records: Sequence[Record]) -> list[str]:
    """Return the summary of a run.

    It states the result of the leading record, the same attack on the other targets, how many other attacks are
    stronger than a leading generator, the size of the perturbation, the result on saved audio files, and the accuracy
    of the target.
    """
    lead, fields, candidates = leading(records), columns(records), _candidates(records)
    others = [r for r in records if key(r, fields) == key(lead, fields) and r.target != lead.target]
    speakers = f"{lead.speakers} speakers" + (f", {folds_of(lead)}" if lead.folds else "")
    origin = "which needs no source model"
    if lead.source != NO_SOURCE:
        origin = f"trained against {lead.source}" if lead.generator is not None else f"computed on {lead.source}"
    kind = " of generators" if len(candidates) < len(records) else ""
    among = f" This is the highest excess of {len(candidates)} records{kind}." if len(candidates) > 1 else ""
    text = [
        f"On {lead.n} clips of {lead.corpus} ({speakers}), {lead.attack}, {origin}, changed "
        f"{_rate(lead)} of the predictions of {_relation(lead)}{_excess(lead)}.{among}"
    ]
    text += [f"On {_relation(other)}, it changed {_rate(other)}{_excess(other)}." for other in others]
    text += _stronger_attacks(lead, [r for r in records if r not in candidates])
    size = "" if lead.snr_peak_db is None else f", at a peak SNR of {number(lead.snr_peak_db)} dB"
    text.append(f"The attack changed {percent(lead.sparsity)} % of the samples{size}.")
    if lead.asr_saved is not None:
        text.append(
            f"After the adversarial clips were written to 24-bit files and read back, they changed "
            f"{percent(lead.asr_saved, 0)} % of the predictions of {lead.target}."
        )
    text.append(
        f"{lead.target} classified {percent(lead.accuracy_clean, 0)} % of these clips correctly before the attack and "
        f"{percent(lead.accuracy_adv, 0)} % after it."
    )
    return [sentence.replace(" %", "\N{NO-BREAK SPACE}%") for sentence in text]


def _stronger_attacks(lead: Record, others: Sequence[Record]) -> list[str]:
    """Return a sentence on the other attacks with the same source and target, on the same clips, in the same budget."""
    same = ("source", "target", "n", *SHARED)
    rivals = [r for r in others if all(getattr(r, field) == getattr(lead, field) for field in same)]
    stronger = sorted((r for r in rivals if r.asr > lead.asr), key=lambda r: r.asr)
    if not rivals:
        return []
    where = "on the same clips within the same budget"
    if not stronger:
        return [f"No other attack {where} changed more predictions."]
    best = stronger[-1]
    return [
        f"{len(stronger)} of {len(rivals)} other attacks {where} changed more predictions; the strongest is "
        f"{best.attack}, which changed {_rate(best)}{_excess(best)}."
    ]


def _relation(record: Record) -> str:
    if record.target == record.source:
        return f"{record.target} itself (white-box)"
    if record.source == NO_SOURCE:
        return record.target
    return f"{record.target}, to which the attack had no access (transfer)"


def _rate(record: Record) -> str:
    return f"{percent(record.asr, 0)} % (95 % interval {_span(record.asr_speaker_ci)} %)"


def _excess(record: Record) -> str:
    low, high = record.asr_excess_speaker_ci
    excess = f"{percent(record.asr_excess, 0)} points ({_span(record.asr_excess_speaker_ci)})"
    control = (
        f"; random noise of the same size on the same number of samples changed {percent(record.asr_control, 0)} %, so "
        "that the excess is"
    )
    doubt = ", which is not significantly different from zero" if low <= 0 <= high else ""
    return f"{control} {excess}{doubt}"


def _span(bounds: Interval) -> str:
    return f"{percent(bounds[0], 0)} to {percent(bounds[1], 0)}"


def flags(records: Sequence[Record]) -> list[tuple[str, str, list[str]]]:
    """Return each flag that was raised, its meaning, and the names of the records that have it."""
    fields = columns(records)
    return [
        (flag, FLAGS.get(flag, "See docs/flags.md."), [case(r, fields) for r in records if flag in r.flags])
        for flag in sorted({flag for r in records for flag in r.flags})
    ]


def notes(records: Sequence[Record]) -> list[tuple[str, str, list[str]]]:
    """Return each field that has a note, the note, and the names of the records that have it."""
    fields = columns(records)
    return [
        (name, reason, [case(r, fields) for r in records if r.notes.get(name) == reason])
        for name, reason in unique(item for r in records for item in r.notes.items())
    ]


def provenance_warnings(records: Sequence[Record]) -> list[str]:
    """Return a warning for everything in the provenance of records that makes them hard to compare or to reproduce."""
    commits = unique(r.commit for r in records)
    warnings = []
    if len(commits) > 1:
        warnings.append(
            "The records come from different commits. Compare them with care, or run the experiment again with --fresh."
        )
    if any(r.tree_clean is False for r in records):
        warnings.append("Some records were computed with uncommitted changes.")
    if None in commits:
        warnings.append("The commit of some records is not known.")
    return warnings
