"""Suspicions about STAA-Net's generators, and the rules that decide them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from estimates import Estimate, difference, excess, parts_of
from verdicts import HOLDS, NOT, PARTLY, UNDECIDED

from staanet.core.records import Record, Rows
from staanet.report.results import Results
from staanet.report.wording import percent

MIN_CLIPS = 200
COMB, ONE_CLASS = (0.9, 0.5), (0.6, 0.4)
GENERATORS = ("wave_unet", "compact")
UNTRAINED = f"{UNDECIDED}: the generator is not shown to have trained"
NO_BETTER = "not shown to fool more than a comb made for each clip"


@dataclass(frozen=True)
class Case:
    """An attack with a source and a target.

    Args:
        results: Results of the study.
        record: Pooled record of the attack.
        comb: Record of the attack `comb` with the same source and target, None if there is none.
        own_source: Record of the same attack on its own source, None if there is none.
    """

    results: Results
    record: Record
    comb: Record | None = None
    own_source: Record | None = None

    @cached_property
    def parts(self) -> list[Record]:
        """The records of the folds. Each fold trained a generator and models of its own."""
        return parts_of(self.results, self.record)

    @cached_property
    def excess(self) -> Estimate:
        """ASR minus control."""
        return excess(self.results, self.record)

    @cached_property
    def over_comb(self) -> Estimate | None:
        """ASR minus that of the comb on the same clips."""
        return difference(self.results, self.record, self.comb) if self.comb else None

    @property
    def combs(self) -> list[float]:
        """The share of the positions that the sample index explains, of each fold; empty if it is not known."""
        own = [(part.comb_share, part.comb_share_model) for part in self.parts]
        known = [[share for share in shares if share is not None] for shares in own]
        return [max(shares) for shares in known] if all(known) else []

    @property
    def largest_classes(self) -> list[float]:
        """The largest share of one class among the predictions on attacked clips, of each fold."""
        return [max(part.predictions_adv) / part.n for part in self.parts]

    @property
    def largest_control_classes(self) -> list[float]:
        """The same among the predictions on clips with random noise of the same size."""
        return [_largest_control_class(self.results.outcomes(part)) for part in self.parts]


def _largest_control_class(rows: Rows) -> float:
    predictions = [predicted for row in rows for predicted in row["predicted_control"]]
    return Counter(predictions).most_common(1)[0][1] / len(predictions)


def cases(results: Results) -> list[Case]:
    """Return all records of generators."""
    combs = {(r.source, r.target): r for r in results.records if r.attack == "comb"}
    own = {(r.attack, r.source): r for r in results.records if r.source == r.target}
    return [
        Case(results, r, combs.get((r.source, r.target)), own.get((r.attack, r.source)))
        for r in results.records
        if r.attack in GENERATORS
    ]


def trained(case: Case) -> bool:
    """Return whether a generator fools its own source more often than noise, by the interval over speakers."""
    return case.own_source is not None and excess(case.results, case.own_source).speaker_sign > 0


def by_limits(values: Sequence[float], limits: tuple[float, float]) -> str:
    """Return the verdict on shares that belong to one generator each.

    It holds if all of them are above the first limit, does not hold if none is above the second one, and holds in part
    otherwise.

    >>> [by_limits(shares, (0.9, 0.5)) for shares in ([0.95, 0.92], [0.95, 0.3], [0.1, 0.5])]
    ['holds', 'in part: 1 of 2 folds above 50 %', 'does not hold']
    """
    high, low = limits
    if min(values) > high:
        return HOLDS
    above = sum(value > low for value in values)
    return f"{PARTLY}: {above} of {len(values)} folds above {percent(low, 0)} %" if above else NOT


def is_comb(case: Case) -> str:
    """Decide whether the positions are a comb, and state whether the generator fools more clips than `comb`."""
    if not case.combs:
        return f"{UNDECIDED}: the comb share is not known"
    better = case.over_comb is not None and case.over_comb.sign > 0
    return by_limits(case.combs, COMB) + ("" if better else f"; {NO_BETTER}")


def is_one_class(case: Case) -> str:
    """Decide whether all clips are pushed into one class, which each generator chooses for itself."""
    shares = zip(case.largest_classes, case.largest_control_classes, strict=True)
    return by_limits([share if share > control else 0.0 for share, control in shares], ONE_CLASS)


def is_noise(case: Case) -> str:
    """Decide whether the effect is that of noise, by both intervals of the excess and by the share of the control."""
    above = PARTLY if case.record.asr_control > case.record.asr / 2 else NOT
    label = {1: above, -1: HOLDS, 0: UNDECIDED}[case.excess.speaker_sign]
    if label == UNDECIDED:
        return f"{UNDECIDED} over speakers"
    return label if case.excess.sign else f"{UNDECIDED} by fold; for these trainings: {label}"


@dataclass(frozen=True)
class Suspicion:
    """A suspicion.

    Args:
        text: The suspicion in one sentence.
        rule: When it holds.
        figures: Figures that its table shows, by their headings.
        decide: Function that applies the rule to a case.
    """

    text: str
    rule: str
    figures: Sequence[str]
    decide: Callable[[Case], str]


SUSPICIONS = (
    Suspicion(
        "The positions are a comb",
        "holds if the sample index (modulo the stride of the generator or of the source) explains more than 90 % of "
        "the positions in every fold, in part if it explains more than 50 % in some fold",
        ("ASR", "ASR minus comb's", "by fold", "comb"),
        is_comb,
    ),
    Suspicion(
        "Everything is pushed into one class",
        "holds if in every fold one class has more than 60 % of the predictions on the attacked clips, in part if it "
        "has more than 40 % in some fold, where only folds count in which the share is larger than under random noise "
        "of the same size; the class may differ between folds",
        ("ASR", "largest class", "largest class, control"),
        is_one_class,
    ),
    Suspicion(
        "Most of it is noise",
        "holds if both intervals of the excess over random noise of the same size on as many samples lie below 0, "
        "undecided if one of them includes 0, does not hold if both lie above 0; in part if they do, but noise alone "
        "makes up more than half of the ASR",
        ("ASR", "control", "excess", "excess by fold", "excess in each fold"),
        is_noise,
    ),
)


def verdict(case: Case, suspicion: Suspicion) -> str:
    """Return the verdict of a rule, or the reason why there is none."""
    if case.record.partial:
        return f"{UNDECIDED}: folds are missing"
    if case.record.n < MIN_CLIPS:
        return f"{UNDECIDED}: {case.record.n} clips"
    if case.own_source is None:
        return f"{UNDECIDED}: the generator was not run on its own source"
    return suspicion.decide(case) if trained(case) else UNTRAINED


def spread(values: Sequence[float]) -> str:
    """Return the range of shares over folds in per cent, nothing for a single fold.

    >>> spread([0.253, 0.693]), spread([0.5])
    ('(25.3 to 69.3)', '')
    """
    return f"({percent(min(values))} to {percent(max(values))})" if len(values) > 1 else ""
