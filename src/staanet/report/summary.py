"""What the records say, in plain sentences that claim no more than they do."""

from collections.abc import Sequence

from staanet.core.records import NO_SOURCE, Interval, Record
from staanet.report.wording import SHARED, case, columns, folds_of, key, number, percent, unique

FLAGS = {
    "one_class": "One class takes most of the predictions on the attacked clips, as it can under noise: a constant "
    "answer rather than a finely made one.",
    "comb": "The sample index alone explains nearly all of the positions: a regular grid, whatever is said, so part of "
    "the effect may be the grid's.",
    "no_excess": "The ASR lies inside the control's interval or below it: the attack is not shown to do more than "
    "random noise of the same size and count.",
    "chance_model": "The target's accuracy on the clean clips cannot be told from always saying one class, so a "
    "changed prediction says little.",
    "empty_perturbation": "Some clips came back unchanged.",
    "zero_gradients": "At some clips the target has no gradient to follow: attacks that need one look weaker than they "
    "are.",
    "black_box_ahead": "An attack without gradients beats those that see them: the gradients mislead, and the "
    "target is less robust than the white-box figures say.",
    "randomised": "The target answers differently when asked again: attacks must average over its answers.",
    "probabilities": "The target gives probabilities instead of logits: gradients are flattened, and figures too kind.",
    "few_speakers": "Fewer than eight test speakers: the intervals speak of these voices, not of others.",
}
"""What a flag means, in a sentence; docs/flags.md says when it is raised and what to do."""


def leading(records: Sequence[Record]) -> Record:
    """Return the record with the highest excess, among those of generators if there are any."""
    return max(_candidates(records), key=lambda r: r.asr_excess)


def _candidates(records: Sequence[Record]) -> Sequence[Record]:
    return [r for r in records if r.generator is not None] or records


def sentences(records: Sequence[Record]) -> list[str]:
    """Return the summary: the leading record, the same attack on the other targets, size, saved audio, recognition.

    Where the leading attack is a generator's, it is also said how many attacks of other kinds went beyond it.
    """
    lead, fields, candidates = leading(records), columns(records), _candidates(records)
    others = [r for r in records if key(r, fields) == key(lead, fields) and r.target != lead.target]
    speakers = f"{lead.speakers} speakers" + (f", {folds_of(lead)}" if lead.folds else "")
    made = "made without a source"
    if lead.source != NO_SOURCE:
        made = f"trained against {lead.source}" if lead.generator is not None else f"made on {lead.source}"
    kind = " of generators" if len(candidates) < len(records) else ""
    among = f" This is the highest excess of {len(candidates)} records{kind}." if len(candidates) > 1 else ""
    said = [
        f"On {lead.n} clips of {lead.corpus} ({speakers}), {lead.attack}, {made}, changed "
        f"{_rate(lead)} of the predictions of {_relation(lead)}{_excess(lead)}.{among}"
    ]
    said += [f"On {_relation(other)}, it changed {_rate(other)}{_excess(other)}." for other in others]
    said += _ahead(lead, [r for r in records if r not in candidates])
    size = "" if lead.snr_peak_db is None else f", at a peak SNR of {number(lead.snr_peak_db)} dB"
    said.append(f"The attack changed {percent(lead.sparsity)} % of the samples{size}.")
    if lead.asr_saved is not None:
        said.append(
            f"Written to 24-bit files and read back, its audio changed {percent(lead.asr_saved, 0)} % of the "
            f"predictions of {lead.target}."
        )
    said.append(
        f"{lead.target} recognised {percent(lead.accuracy_clean, 0)} % of these clips before the attack and "
        f"{percent(lead.accuracy_adv, 0)} % after it."
    )
    return [sentence.replace(" %", "\N{NO-BREAK SPACE}%") for sentence in said]


def _ahead(lead: Record, others: Sequence[Record]) -> list[str]:
    """Return a sentence on those that met the same clips within the same budget, made on the same source."""
    same = ("source", "target", "n", *SHARED)
    rivals = [r for r in others if all(getattr(r, field) == getattr(lead, field) for field in same)]
    ahead = sorted((r for r in rivals if r.asr > lead.asr), key=lambda r: r.asr)
    if not rivals:
        return []
    where = "on the same clips within the same budget"
    if not ahead:
        return [f"No other attack {where} changed more."]
    best = ahead[-1]
    return [
        f"{len(ahead)} of {len(rivals)} other attacks {where} changed more, {best.attack} the most: "
        f"{_rate(best)}{_excess(best)}."
    ]


def _relation(record: Record) -> str:
    if record.target == record.source:
        return f"{record.target} itself (white-box)"
    if record.source == NO_SOURCE:
        return record.target
    return f"{record.target}, unseen by the attack (transfer)"


def _rate(record: Record) -> str:
    return f"{percent(record.asr, 0)} % (95 % interval {_span(record.asr_speaker_ci)} %)"


def _excess(record: Record) -> str:
    low, high = record.asr_excess_speaker_ci
    excess = f"{percent(record.asr_excess, 0)} points ({_span(record.asr_excess_speaker_ci)})"
    control = f"; random noise of the same size and count changed {percent(record.asr_control, 0)} %, so the excess is"
    doubt = ", not clearly different from zero" if low <= 0 <= high else ""
    return f"{control} {excess}{doubt}"


def _span(bounds: Interval) -> str:
    return f"{percent(bounds[0], 0)} to {percent(bounds[1], 0)}"


def flags(records: Sequence[Record]) -> list[tuple[str, str, list[str]]]:
    """Return each flag that was raised, its sentence, and the records that it was raised in."""
    fields = columns(records)
    return [
        (flag, FLAGS.get(flag, "See its paragraph."), [case(r, fields) for r in records if flag in r.flags])
        for flag in sorted({flag for r in records for flag in r.flags})
    ]


def notes(records: Sequence[Record]) -> list[tuple[str, str, list[str]]]:
    """Return each field that has a note, the note, and the records that it stands in."""
    fields = columns(records)
    return [
        (name, reason, [case(r, fields) for r in records if r.notes.get(name) == reason])
        for name, reason in unique(item for r in records for item in r.notes.items())
    ]


def doubts(records: Sequence[Record]) -> list[str]:
    """Return what keeps the records from being made again or compared: their commits and trees."""
    commits = unique(r.commit for r in records)
    said = []
    if len(commits) > 1:
        said.append("The records come from different commits; compare them with care, or run again with --fresh.")
    if any(r.tree_clean is False for r in records):
        said.append("Some records come from a tree with uncommitted changes.")
    if None in commits:
        said.append("Some records do not name the commit that they come from.")
    return said
