"""Write results/claims.md from the paper's own numbers and from published records: `python tools/claims.py`.

Each claim of the STAA-Net paper gets two verdicts: what the paper's tables say of it, and what was measured here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from staanet.core import records
from staanet.core.records import Record
from staanet.evaluation import pooled
from staanet.report.page import Outcomes
from staanet.report.sections import published
from staanet.report.tables import grid
from staanet.report.wording import interval, number, percent

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "results" / "claims.md"
PARTS = ("val", "test")
MODELS = ("emo18", "zhao19", "wav2vec2", "wavlm")
SOURCES = ("emo18", "wav2vec2")
OTHERS = ("pgd", "sparsefool", "one_pixel")
ATTACKS = {"table4": "DEMoS", "table5": "IEMOCAP"}

HOLDS, PARTLY, NOT, UNTESTABLE = "holds", "in part", "does not hold", "untestable here"

Verdict = tuple[str, str]
"""One of the four words, and the figures that it follows from."""


@dataclass(frozen=True)
class Claim:
    """A claim, its section, the verdict of the paper's own numbers, and that of what was measured here."""

    text: str
    section: str
    paper: Callable[[], Verdict]
    here: Callable[[], Verdict]


@cache
def _published(table: str) -> dict[tuple[str, ...], published.Beside]:
    return {(*cell.keys.values(), cell.metric): cell for cell in published.beside(f"staanet.{table}", [])}


def asr(table: str, source: str, attack: str, target: str, part: str) -> float:
    """Return a published ASR as a fraction."""
    value = _published(table)[source, attack, target, part, "asr"].published
    assert value is not None
    return value


def measured(table: str, source: str, attack: str, part: str, metric: str) -> float | None:
    """Return what was published of an attack whatever the target: SNR, sparsity or seconds; None for text."""
    return _published(table)[source, attack, part, metric].published


@cache
def found(run: str) -> list[Record]:
    """Return the published records of a run, folds pooled; none where it is not published."""
    folder = ROOT / "results" / run
    if not (folder / "records").is_dir():
        return []
    parts = records.read_all(folder)
    return pooled(parts, Outcomes(folder, parts))


def judged(fits: int, cases: int, told: str) -> Verdict:
    """Return holds where all cases fit, in part where some do."""
    return (HOLDS if fits == cases else PARTLY if fits else NOT), told


# ------------------------------------------------------------------ the paper's own numbers


def _transfer(table: str, source: str) -> list[tuple[str, str, float, float]]:
    """Return, for each unseen model and part, STAA-Net's ASR and the best of the other attacks'."""
    return [
        (
            target,
            part,
            asr(table, source, "staa_net", target, part),
            max(asr(table, source, o, target, part) for o in OTHERS),
        )
        for target in MODELS
        for part in PARTS
        if target != source
    ]


def fools_others() -> Verdict:
    """Judge whether STAA-Net fools unseen models at all."""
    rates = [case[2] for table in ATTACKS for source in SOURCES for case in _transfer(table, source)]
    told = (
        f"{percent(min(rates))} to {percent(max(rates))} % in {len(rates)} cells; how much of it noise does is not said"
    )
    return judged(sum(rate > 0 for rate in rates), len(rates), told)


def better_transfer() -> Verdict:
    """Judge whether STAA-Net's transfer is the best in every cell."""
    cases = [(ATTACKS[t], s, *case) for t in ATTACKS for s in SOURCES for case in _transfer(t, s)]
    lost = [
        f"{corpus} {part}, {source} on {target}: {percent(own)} against {percent(other)}"
        for corpus, source, target, part, own, other in cases
        if own < other
    ]
    fits = len(cases) - len(lost)
    return judged(fits, len(cases), f"{fits} of {len(cases)} cells; not {'; '.join(lost)}")


