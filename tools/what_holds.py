"""Write results/what-holds.md from published records: `python tools/what_holds.py`.

Each suspicion about STAA-Net has a rule, which the page states, that turns figures into a verdict. There is no verdict
on a generator that is not shown to have trained, or if there are too few clips.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from departures import departures
from estimates import Estimate, clips_of, weighted
from suspicions import GENERATORS, MIN_CLIPS, SUSPICIONS, Case, cases, spread, trained, verdict
from verdicts import RESULTS

from staanet.core.records import NO_SOURCE, Record
from staanet.core.run import Run
from staanet.models.base import ModelSettings
from staanet.report.results import Results
from staanet.report.tables import grid
from staanet.report.wording import interval, number, percent

STUDY = RESULTS / "what_holds"
PAGE = RESULTS / "what-holds.md"
NOT_KNOWN = "–"
CONTROL_FIGURES = ("ASR", "control", "excess", "excess by fold", "comb", "largest class")


def page(study: Path) -> str:
    """Return the page for the records of a published study."""
    results = Results.read(Run(study))
    found = cases(results)
    records = [case.record for case in found]
    lines = [
        "# What holds",
        *_introduction(results),
        *_departures(records),
        *_training(found),
        *_used_part(results),
    ]
    for suspicion in SUSPICIONS:
        rows = [[*_place(case.record), *_figures(case, suspicion.figures), verdict(case, suspicion)] for case in found]
        heads = ["generator", "source", "target", *suspicion.figures, "verdict"]
        lines += [f"## {suspicion.text}", f"*Rule*: {suspicion.rule}.", grid(heads, rows, words=3)]
    controls = [Case(results, record) for record in results.records if record.attack not in GENERATORS]
    heads = ["control", "source", "target", *CONTROL_FIGURES]
    rows = [[*_place(case.record), *_figures(case, CONTROL_FIGURES)] for case in controls]
    lines += ["## Controls at the same budget", grid(heads, rows, words=3)]
    return "\n\n".join(lines) + "\n"


def _introduction(results: Results) -> list[str]:
    """Return what was tested, and what the intervals assume."""
    first = results.records[0]
    return [
        "Suspicions about STAA-Net's generators, tested on the results of the experiment "
        f"[what_holds](what_holds/README.md): {first.n} clips of {first.corpus} by {first.speakers} speakers who are "
        "not in the training sets of models and generators. The generators and models are not those of the paper: the "
        "table below lists every departure. A rule decides each verdict. There is no verdict on fewer than "
        f"{MIN_CLIPS} clips, if folds are missing, or on a generator that is not shown to have "
        "trained.",
        "Rates are in %, differences in percentage points, with two 95 % intervals. The first allows for the clips of "
        f"a speaker to resemble each other and covers other speakers, estimated from {first.speakers}. The interval "
        "*by fold* also covers other trainings, since each fold trains its own models and generator; it is estimated "
        f"from {_counted(len(first.folds), 'fold')}"
        + (
            ", so that hardly any difference excludes 0. A verdict on the method needs more folds."
            if len(first.folds) < 4
            else "."
        ),
    ]


def _departures(records: Sequence[Record]) -> list[str]:
    """Return the section on the settings that are not those of the paper."""
    rows = [[*departure, ", ".join(names)] for departure, names in departures(records).items()]
    return [
        "## Departures from the paper",
        "The settings of the records compared with those of arXiv 2402.01227 (on DEMoS), as the presets `paper` and "
        "the experiment `table4` state them. What is not listed is as published.",
        grid(["setting", "published", "here", "applies to"], rows, words=4),
    ]


def _training(found: Sequence[Case]) -> list[str]:
    """Return the section on whether each generator trained."""
    own = [case for case in found if case.record.source == case.record.target]
    figures = ("ASR", "control", "excess", "excess by fold", "excess in each fold")
    rows = [
        [case.record.attack, case.record.source, *_figures(case, figures), "yes" if trained(case) else "not shown"]
        for case in own
    ]
    return [
        "## Did the generators train?",
        "A generator that fools its own source no more often than noise says nothing about trained generators.",
        "*Rule*: a generator counts as trained if the interval (over speakers) of its excess over random noise on its "
        "own source lies above 0.",
        grid(["generator", "source", *figures, "trained"], rows, words=2),
    ]


def _used_part(results: Results) -> list[str]:
    """Return the section on the share of the changes that lies in the part of a clip that models use."""
    first = results.records[0]
    seconds = {r.settings["target"].get("seconds") for r in results.records}
    lengths = np.array([clip.row["length"] for clip in clips_of(results, first)], dtype=float)
    if None in seconds or len(seconds) > 1 or first.protocol != "file":
        return []
    (own,) = seconds
    used = own * ModelSettings.sample_rate
    expected = float(np.minimum(1, used / lengths).mean())
    lines = [
        "## Changes that models do not use",
        f"All models use the first {own:g} s of a clip. The clips are {number(lengths.mean() / used * own, 2)} s long "
        f"on average, and {percent(float((lengths > used).mean()), 0)} % of them are longer than {own:g} s. An attack "
        f"on the whole file that draws its positions at random, such as `noise`, puts {percent(expected)} % of its "
        "changes into the part that models use, on average over clips; all other changes have no effect. The sizes of "
        "the perturbations and the SNRs count them nevertheless.",
    ]
    shares = [(record, _share_used(results, record)) for record in results.records]
    rows = [[*_place(record), percent(share)] for record, share in shares if share is not None]
    if not rows:
        return [*lines, "The share for generators is not in these records and cannot be computed from them."]
    return [*lines, grid(["attack", "source", "target", "changes in the used part, %"], rows, words=3)]


def _share_used(results: Results, record: Record) -> float | None:
    """Return the mean share of the changed samples that the target uses, None if it was not recorded."""
    changed = [clip.row for clip in clips_of(results, record) if clip.row["l0"]]
    if not changed or any("l0_used" not in row for row in changed):
        return None
    return sum(row["l0_used"] / row["l0"] for row in changed) / len(changed)


def _place(record: Record) -> list[str]:
    return [record.attack, NOT_KNOWN if record.source == NO_SOURCE else record.source, record.target]


def _figures(case: Case, names: Iterable[str]) -> list[str]:
    """Return the cells of a case under some headings."""
    own, over_comb = case.excess, case.over_comb
    cells = {
        "ASR": percent(case.record.asr),
        "control": percent(case.record.asr_control),
        "excess": _points(own),
        "excess by fold": _by_fold(own),
        "excess in each fold": ", ".join(percent(value) for value in own.by_fold),
        "comb": _shares(case, case.combs),
        "ASR minus comb's": _points(over_comb) if over_comb else NOT_KNOWN,
        "by fold": _by_fold(over_comb) if over_comb else NOT_KNOWN,
        "largest class": _shares(case, case.largest_classes),
        "largest class, control": _shares(case, case.largest_control_classes),
    }
    return [cells[name] for name in names]


def _points(own: Estimate) -> str:
    return f"{percent(own.mean)} {interval(own.speaker_ci)}"


def _by_fold(own: Estimate) -> str:
    return interval(own.fold_ci) if own.fold_ci else NOT_KNOWN


def _shares(case: Case, values: Sequence[float]) -> str:
    """Return the mean over folds of a share that belongs to one generator, weighted by clips, and its range."""
    return f"{percent(weighted(case.parts, values))} {spread(values)}".strip() if values else NOT_KNOWN


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


if __name__ == "__main__":
    PAGE.write_text(page(STUDY), encoding="utf-8")
    print(PAGE)
