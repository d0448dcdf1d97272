"""Verdicts on the claims of the STAA-Net paper that follow from the published results of this project."""

from collections.abc import Callable
from typing import Any

from estimates import Estimate, difference, excess
from verdicts import UNDECIDED, UNTESTABLE, Verdict, from_signs, published_results

from staanet.core.records import Record
from staanet.report.results import Results
from staanet.report.wording import as_text, number, percent

SETUP = "EmoDB, the compact generator, models trained with noise"
LICENSED = "DEMoS is licensed and was not available; staanet run table6 tests it with the corpus"
SNR_DB = 17.0

OTHERS = {"sparse_pgd_paper": "PGD", "sparsefool_paper": "SparseFool", "one_pixel": "One-Pixel"}
"""The attacks with which the paper compares its own, by their names in the experiment `baselines`."""

STRENGTHENED = "sparse_pgd"
CORPORA = ("emodb", "ravdess")

SIMPLE = {"emo18": "zhao19", "zhao19": "emo18"}
"""The simpler models, each with the simple source to which an advanced one is compared on it: the other one."""

ADVANCED = "whisper"
"""A pretrained source, which stands for the wav2vec 2.0 and WavLM of the paper."""
OUTCOMES = {1: "ahead", 0: UNDECIDED, -1: "behind"}


def untestable(reason: str) -> Callable[[], Verdict]:
    """Return a check that always gives the reason why the claim cannot be tested here."""
    return lambda: (UNTESTABLE, reason)


def records_of(results: Results | None, attack: str, **fields: Any) -> list[Record]:
    """Return the complete records of an attack at 17 dB that have the given values of fields."""
    chosen = [r for r in results.records if r.attack == attack and r.budget_snr_db == SNR_DB] if results else []
    return [r for r in chosen if not r.partial and all(getattr(r, name) == value for name, value in fields.items())]


def transfers() -> Verdict:
    """Check whether STAA-Net fools unseen models more than noise of the same size on as many samples."""
    results = published_results("emodb")
    cases = [r for r in records_of(results, "staa_net") if r.source != r.target]
    if not results or not cases:
        return UNTESTABLE, "not part of any published study"
    found = [(record, excess(results, record)) for record in cases]
    figures = "; ".join(
        f"{r.source} on {r.target} {percent(r.asr)} %, noise {percent(r.asr_control)} %, excess {own}"
        + _without_selection(results, r)
        for r, own in found
    )
    return from_signs(own.sign for _, own in found), f"{figures} ({SETUP})"


def _without_selection(results: Results, record: Record) -> str:
    """Return the excess without the folds on which settings were chosen, nothing if there are no such folds."""
    chosen = [fold for fold in results.layout.selection_folds if fold in record.folds]
    if not chosen or set(chosen) == set(record.folds):
        return ""
    kept = excess(results, record, without=chosen)
    return f" (without folds {as_text(tuple(chosen))}, on which settings were chosen, {kept})"


def transfers_better() -> Verdict:
    """Check whether the transfer ASR of STAA-Net lies above those of the attacks of the paper on the same clips."""
    results = published_results("baselines")
    cases = [(name, corpus, own) for name in OTHERS for corpus in CORPORA if (own := _ahead_of(results, corpus, name))]
    if {name for name, *_ in cases} != set(OTHERS):
        return UNTESTABLE, "no published study has the attacks of the paper on the same clips"
    figures = "; ".join(
        f"{corpus}, against {OTHERS[name]}: {OUTCOMES[own.sign]}, {own} points" for name, corpus, own in cases
    )
    beside = "; ".join(
        f"{corpus} {own} points" for corpus in CORPORA if (own := _ahead_of(results, corpus, STRENGTHENED))
    )
    setup = (
        f"n = {min(own.n for *_, own in cases)} for each corpus, Emo18 on Zhao19, the compact generator and not that "
        "of the paper, 12 % of the samples at most; PGD and SparseFool with the paper's settings, SparseFool with at "
        "most 50 gradients, One-Pixel with 300 queries"
    )
    strengthened = f"; not part of the claim, against the library's strengthened PGD: {beside}" if beside else ""
    return from_signs(own.sign for *_, own in cases), f"{figures} ({setup}){strengthened}"


