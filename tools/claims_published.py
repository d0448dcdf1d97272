"""Verdicts on the claims of the STAA-Net paper that follow from the paper's own tables."""

from collections.abc import Callable
from functools import cache

from verdicts import Verdict, verdict

from staanet.report.sections.published import PublishedCell, compare_with_published
from staanet.report.wording import percent

SUBSETS = ("val", "test")
MODELS = ("emo18", "zhao19", "wav2vec2", "wavlm")
SOURCES = ("emo18", "wav2vec2")
OTHER_ATTACKS = ("pgd", "sparsefool", "one_pixel")
CORPORA = {"table4": "DEMoS", "table5": "IEMOCAP"}


@cache
def _cells(table: str) -> dict[tuple[str, ...], PublishedCell]:
    """Return the cells of a table by their keys and metric."""
    return {(*cell.keys.values(), cell.metric): cell for cell in compare_with_published(f"staanet.{table}", [])}


def asr(table: str, source: str, attack: str, target: str, subset: str) -> float:
    """Return a published ASR as a fraction."""
    value = _cells(table)[source, attack, target, subset, "asr"].published
    assert value is not None
    return value


def measure(table: str, source: str, attack: str, subset: str, metric: str) -> float | None:
    """Return a published measure of an attack that has no target, such as its SNR; None if the table holds text."""
    return _cells(table)[source, attack, subset, metric].published


def sparsity(table: str, source: str, attack: str, subset: str) -> float:
    """Return the published share of samples that an attack changes, as a fraction; 0 if the table holds text."""
    return measure(table, source, attack, subset, "sparsity_fooled") or 0.0


def _places() -> list[tuple[str, str, str]]:
    """Return every table, source and subset of the transfer experiments."""
    return [(table, source, subset) for table in CORPORA for source in SOURCES for subset in SUBSETS]


def _transfer(table: str, source: str) -> list[tuple[str, str, float, float]]:
    """Return target, subset, ASR of STAA-Net and best ASR of the other attacks, for every unseen model."""
    return [
        (
            target,
            subset,
            asr(table, source, "staa_net", target, subset),
            max(asr(table, source, other, target, subset) for other in OTHER_ATTACKS),
        )
        for target in MODELS
        for subset in SUBSETS
        if target != source
    ]


def fools_unseen_models() -> Verdict:
    """Check whether STAA-Net fools unseen models at all."""
    rates = [case[2] for table in CORPORA for source in SOURCES for case in _transfer(table, source)]
    figures = f"{percent(min(rates))} to {percent(max(rates))} % in {len(rates)} cells; no control with noise is given"
    return verdict(sum(rate > 0 for rate in rates), len(rates), figures)


def transfers_best() -> Verdict:
    """Check whether STAA-Net has the highest transfer ASR in every cell."""
    cases = [
        (CORPORA[table], source, *case) for table in CORPORA for source in SOURCES for case in _transfer(table, source)
    ]
    lower = [
        f"{corpus} {subset}, {source} on {target}: {percent(own)} against {percent(other)}"
        for corpus, source, target, subset, own, other in cases
        if own < other
    ]
    supporting = len(cases) - len(lower)
    return verdict(supporting, len(cases), f"{supporting} of {len(cases)} cells; not {'; '.join(lower)}")


def faster_than_pgd() -> Verdict:
    """Check whether STAA-Net takes at most a fiftieth of the time of PGD."""
    times = [
        [measure(*place[:2], attack, place[2], "seconds_per_clip") for attack in ("pgd", "staa_net")]
        for place in _places()
    ]
    ratios = [pgd / own for pgd, own in times if pgd and own]
    figures = f"{min(ratios):.0f} to {max(ratios):.0f} times"
    return verdict(sum(ratio >= 50 for ratio in ratios), len(ratios), figures)


def sparsest() -> Verdict:
    """Check whether STAA-Net changes fewer samples than PGD and SparseFool."""
    ratios = {
        other: [
            theirs / own
            for table, source, subset in _places()
            if (theirs := sparsity(table, source, other, subset))
            and (own := sparsity(table, source, "staa_net", subset))
        ]
        for other in ("pgd", "sparsefool")
    }
    every = [ratio for own in ratios.values() for ratio in own]
    figures = "; ".join(
        f"{name} changes {min(own):.1f} to {max(own):.1f} times as many" for name, own in ratios.items()
    )
    return verdict(sum(ratio > 1 for ratio in every), len(every), figures)


