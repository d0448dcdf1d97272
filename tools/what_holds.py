"""Write results/what-holds.md from published records: `python tools/what_holds.py`.

Each suspicion about STAA-Net has a rule, stated on the page, that turns figures into a verdict; too few clips decide
nothing.
"""

from collections.abc import Callable
from pathlib import Path

from staanet.core import records
from staanet.core.records import NO_SOURCE, Record
from staanet.evaluation import pooled
from staanet.report.page import Outcomes
from staanet.report.sections.comparisons import Comparison, compare
from staanet.report.tables import grid
from staanet.report.wording import interval, number, percent

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "results" / "what_holds"
CLIPS = 200
COMB, ONE_CLASS = (0.9, 0.5), (0.6, 0.4)
GENERATORS = ("wave_unet", "compact")

Verdict = str
Rule = Callable[[Record, Comparison], Verdict]


def between(value: float | None, limits: tuple[float, float]) -> Verdict:
    """Return whether a figure is above the first limit (holds), between the two (in part) or below (does not hold)."""
    if value is None:
        return "does not hold"
    high, low = limits
    return "holds" if value > high else "in part" if value > low else "does not hold"


def comb(record: Record, rival: Comparison) -> Verdict:
    """Judge whether the positions are a comb: by what the sample index explains, and beside a comb's success."""
    share = max(record.comb_share or 0.0, record.comb_share_model or 0.0)
    behind = "" if rival.difference_speaker_ci[0] > 0 else "; not shown to fool more than a comb made for each clip"
    return between(share, COMB) + behind


def one_class(record: Record, rival: Comparison) -> Verdict:  # noqa: ARG001
    """Judge whether everything is pushed into one class: by the share of the largest one among the attacked clips."""
    return between(max(record.predictions_adv) / record.n, ONE_CLASS)


def only_noise(record: Record, rival: Comparison) -> Verdict:  # noqa: ARG001
    """Judge whether it is only noise: by the excess' interval, and by the control's share of the ASR."""
    if record.asr_excess_speaker_ci[0] <= 0:
        return "holds"
    return "in part" if record.asr_control > record.asr / 2 else "does not hold"


SUSPICIONS: dict[str, tuple[str, Rule]] = {
    "The positions are a comb": (
        "holds where the sample index (modulo the generator's stride, or the source's) explains more than 90 % of the "
        "positions, in part from 50 %",
        comb,
    ),
    "Everything is pushed into one class": (
        "holds where one class takes more than 60 % of the predictions on the attacked clips, in part from 40 %",
        one_class,
    ),
    "Most of it is noise": (
        "holds where the interval of the excess over random noise of the same sizes and count reaches 0; in part where "
        "noise alone makes more than half of the ASR",
        only_noise,
    ),
}


def page(run: Path) -> str:
    """Return the page for the records of a run."""
    parts = records.read_all(run)
    outcomes = Outcomes(run, parts)
    found = pooled(parts, outcomes)
    combs = {(r.source, r.target): r for r in found if r.attack == "comb"}
    lines = [
        "# What holds",
        "Three suspicions about STAA-Net's generators, from the records of the experiment "
        f"[what_holds](what_holds/README.md): {found[0].n} clips of {found[0].corpus} by {found[0].speakers} speakers "
        "that neither model nor generator had heard, 17 dB below each clip's peak, at most 12 % of the samples. "
        "`_paper` are models trained as published; the others heard noise in training. A rule decides each verdict; "
        f"fewer than {CLIPS} clips, or folds that are missing, decide nothing.",
    ]
    for name, (rule, judge) in SUSPICIONS.items():
        rows = [
            [
                r.attack,
                r.source,
                r.target,
                *figures(r),
                verdict(r, compare(r, combs[r.source, r.target], outcomes), judge),
            ]
            for r in found
            if r.attack in GENERATORS
        ]
        heads = ["generator", "source", "target", "ASR", "control", "excess", "comb", "largest class", "verdict"]
        lines += [f"## {name}", f"*Rule*: {rule}.", grid(heads, rows, words=3)]
    controls = [
        [r.attack, "–" if r.source == NO_SOURCE else r.source, r.target, *figures(r)]
        for r in found
        if r.attack not in GENERATORS
    ]
    heads = ["control", "source", "target", "ASR", "control", "excess", "comb", "largest class"]
    lines += ["## Controls at the same budget", grid(heads, controls, words=3)]
    return "\n\n".join(lines) + "\n"


def figures(record: Record) -> list[str]:
    """Return the cells that the verdicts follow from, in per cent."""
    shares = [share for share in (record.comb_share, record.comb_share_model) if share is not None]
    return [
        f"{percent(record.asr)} {interval(record.asr_speaker_ci)}",
        percent(record.asr_control),
        f"{number(100 * record.asr_excess)} {interval(record.asr_excess_speaker_ci)}",
        percent(max(shares)) if shares else "–",
        percent(max(record.predictions_adv) / record.n),
    ]


def verdict(record: Record, rival: Comparison, judge: Rule) -> Verdict:
    """Return the verdict of a rule, or why there is none."""
    if record.partial:
        return "undecided: folds are missing"
    if record.n < CLIPS:
        return f"undecided: {record.n} clips"
    return judge(record, rival)


if __name__ == "__main__":
    (ROOT / "results" / "what-holds.md").write_text(page(RUN), encoding="utf-8")