def faster() -> Verdict:
    """Judge whether a clip takes a fiftieth of PGD's time or less."""
    ratios = [
        pgd / own
        for table in ATTACKS
        for source in SOURCES
        for part in PARTS
        if (pgd := measured(table, source, "pgd", part, "seconds_per_clip"))
        and (own := measured(table, source, "staa_net", part, "seconds_per_clip"))
    ]
    return judged(sum(r >= 50 for r in ratios), len(ratios), f"{min(ratios):.0f} to {max(ratios):.0f} times")


def sparser() -> Verdict:
    """Judge whether STAA-Net is sparser than PGD and SparseFool."""
    ratios = {}
    for other in ("pgd", "sparsefool"):
        pairs = [
            (measured(t, s, other, p, "sparsity_fooled"), measured(t, s, "staa_net", p, "sparsity_fooled"))
            for t in ATTACKS
            for s in SOURCES
            for p in PARTS
        ]
        ratios[other] = [theirs / own for theirs, own in pairs if theirs and own]
    every = [ratio for own in ratios.values() for ratio in own]
    told = "; ".join(f"{name} changes {min(own):.1f} to {max(own):.1f} times as many" for name, own in ratios.items())
    return judged(sum(ratio > 1 for ratio in every), len(every), told)


def imperceptible() -> Verdict:
    """Judge whether STAA-Net's SNRs reach the 20 dB that the paper cites."""
    levels = {
        ATTACKS[t]: [measured(t, s, "staa_net", p, "snr_peak_db_fooled") or 0 for s in SOURCES for p in PARTS]
        for t in ATTACKS
    }
    every = [level for own in levels.values() for level in own]
    told = "; ".join(f"{corpus} {min(own):.1f} to {max(own):.1f} dB" for corpus, own in levels.items())
    return judged(sum(level >= 20 for level in every), len(every), f"{told}; the cited limit is 20 dB")


def advanced_source() -> Verdict:
    """Judge whether wav2vec 2.0 as source fools the simpler models more than itself."""
    own, other, cases = 0, 0, [(t, v, p) for t in ATTACKS for v in ("emo18", "zhao19") for p in PARTS]
    for table, model, part in cases:
        rate = asr(table, "wav2vec2", "staa_net", model, part)
        own += rate > asr(table, "wav2vec2", "staa_net", "wav2vec2", part)
        other += rate > asr(table, "emo18", "staa_net", model, part)
    told = f"above its white-box ASR in {own} of {len(cases)} cells, above that of Emo18 as source in {other}"
    return judged(own, len(cases), told)


def dense_without(name: str) -> Callable[[], Verdict]:
    """Judge whether an ablation changes all samples."""

    def judge() -> Verdict:
        shares = [measured("table6", s, f"without_{name}", p, "sparsity_fooled") or 0 for s in SOURCES for p in PARTS]
        return judged(sum(s == 1 for s in shares), 4, "sparsity " + ", ".join(f"{percent(s, 2)} %" for s in shares))

    return judge


def more_without_quantisation() -> Verdict:
    """Judge whether sparsity rises without the quantisation loss."""
    pairs = [
        tuple(measured("table6", s, a, p, "sparsity_fooled") or 0 for a in ("staa_net", "without_quantisation"))
        for s in SOURCES
        for p in PARTS
    ]
    told = ", ".join(f"{percent(own, 2)} to {percent(other, 2)} %" for own, other in pairs)
    return judged(sum(other > own for own, other in pairs), 4, f"{told} (Emo18 val, test; wav2vec 2.0 val, test)")


def worse_without_magnitude() -> Verdict:
    """Judge whether the ASR on the source falls without the magnitude loss."""
    pairs = [
        tuple(asr("table6", s, a, s, p) for a in ("staa_net", "without_magnitude")) for s in SOURCES for p in PARTS
    ]
    told = ", ".join(f"{percent(own)} to {percent(other)} %" for own, other in pairs)
    return judged(sum(other < own for own, other in pairs), 4, f"ASR on the source {told}")