def _ahead_of(results: Results | None, corpus: str, other: str) -> Estimate | None:
    """Return the transfer ASR of STAA-Net minus that of another attack on a corpus; None if there are no records."""
    for own in records_of(results, f"staa_net_{corpus}"):
        place = {"target": own.target, "corpus": own.corpus, "budget_sparsity": own.budget_sparsity}
        theirs = records_of(results, other, source=own.source, **place)
        if results and own.source != own.target and theirs:
            return difference(results, own, theirs[0])
    return None


def advanced_source_transfers_better() -> Verdict:
    """Check whether Whisper as the source fools each simpler model more than the other simpler model as the source."""
    cases = [(corpus, target, own) for corpus in CORPORA for target in SIMPLE if (own := _by_advanced(corpus, target))]
    if not cases:
        return (
            UNTESTABLE,
            "no published study has a generator that was trained against Whisper; staanet run emodb with EmoDB",
        )
    figures = "; ".join(
        f"{corpus}, {ADVANCED} instead of {SIMPLE[target]} on {target}: {percent(advanced.asr)} against "
        f"{percent(simple.asr)} %, difference {own}"
        for corpus, target, (advanced, simple, own) in cases
    )
    setup = "the compact generator; Whisper base with a frozen encoder, not the paper's wav2vec 2.0"
    return from_signs(own.sign for *_, (_, _, own) in cases), f"{figures} ({setup})"


def _by_advanced(corpus: str, target: str) -> tuple[Record, Record, Estimate] | None:
    """Return the records of STAA-Net from Whisper and from a simple source on a target, and the difference in ASR."""
    results = published_results(corpus)
    advanced = records_of(results, "staa_net", source=ADVANCED, target=target)
    simple = records_of(results, "staa_net", source=SIMPLE[target], target=target)
    if not results or not advanced or not simple:
        return None
    return advanced[0], simple[0], difference(results, advanced[0], simple[0])


def positions_matter() -> Verdict:
    """Check whether the same perturbations at random positions fool fewer clips."""
    results = published_results("emodb")
    found = [
        (own, shuffled, difference(results, own, shuffled))
        for own in records_of(results, "staa_net")
        for shuffled in records_of(results, "shuffled_staa_net", source=own.source, target=own.target)
        if results
    ]
    if not found:
        return UNTESTABLE, "no published study has the control"
    figures = "; ".join(
        f"{a.source} on {a.target} {percent(a.asr)} against {percent(b.asr)} %, difference {points}"
        for a, b, points in found
    )
    label = from_signs(points.sign for *_, points in found)
    return label, f"perturbations at shuffled positions: {figures} ({SETUP})"


def hardly_audible() -> Verdict:
    """Return the predicted PESQ, which cannot decide: nobody listened, and it was not made for sparse clicks."""
    cases = [r for r in records_of(published_results("emodb"), "staa_net") if r.pesq is not None]
    if not cases:
        return UNTESTABLE, "no published study has measured it"
    scores = [r.pesq or 0.0 for r in cases]
    span = f"{number(min(scores), 2)} to {number(max(scores), 2)}"
    figures = f"predicted PESQ {span} of 4.64 at 17 dB (EmoDB), where 3 is fair; no listeners were "
    return UNDECIDED, figures + "asked, and the measure is not validated for sparse clicks"


def faster_than_pgd() -> Verdict:
    """Return that the speed of the paper's generator is untestable here, with the ratio for the compact generator."""
    results = published_results("baselines")
    own = [r.seconds_per_clip for name in CORPORA for r in records_of(results, f"staa_net_{name}")]
    pgd = [r.seconds_per_clip for r in records_of(results, "sparse_pgd_paper")]
    ours, theirs = [seconds for seconds in own if seconds], [seconds for seconds in pgd if seconds]
    if not ours or not theirs:
        return UNTESTABLE, "no published study has PGD on the same clips"
    ratio = (sum(theirs) / len(theirs)) / (sum(ours) / len(ours))
    return UNTESTABLE, (
        "the times measured here are those of another generator, in batches, on a CPU; PGD takes "
        f"{ratio:.0f} times as long as the compact generator there"
    )
