"""Summary of the results in sentences, and the warnings that a reader needs to interpret them."""

from collections.abc import Sequence

from staanet.core.records import NO_SOURCE, Interval, Record
from staanet.metrics import SPEAKERS
from staanet.report.results import Results
from staanet.report.sections import robustness
from staanet.report.wording import SHARED, as_text, budget, case, columns, folds_of, key, number, percent, unique

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
    "batch_dependent": "The answer of the target for a clip depends on the other clips of its batch: the numbers hold "
    "for these batches only.",
    "padding_dependent": "The answer of the target for a clip depends on the zeros behind it: the numbers hold for "
    "clips that are padded in the same way.",
    "training_mode": "The target, or a part of it, is in training mode: it answers otherwise than in use.",
    "nonfinite_gradients": "Some gradients of the attack were not finite and counted as zero: the attack is weaker "
    "than it could be, and robustness is overestimated.",
    "noise_sensitive": "Noise alone changes more than a quarter of the predictions of the target: the budget is loud "
    "for this model, and a smaller one says more about attacks.",
    "few_speakers": "There are fewer than eight test speakers: the confidence intervals hold for these speakers and "
    "not for others.",
}
"""Meaning of each flag in one sentence; docs/flags.md explains when it is raised and what to do about it."""

MOST_NAMED = 6
"""Largest number of records with a flag that a page names."""


def sentences(results: Results) -> list[str]:
    """Return the summary of a run.

    It states the robust accuracy of the target in the case that the experiment names or, without one, in the worst
    case, how the case was chosen, what its intervals assume, the worst case over all attacks, the share of predictions
    that the attack and noise changed, the same attack on the other targets, the size of the perturbation, and the
    result on saved audio files.
    """
    lead, records = results.lead, results.records
    fields = columns(records)
    relation = _relation(lead) + ("," if "," in _relation(lead) else "")
    others = [r for r in records if key(r, fields) == key(lead, fields) and r.target != lead.target]
    text = [
        f"Under {lead.attack}, {_origin(lead)}, the robust accuracy of {relation} is {_robust(lead)}, where "
        f"chance is {percent(lead.chance, 0)} % and the accuracy before the attack {percent(lead.accuracy_clean, 0)} "
        "%.",
        _choice(results),
        f"The robust UAR is {percent(lead.robust_uar, 0)} %, the UAR before the attack {percent(lead.uar_clean, 0)} %.",
        *_folds(results),
        *_worst_case(results),
        f"The attack changed {_rate(lead)} of the predictions{_excess(lead)}.",
        *map(_on_another_target, others),
        *_loud_budgets(records),
        f"The case has {lead.n} clips of {lead.corpus} by {lead.speakers} speakers"
        + (f" ({folds_of(lead)})" if lead.folds else "")
        + (", too few for intervals that cover other speakers." if lead.speakers < SPEAKERS else "."),
    ]
    size = "" if lead.snr_peak_db is None else f", at a peak SNR of {number(lead.snr_peak_db)} dB"
    changed = "samples" if lead.domain == "waveform" else "features"
    text.append(f"The attack changed {percent(lead.sparsity)} % of the {changed}{size}.")
    if lead.asr_saved is not None:
        text.append(
            f"After the adversarial clips were written to 24-bit files and read back, they changed "
            f"{percent(lead.asr_saved, 0)} % of the predictions of {lead.target}."
        )
    return [sentence.replace(" %", "\N{NO-BREAK SPACE}%") for sentence in text]


def _choice(results: Results) -> str:
    """Return how the case was chosen."""
    if results.named is not None:
        return "The experiment names this case as its headline."
    missing = ", since the case that the experiment names has no record" if results.layout.headline else ""
    if len(results.records) == 1:
        return f"This is the only case of the run{missing}."
    return (
        f"No case was named beforehand{missing}: this is the lowest robust accuracy of {len(results.records)} cases, "
        "chosen after the fact, so that its interval flatters the attack."
    )