def imperceptible() -> Verdict:
    """Check whether the SNRs of STAA-Net reach 20 dB, the limit that the paper cites."""
    levels = {
        corpus: [
            measure(table, s, "staa_net", subset, "snr_peak_db_fooled") or 0 for s in SOURCES for subset in SUBSETS
        ]
        for table, corpus in CORPORA.items()
    }
    every = [level for own in levels.values() for level in own]
    figures = "; ".join(f"{corpus} {min(own):.1f} to {max(own):.1f} dB" for corpus, own in levels.items())
    return verdict(sum(level >= 20 for level in every), len(every), f"{figures}; the cited limit is 20 dB")


def advanced_source_transfers_better() -> Verdict:
    """Check whether wav2vec 2.0 as the source fools the simpler models more than itself."""
    above_itself, above_emo18 = 0, 0
    cases = [(table, target, subset) for table in CORPORA for target in ("emo18", "zhao19") for subset in SUBSETS]
    for table, target, subset in cases:
        rate = asr(table, "wav2vec2", "staa_net", target, subset)
        above_itself += rate > asr(table, "wav2vec2", "staa_net", "wav2vec2", subset)
        above_emo18 += rate > asr(table, "emo18", "staa_net", target, subset)
    figures = f"above its white-box ASR in {above_itself} of {len(cases)} cells"
    return verdict(above_itself, len(cases), f"{figures}, above that of Emo18 as source in {above_emo18}")


def dense_without(loss: str) -> Callable[[], Verdict]:
    """Return a check whether the generator changes all samples without one of its parts."""

    def check() -> Verdict:
        shares = [sparsity("table6", source, f"without_{loss}", subset) for source in SOURCES for subset in SUBSETS]
        figures = "sparsity " + ", ".join(f"{percent(share, 2)} %" for share in shares)
        return verdict(sum(share == 1 for share in shares), len(shares), figures)

    return check


def more_samples_without_quantisation() -> Verdict:
    """Check whether the generator changes more samples without the quantisation loss."""
    pairs = [
        tuple(sparsity("table6", source, attack, subset) for attack in ("staa_net", "without_quantisation"))
        for source in SOURCES
        for subset in SUBSETS
    ]
    figures = ", ".join(f"{percent(own, 2)} to {percent(other, 2)} %" for own, other in pairs)
    places = "(Emo18 val, test; wav2vec 2.0 val, test)"
    return verdict(sum(other > own for own, other in pairs), len(pairs), f"{figures} {places}")


def worse_without_magnitude() -> Verdict:
    """Check whether the ASR on the source is lower without the magnitude loss."""
    pairs = [
        tuple(asr("table6", source, attack, source, subset) for attack in ("staa_net", "without_magnitude"))
        for source in SOURCES
        for subset in SUBSETS
    ]
    figures = ", ".join(f"{percent(own)} to {percent(other)} %" for own, other in pairs)
    return verdict(sum(other < own for own, other in pairs), len(pairs), f"ASR on the source {figures}")


def models_reach_prior_work() -> Verdict:
    """Check whether the test UAR of each model on DEMoS reaches the best one of previous work."""
    cells = _cells("table2")
    prior = max(
        cell.published or 0 for key, cell in cells.items() if key[1:] == ("test", "uar_clean") and "[" in key[0]
    )
    own = {model: cells[model, "test", "uar_clean"].published or 0 for model in MODELS}
    figures = ", ".join(f"{model} {percent(value)}" for model, value in own.items())
    supporting = sum(value >= prior for value in own.values())
    return verdict(supporting, len(own), f"test UAR {figures} against {percent(prior)} %")


def one_pixel_fails() -> Verdict:
    """Check whether One-Pixel fools no clip of DEMoS."""
    rates = [
        asr("table4", source, "one_pixel", target, subset)
        for source in SOURCES
        for target in MODELS
        for subset in SUBSETS
    ]
    above = sum(rate > 0 for rate in rates)
    figures = f"{above} of {len(rates)} cells are above 0, up to {percent(max(rates), 2)} %"
    return verdict(len(rates) - above, len(rates), figures)


