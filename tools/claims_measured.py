"""Verdicts on the claims of the STAA-Net paper that follow from the published results of this project."""

from collections.abc import Callable
from typing import Any

from verdicts import UNTESTABLE, Verdict, published_results, verdict

from staanet.core.records import Record
from staanet.report.wording import interval, number, percent

SETUP = "EmoDB, the compact generator, models trained with noise"
LICENSED = "DEMoS is licensed and was not available; staanet run table6 tests it with the corpus"
SNR_DB = 17.0


def untestable(reason: str) -> Callable[[], Verdict]:
    """Return a check that always gives the reason why the claim cannot be tested here."""
    return lambda: (UNTESTABLE, reason)


def records_of(study: str, attack: str, **fields: Any) -> list[Record]:
    """Return the complete records of an attack at 17 dB in a published study that have the given values of fields."""
    results = published_results(study)
    chosen = [r for r in results.records if r.attack == attack and r.budget_snr_db == SNR_DB] if results else []
    return [r for r in chosen if not r.partial and all(getattr(r, name) == value for name, value in fields.items())]


def transfers() -> Verdict:
    """Check whether STAA-Net fools unseen models more than noise of the same size on as many samples."""
    cases = [r for r in records_of("emodb", "staa_net") if r.source != r.target]
    if not cases:
        return UNTESTABLE, "not part of any published study"
    figures = "; ".join(
        f"{r.source} on {r.target} {percent(r.asr)} %, noise {percent(r.asr_control)} %, "
        f"excess {percent(r.asr_excess)} {interval(r.asr_excess_speaker_ci)}"
        for r in cases
    )
    return verdict(sum(r.asr_excess_speaker_ci[0] > 0 for r in cases), len(cases), f"{figures} ({SETUP})")


def transfers_better_than_pgd() -> Verdict:
    """Check whether the transfer ASR of STAA-Net lies above that of PGD on as many samples, interval above interval."""
    pairs = [
        (own, other)
        for name in ("staa_net_emodb", "staa_net_ravdess")
        for own in records_of("baselines", name)
        for other in records_of("baselines", "sparse_pgd", source=own.source, target=own.target, corpus=own.corpus)
        if own.source != own.target and own.budget_sparsity == other.budget_sparsity
    ]
    if not pairs:
        return UNTESTABLE, "no published study has PGD on the same clips"
    return _above(pairs, "")


def positions_matter() -> Verdict:
    """Check whether the same perturbations at random positions fool fewer clips."""
    pairs = [
        (own, shuffled)
        for own in records_of("emodb", "staa_net")
        for shuffled in records_of("emodb", "shuffled_staa_net", source=own.source, target=own.target)
    ]
    if not pairs:
        return UNTESTABLE, "no published study has the control"
    label, figures = _above(pairs, "perturbations at shuffled positions: ")
    return label, f"{figures} ({SETUP})"


def _above(pairs: list[tuple[Record, Record]], prefix: str) -> Verdict:
    """Return the verdict on whether the interval of each first record lies above that of the second one."""
    figures = "; ".join(f"{a.source} on {a.target} {percent(a.asr)} against {percent(b.asr)} %" for a, b in pairs)
    supporting = sum(a.asr_speaker_ci[0] > b.asr_speaker_ci[1] for a, b in pairs)
    return verdict(supporting, len(pairs), prefix + figures)


def hardly_audible() -> Verdict:
    """Check whether listeners are predicted to notice little, with a PESQ of at least 3."""
    cases = [r for r in records_of("emodb", "staa_net") if r.pesq is not None]
    if not cases:
        return UNTESTABLE, "no published study has measured it"
    scores = [r.pesq or 0.0 for r in cases]
    span = f"{number(min(scores), 2)} to {number(max(scores), 2)}"
    figures = f"predicted PESQ {span} of 4.64 at 17 dB (EmoDB), where 3 is fair; listeners were not tested"
    return verdict(sum(score >= 3 for score in scores), len(scores), figures)


def faster_than_pgd() -> Verdict:
    """Check whether STAA-Net takes at most a fiftieth of the time of PGD with 20 steps."""
    own = [r.seconds_per_clip for name in ("emodb", "ravdess") for r in records_of("baselines", f"staa_net_{name}")]
    pgd = [r.seconds_per_clip for r in records_of("baselines", "sparse_pgd_paper")]
    ours, theirs = [seconds for seconds in own if seconds], [seconds for seconds in pgd if seconds]
    if not ours or not theirs:
        return UNTESTABLE, "no published study has PGD on the same clips"
    ratio = (sum(theirs) / len(theirs)) / (sum(ours) / len(ours))
    return verdict(ratio >= 50, 1, f"{ratio:.0f} times, on a CPU, in batches")