def _folds(results: Results) -> list[str]:
    """Return what holds with the fold as the unit, and without the folds on which settings were chosen."""
    lead, others = results.lead, results.lead_without_selection
    text = []
    if lead.robust_accuracy_fold_ci is not None and lead.asr_excess_fold_ci is not None:
        text.append(
            f"Each of the {len(lead.folds)} folds trains its own models. With the fold as the unit, as for a claim "
            f"about other trainings, the 95 % interval of robust accuracy is {_span(lead.robust_accuracy_fold_ci)} %, "
            f"and that of the excess {_span(lead.asr_excess_fold_ci)} points."
        )
    if others is not None:
        chosen = sorted(set(lead.folds) & set(results.layout.selection_folds))
        text.append(
            f"Settings were chosen on fold{'s' if len(chosen) > 1 else ''} {as_text(tuple(chosen))}, where results may "
            f"be too good. Over {folds_of(others, planned=False)} alone, the robust accuracy is {_robust(others)}, "
            f"instead of {percent(lead.robust_accuracy, 0)} % over all folds; the ASR is {percent(others.asr, 0)} "
            f"instead of {percent(lead.asr, 0)} %, and the excess {percent(others.asr_excess)} instead of "
            f"{percent(lead.asr_excess)} points."
        )
    return text


def _worst_case(results: Results) -> list[str]:
    """Return a sentence on the worst case over all attacks on the target of the lead within its budget."""
    same = ("target", *SHARED)
    rivals = [r for r in results.records if all(getattr(r, name) == getattr(results.lead, name) for name in same)]
    cases = robustness.worst_cases(rivals, results.outcomes)
    worst = next((one for one in cases if one.access == robustness.ANY), None)
    if worst is None:
        return []
    low, high = worst.robust_accuracy_speaker_ci
    return [
        f"In the worst case over all {worst.attacks} attacks on {worst.target} within the same budget, it is "
        f"{percent(worst.robust_accuracy, 0)} % (95 % interval {_span((low, high))} %; n = {worst.n}); the strongest "
        f"single attack is {worst.strongest}."
    ]


def _loud_budgets(records: Sequence[Record]) -> list[str]:
    """Return a warning for each model at whose budgets noise alone changes more than a quarter of the predictions."""
    loud: dict[tuple[str, str], dict[str, float]] = {}
    for record in records:
        if "noise_sensitive" in record.flags:
            loud.setdefault((record.target, record.corpus), {}).setdefault(budget(record), record.asr_control)
    warnings = []
    for (target, corpus), controls in loud.items():
        shares = " to ".join(unique(percent(share, 0) for share in (min(controls.values()), max(controls.values()))))
        budgets = "this budget is" if len(controls) == 1 else f"these {len(controls)} budgets are"
        warnings.append(
            f"Noise alone changed {shares} % of the predictions of {target} on {corpus}: {budgets} loud for this model "
            f"({'; '.join(controls)})."
        )
    return warnings


def _on_another_target(record: Record) -> str:
    return (
        f"On {_relation(record)}, the robust accuracy is {_robust(record)}; {_rate(record)} of the predictions changed"
        f"{_excess(record)}."
    )


def _origin(record: Record) -> str:
    if record.source == NO_SOURCE:
        return "which needs no source model"
    return f"trained against {record.source}" if record.generator is not None else f"computed on {record.source}"


def _robust(record: Record) -> str:
    return f"{percent(record.robust_accuracy, 0)} % (95 % interval {_span(record.robust_accuracy_speaker_ci)} %)"


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
    """Return each flag that was raised, its meaning, and the names of the records that have it, with the folds.

    Folds are named for flags of a single model, in records of several folds.
    """
    fields = columns(records)

    def named(record: Record, flag: str) -> str:
        folds = record.folds_flagged.get(flag, [])
        return case(record, fields) + (
            f", fold{'s' if len(folds) > 1 else ''} {as_text(tuple(folds))}" if folds else ""
        )

    return [
        (flag, FLAGS.get(flag, "See docs/flags.md."), [named(r, flag) for r in records if flag in r.flags])
        for flag in sorted({flag for r in records for flag in r.flags})
    ]


def listed(cases: Sequence[str]) -> str:
    """Return the names of records with a flag, the first few by name and the others by their number.

    >>> listed(["a", "b"]), listed(list("abcdefgh"))
    ('a, b', 'a, b, c, d, e, f and 2 more')
    """
    more = len(cases) - MOST_NAMED
    return ", ".join(cases[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


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