def inconsistencies() -> list[str]:
    """Return the contradictions within the paper, with the figures that show them."""
    places = _places()
    ratios = sorted(
        sparsity(table, source, "pgd", subset) / (sparsity(table, source, "staa_net", subset) or 1)
        for table, source, subset in places
    )
    combs = sorted(sparsity(table, source, "staa_net", subset) for table, source, subset in places)
    return [
        _zero_perturbation(),
        'Section 4.1 splits DEMoS into "40% training, 40% validation, 30% testing", which is 110 %. The authors\' code '
        "assigns 40, 30 and 30 % of the speakers of each sex, as `table4` does.",
        f'Section 4.3 sets PGD to "comparable sparsity", but PGD changes {ratios[0]:.1f} to {ratios[-1]:.1f} times as '
        "many samples as STAA-Net. `table4` and `table5` give it the mean sparsity of STAA-Net instead "
        "(`as_sparse_as`).",
        "Section 4.3 takes an SNR close to 20 dB or larger as imperceptible, and section 5.2 counts 17 dB as that. The "
        "SNR uses peaks without absolute values, so that a clip whose samples are all negative would have no SNR.",
        *_transfer_contradictions(),
        "The conclusion states that generators were trained against Emo18 and WavLM, and that Zhao19 and wav2vec 2.0 "
        "were attacked; the methods and the tables have wav2vec 2.0 as the source.",
        "Section 4.2 calls PGD an l2 attack; its equation 8 takes sign steps within an epsilon ball, as an attack "
        "under the l-infinity norm does.",
        f"The sparsities of STAA-Net are {', '.join(percent(value, 2) for value in combs)} %. Of these, 3.12, 6.25, "
        "12.50 and 24.97 % are almost exactly 1/32, 1/16, 1/8 and 1/4, as they would be for a comb. The experiment "
        "[what_holds](../src/staanet/experiments/what_holds.toml) tests this.",
    ]


def _zero_perturbation() -> str:
    """Return the contradiction about perturbations that are zero and still fool models."""
    rates = [asr("table6", "emo18", "without_magnitude", model, "test") for model in MODELS]
    share = sparsity("table6", "emo18", "without_magnitude", "test")
    return (
        "Table 6, Emo18 without magnitude loss, test: the perturbation is zero "
        f"(sparsity {percent(share, 2)} %, SNR -inf), but the ASRs are "
        f"{', '.join(percent(value, 2) for value in rates)} %. A perturbation of zero changes no prediction; this "
        "library gives it an ASR of exactly 0, and a test checks this for every record."
    )


def _transfer_contradictions() -> list[str]:
    """Return the contradictions between the paper's sentences on transfer and its tables."""

    def percents(table: str, target: str, subset: str, *attacks: str) -> list[str]:
        return [percent(asr(table, "emo18", attack, target, subset), 2) for attack in attacks]

    own, pgd = percents("table4", "zhao19", "test", "staa_net", "pgd")
    full, factorisation, sparse = percents(
        "table6", "zhao19", "test", "staa_net", "without_factorisation", "without_sparsity"
    )
    wav2vec2, wavlm = (percents("table5", target, "val", "pgd", "staa_net") for target in ("wav2vec2", "wavlm"))
    return [
        "The paper calls the transfer from Emo18 to Zhao19 on the test clips of DEMoS the best: "
        f"{own} against {pgd} % for PGD. No confidence interval is given, here or elsewhere.",
        f"The same cell is {factorisation} % without factorisation and {sparse} % without sparsity loss, compared with "
        f"{full} %: the parts that make the perturbation sparse cost a third of the transfer there, which the paper "
        "does not mention.",
        'Section 5.2 states for Emo18 on IEMOCAP that the "transferability is worse" for PGD. On validation clips it '
        f"is not: wav2vec 2.0 {wav2vec2[0]} against {wav2vec2[1]} %, WavLM {wavlm[0]} against {wavlm[1]} %.",
    ]