def good_models() -> Verdict:
    """Judge whether each model's test UAR on DEMoS reaches the best prior work's."""
    cells = _published("table2")
    prior = max(c.published or 0 for k, c in cells.items() if k[1:] == ("test", "uar_clean") and "[" in k[0])
    own = {model: cells[model, "test", "uar_clean"].published or 0 for model in MODELS}
    told = ", ".join(f"{model} {percent(value)}" for model, value in own.items())
    return judged(sum(v >= prior for v in own.values()), len(own), f"test UAR {told} against {percent(prior)} %")


def one_pixel_fails() -> Verdict:
    """Judge whether One-Pixel fools no clip of DEMoS."""
    rates = [asr("table4", s, "one_pixel", v, p) for s in SOURCES for v in MODELS for p in PARTS]
    above = sum(rate > 0 for rate in rates)
    return judged(
        len(rates) - above, len(rates), f"{above} of {len(rates)} cells are above 0, up to {percent(max(rates), 2)} %"
    )


# ------------------------------------------------------------------ what was measured here


STAND_IN = "EmoDB, the compact generator, models that heard noise"


def of(run: str, attack: str, **keys: Any) -> list[Record]:
    """Return the records of an attack at 17 dB in a published run, those with the given fields."""
    chosen = [r for r in found(run) if r.attack == attack and r.budget_snr_db == 17.0 and not r.partial]
    return [r for r in chosen if all(getattr(r, key) == value for key, value in keys.items())]


def untestable(why: str) -> Callable[[], Verdict]:
    """Return a verdict that there is none, and why."""
    return lambda: (UNTESTABLE, why)


def transfers() -> Verdict:
    """Judge whether STAA-Net fools unseen models more than noise of its own sizes and count does."""
    cases = [r for r in of("emodb", "staa_net") if r.source != r.target]
    if not cases:
        return UNTESTABLE, "no published run has it"
    told = "; ".join(
        f"{r.source} on {r.target} {percent(r.asr)} %, noise {percent(r.asr_control)} %, "
        f"excess {percent(r.asr_excess)} {interval(r.asr_excess_speaker_ci)}"
        for r in cases
    )
    return judged(sum(r.asr_excess_speaker_ci[0] > 0 for r in cases), len(cases), f"{told} ({STAND_IN})")


def better_than_pgd() -> Verdict:
    """Judge whether STAA-Net's transfer is above that of PGD on as many samples, interval against interval."""
    pairs = [
        (own, other)
        for name in ("staa_net_emodb", "staa_net_ravdess")
        for own in of("baselines", name)
        for other in of("baselines", "sparse_pgd", source=own.source, target=own.target, corpus=own.corpus)
        if own.source != own.target and own.budget_sparsity == other.budget_sparsity
    ]
    if not pairs:
        return UNTESTABLE, "no published run has PGD beside it yet"
    told = "; ".join(f"{a.source} on {a.target} {percent(a.asr)} against {percent(b.asr)} %" for a, b in pairs)
    return judged(sum(a.asr_speaker_ci[0] > b.asr_speaker_ci[1] for a, b in pairs), len(pairs), told)


def places_matter() -> Verdict:
    """Judge whether the same changes at random places fool fewer clips."""
    pairs = [
        (own, twin)
        for own in of("emodb", "staa_net")
        for twin in of("emodb", "shuffled_staa_net", source=own.source, target=own.target)
    ]
    if not pairs:
        return UNTESTABLE, "no published run has the control"
    told = "; ".join(f"{a.source} on {a.target} {percent(a.asr)} against {percent(b.asr)} %" for a, b in pairs)
    fits = sum(a.asr_speaker_ci[0] > b.asr_speaker_ci[1] for a, b in pairs)
    return judged(fits, len(pairs), f"its changes shuffled: {told} ({STAND_IN})")


def sounds() -> Verdict:
    """Judge whether listeners are predicted to notice little: a PESQ of 3 and more."""
    cases = [r for r in of("emodb", "staa_net") if r.pesq is not None]
    if not cases:
        return UNTESTABLE, "no published run measured it"
    scores = [r.pesq or 0.0 for r in cases]
    span = f"{number(min(scores), 2)} to {number(max(scores), 2)}"
    told = f"predicted: PESQ {span} of 4.64 at 17 dB (EmoDB), where 3 is fair; no listeners were asked"
    return judged(sum(score >= 3 for score in scores), len(scores), told)


