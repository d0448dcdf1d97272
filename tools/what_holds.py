"""Write results/what-holds.md from published records: `python tools/what_holds.py`.

Each suspicion about STAA-Net has a rule, which the page states, that turns figures into a verdict. There is no verdict
if there are too few clips.
"""

from collections.abc import Callable
from pathlib import Path

from staanet.core.records import NO_SOURCE, Record
from staanet.core.run import Run
from staanet.report.results import Results
from staanet.report.sections.comparisons import Comparison, compare
from staanet.report.tables import grid
from staanet.report.wording import interval, number, percent

RESULTS = Path(__file__).resolve().parents[1] / "results"
STUDY = RESULTS / "what_holds"
PAGE = RESULTS / "what-holds.md"
MIN_CLIPS = 200
COMB, ONE_CLASS = (0.9, 0.5), (0.6, 0.4)
GENERATORS = ("wave_unet", "compact")

Verdict = str
Rule = Callable[[Record, Comparison], Verdict]


def by_limits(value: float, limits: tuple[float, float]) -> Verdict:
    """Return holds above the first limit, in part between the two limits, and does not hold below the second one."""
    high, low = limits
    return "holds" if value > high else "in part" if value > low else "does not hold"


def is_comb(record: Record, comb: Comparison) -> Verdict:
    """Decide whether the positions are a comb, by the share that the sample index explains.

    The verdict also states whether the generator fools more clips than the attack `comb`.
    """
    share = max(record.comb_share or 0.0, record.comb_share_model or 0.0)
    no_better = "" if comb.difference_speaker_ci[0] > 0 else "; not shown to fool more than a comb made for each clip"
    return by_limits(share, COMB) + no_better


def is_one_class(record: Record, comb: Comparison) -> Verdict:  # noqa: ARG001
    """Decide whether all clips are pushed into one class, by the share of the most frequent one after the attack."""
    return by_limits(max(record.predictions_adv) / record.n, ONE_CLASS)


def is_noise(record: Record, comb: Comparison) -> Verdict:  # noqa: ARG001
    """Decide whether the effect is that of noise, by the interval of the excess and by the share of the control."""
    if record.asr_excess_speaker_ci[0] <= 0:
        return "holds"
    return "in part" if record.asr_control > record.asr / 2 else "does not hold"


SUSPICIONS: dict[str, tuple[str, Rule]] = {
    "The positions are a comb": (
        "holds if the sample index (modulo the stride of the generator or of the source) explains more than 90 % of "
        "the positions, in part from 50 %",
        is_comb,
    ),
    "Everything is pushed into one class": (
        "holds if one class has more than 60 % of the predictions on the attacked clips, in part from 40 %",
        is_one_class,
    ),
    "Most of it is noise": (
        "holds if the interval of the excess over random noise of the same size on as many samples includes 0; in part "
        "if noise alone makes up more than half of the ASR",
        is_noise,
    ),
}


def page(study: Path) -> str:
    """Return the page for the records of a published study."""
    results = Results.read(Run(study))
    records = results.records
    combs = {(r.source, r.target): r for r in records if r.attack == "comb"}
    lines = [
        "# What holds",
        "Three suspicions about STAA-Net's generators, tested on the results of the experiment "
        f"[what_holds](what_holds/README.md): {records[0].n} clips of {records[0].corpus} by {records[0].speakers} "
        "speakers who are not in the training sets of models and generators, 17 dB below the peak of each clip, at "
        "most 12 % of the samples. Models whose names end in `_paper` were trained as published, the others with "
        f"noise. A rule decides each verdict. There is no verdict on fewer than {MIN_CLIPS} clips, or if folds are "
        "missing.",
    ]
    for name, (rule, decide) in SUSPICIONS.items():
        rows = [
            [
                r.attack,
                r.source,
                r.target,
                *figures(r),
                verdict(r, compare(r, combs[r.source, r.target], results.outcomes), decide),
            ]
            for r in records
            if r.attack in GENERATORS
        ]
        heads = ["generator", "source", "target", "ASR", "control", "excess", "comb", "largest class", "verdict"]
        lines += [f"## {name}", f"*Rule*: {rule}.", grid(heads, rows, words=3)]
    controls = [
        [r.attack, "–" if r.source == NO_SOURCE else r.source, r.target, *figures(r)]
        for r in records
        if r.attack not in GENERATORS
    ]
    heads = ["control", "source", "target", "ASR", "control", "excess", "comb", "largest class"]
    lines += ["## Controls at the same budget", grid(heads, controls, words=3)]
    return "\n\n".join(lines) + "\n"


def figures(record: Record) -> list[str]:
    """Return the cells from which the verdicts follow, in per cent."""
    shares = [share for share in (record.comb_share, record.comb_share_model) if share is not None]
    return [
        f"{percent(record.asr)} {interval(record.asr_speaker_ci)}",
        percent(record.asr_control),
        f"{number(100 * record.asr_excess)} {interval(record.asr_excess_speaker_ci)}",
        percent(max(shares)) if shares else "–",
        percent(max(record.predictions_adv) / record.n),
    ]


def verdict(record: Record, comb: Comparison, decide: Rule) -> Verdict:
    """Return the verdict of a rule, or the reason why there is none."""
    if record.partial:
        return "undecided: folds are missing"
    if record.n < MIN_CLIPS:
        return f"undecided: {record.n} clips"
    return decide(record, comb)


if __name__ == "__main__":
    PAGE.write_text(page(STUDY), encoding="utf-8")
    print(PAGE)