def fast_here() -> Verdict:
    """Judge whether a clip takes a fiftieth of the time of PGD's 20 steps or less."""
    own = [r.seconds_per_clip for n in ("staa_net_emodb", "staa_net_ravdess") for r in of("baselines", n)]
    pgd = [r.seconds_per_clip for r in of("baselines", "sparse_pgd_paper")]
    mine, theirs = [s for s in own if s], [s for s in pgd if s]
    if not mine or not theirs:
        return UNTESTABLE, "no published run has PGD beside it yet"
    ratio = (sum(theirs) / len(theirs)) / (sum(mine) / len(mine))
    return judged(ratio >= 50, 1, f"{ratio:.0f} times, on a processor, in batches")


LICENSED = "DEMoS is licensed and was not at hand; staanet run table6 tests it where it is"

CLAIMS = (
    Claim(
        "The generated examples fool other models than the source (abstract, section 6)",
        "5.2",
        fools_others,
        transfers,
    ),
    Claim("They transfer better than those of PGD, SparseFool and One-Pixel", "5.2", better_transfer, better_than_pgd),
    Claim(
        "The generator learns patterns that carry over, not positions that do not matter",
        "3.2.4",
        lambda: (UNTESTABLE, "no table tests it"),
        places_matter,
    ),
    Claim(
        "A more advanced source raises the ASR on simpler models",
        "5.2",
        advanced_source,
        untestable("takes fine-tuned transformers as sources; staanet run table4 where DEMoS is"),
    ),
    Claim("One pass is 57 to 100 times as fast as PGD and more", "5.2", faster, fast_here),
    Claim(
        "The perturbations are the sparsest but for One-Pixel",
        "5.2",
        sparser,
        untestable("the paper's generator chooses its own sparsity; ours is told it by the budget"),
    ),
    Claim("They are imperceptible: about 17 dB counts as 20 dB or larger", "5.2", imperceptible, sounds),
    Claim(
        "One-Pixel fails to attack any of the samples",
        "5.2",
        one_pixel_fails,
        untestable("of DEMoS; staanet run table4 where it is"),
    ),
    Claim(
        "The models are comparable or superior to previous work on DEMoS",
        "5.1",
        good_models,
        untestable("DEMoS is licensed and was not at hand; staanet run table2 where it is"),
    ),
    Claim("Without factorisation every sample changes", "5.3", dense_without("factorisation"), untestable(LICENSED)),
    Claim("Without the magnitude loss ASRs are poor", "5.3", worse_without_magnitude, untestable(LICENSED)),
    Claim("Without the sparsity loss every sample changes", "5.3", dense_without("sparsity"), untestable(LICENSED)),
    Claim("Without the quantisation loss the sparsity rises", "5.3", more_without_quantisation, untestable(LICENSED)),
)


# ------------------------------------------------------------------ the paper against itself


def inconsistencies() -> list[str]:
    """Return what contradicts itself in the paper, with the figures that do."""
    zero = [asr("table6", "emo18", "without_magnitude", model, "test") for model in MODELS]
    share = measured("table6", "emo18", "without_magnitude", "test", "sparsity_fooled")
    ratios = sorted(
        (measured(t, s, "pgd", p, "sparsity_fooled") or 0) / (measured(t, s, "staa_net", p, "sparsity_fooled") or 1)
        for t in ATTACKS
        for s in SOURCES
        for p in PARTS
    )
    gap = [asr("table4", "emo18", attack, "zhao19", "test") for attack in ("staa_net", "pgd")]
    jump = [
        asr("table6", "emo18", a, "zhao19", "test") for a in ("staa_net", "without_factorisation", "without_sparsity")
    ]
    combs = sorted(
        measured(t, s, "staa_net", p, "sparsity_fooled") or 0 for t in ATTACKS for s in SOURCES for p in PARTS
    )
    return [
        "Table 6, Emo18 without magnitude loss, test: all values are said to be 0 "
        f"(sparsity {percent(share or 0, 2)} %, SNR -inf), and yet the ASRs are "
        f"{', '.join(percent(value, 2) for value in zero)} %. A perturbation of zero changes no prediction; here it "
        "scores exactly 0, and a test holds every record to that.",
        'Section 4.1 splits DEMoS into "40% training, 40% validation, 30% testing", which is 110 %. The authors\' code '
        "deals 40, 30 and 30 % of the speakers of each sex, as `table4` does.",
        f'Section 4.3 sets PGD to "comparable sparsity": it changes {ratios[0]:.1f} to {ratios[-1]:.1f} times as many '
        "samples as STAA-Net. `table4` and `table5` give it STAA-Net's own mean sparsity instead (`as_sparse_as`).",
        "Section 4.3 takes an SNR close to 20 dB or larger as imperceptible, and section 5.2 counts 17 dB as that. Its "
        "SNR is of peaks, without absolute values: what only goes below zero would have no SNR.",
        "Transfer from Emo18 to Zhao19 on the test clips of DEMoS is said to be the best: "
        f"{percent(gap[0], 2)} against PGD's {percent(gap[1], 2)} %. No interval is given, here or anywhere.",
        f"The same cell without factorisation is {percent(jump[1], 2)} % and without sparsity loss "
        f"{percent(jump[2], 2)} %, against {percent(jump[0], 2)} %: what makes the perturbation sparse costs a third "
        "of the transfer there, which is not said.",
        'Section 5.2 says of Emo18 on IEMOCAP that PGD\'s "transferability is worse". On validation clips it is not: '
        f"wav2vec 2.0 {percent(asr('table5', 'emo18', 'pgd', 'wav2vec2', 'val'), 2)} against "
        f"{percent(asr('table5', 'emo18', 'staa_net', 'wav2vec2', 'val'), 2)} %, WavLM "
        f"{percent(asr('table5', 'emo18', 'pgd', 'wavlm', 'val'), 2)} against "
        f"{percent(asr('table5', 'emo18', 'staa_net', 'wavlm', 'val'), 2)} %.",
        "The conclusion says that generators were trained against Emo18 and WavLM, and that Zhao19 and wav2vec 2.0 "
        "were attacked; methods and tables have wav2vec 2.0 as the source.",
        "Section 4.2 calls PGD an l2 attack; its equation 8 takes sign steps within an epsilon ball, the l-infinity "
        "kind.",
        f"STAA-Net's sparsities are {', '.join(percent(value, 2) for value in combs)} %. Of these 3.12, 6.25, 12.50 "
        "and 24.97 % are 1/32, 1/16, 1/8 and 1/4 almost exactly, as a comb would have them. The experiment "
        "[what_holds](../src/staanet/experiments/what_holds.toml) tests that.",
    ]


def page() -> str:
    """Return the page."""
    rows = [[c.text, c.section, *_told(c.paper()), *_told(c.here())] for c in CLAIMS]
    heads = ["claim", "section", "in its own numbers", "because", "measured here", "because"]
    lines = [
        "# The STAA-Net paper's claims",
        "Written by `python tools/claims.py` from "
        "[the paper's numbers](../src/staanet/experiments/published/staanet.toml) (arXiv 2402.01227) and from the "
        "records published beside this page. *In its own numbers* says whether the paper's tables bear the claim out, "
        "cell by cell; *measured here* whether our records do. DEMoS and IEMOCAP are had on request only; what needs "
        f"them is {UNTESTABLE} until somebody runs `staanet run table1` to `table6` on them. Where EmoDB stands in "
        "for them it is said. A difference counts where the intervals, which let clips of one speaker resemble each "
        "other, lie apart; of several cases all must (holds), or some do (in part).",
        grid(heads, rows, words=len(heads)),
        "## The paper against itself",
        *(f"{place}. {line}" for place, line in enumerate(inconsistencies(), 1)),
    ]
    return "\n\n".join(lines) + "\n"


def _told(verdict: Verdict) -> Sequence[str]:
    return verdict


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
