"""Robustness of models at equal distortion: the share of clips that stay correct at the same log-mel distance."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from staanet.core.records import NO_SOURCE, Interval, Record, Rows
from staanet.metrics import wilson
from staanet.report.captions import chance
from staanet.report.cells import count_cell, percent_cell, text_cell
from staanet.report.results import Results
from staanet.report.sections.domains import least_distances
from staanet.report.tables import Section, Table
from staanet.report.wording import number, unique

RADII = (50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
"""Distances at which models are compared, in dB. A log-mel spectrogram has 128 x 87 cells per second, so that 100 dB
are about 1 dB in each cell of one second."""

CAPTION = (
    "Each model under white-box attacks and under noise: the share of clips, in %, that stay correct under every "
    "setting of the attack that changes the log-mel spectrogram by at most the given distance in dB (Euclidean "
    "distance over the cells of the spectrogram). Only the n clips that every model classifies correctly before the "
    "attack are counted, so that errors on clean clips do not enter and all others would be 100 %; UAR is over all "
    "clips of the model. The models of an attack are in the order of their accuracy at the largest distance. {chance} "
    "95 % confidence intervals over clips."
)

NO_COMMON_CLIPS = (
    " There are no clips with known distances that all models classify correctly, so that they cannot be compared."
)

Cases = Mapping[str, Mapping[str, Sequence[Record]]]
"""The records of all settings of an attack, by attack and target."""


@dataclass(frozen=True)
class EqualDistortion:
    """The share of clips that stay correct, and that an attack fools (ASR), within a distance of spectrograms."""

    attack: str
    target: str
    uar_clean: float
    n: int
    log_mel_l2: float
    robust_accuracy: float
    robust_accuracy_ci: Interval
    asr: float
    asr_ci: Interval


FIELDS = tuple(field.name for field in dataclasses.fields(EqualDistortion))


def section(results: Results) -> Section | None:
    """Return the section, or None if the experiment does not compare models at equal distortion."""
    if not results.layout.equal_distortion or not results.records:
        return None
    rows = equal_distortion(results.records, results.outcomes)
    return Section("Robustness at equal distortion", table(rows, results.records), rows, FIELDS)


def equal_distortion(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[EqualDistortion]:
    """Return the shares of clips that stay correct and that are fooled, by attack, model and distance.

    Args:
        records: Pooled records.
        outcomes: Function that returns the per-clip outcomes of a record.
    """
    cases = _cases(records)
    rows = {
        (attack, target): [outcomes(record) for record in own]
        for attack, targets in cases.items()
        for target, own in targets.items()
    }
    recognised = [
        {row["id"] for row in part if row["predicted_clean"] == row["label"]}
        for parts in rows.values()
        for part in parts
    ]
    clips = sorted(set.intersection(*recognised)) if recognised else []
    if not clips or not all("log_mel_l2" in row for parts in rows.values() for row in parts[0]):
        return []
    results = []
    for attack, targets in cases.items():
        for target, own in targets.items():
            least = least_distances(rows[attack, target], clips, "log_mel_l2")
            for radius in RADII:
                fooled, n = float((least <= radius).mean()), len(clips)
                robust = 1 - fooled
                results.append(
                    EqualDistortion(
                        attack=attack,
                        target=target,
                        uar_clean=own[0].uar_clean,
                        n=n,
                        log_mel_l2=radius,
                        robust_accuracy=robust,
                        robust_accuracy_ci=wilson(robust, n),
                        asr=fooled,
                        asr_ci=wilson(fooled, n),
                    )
                )
    return results


def _cases(records: Sequence[Record]) -> Cases:
    cases: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        if record.source in (record.target, NO_SOURCE) and "attack" in record.settings and record.domain == "waveform":
            targets = cases.setdefault(record.settings["attack"]["name"], {})
            targets.setdefault(record.target, []).append(record)
    return cases


def table(rows: Sequence[EqualDistortion], records: Sequence[Record]) -> Table:
    """Return the table, with a row per attack and model and a column per distance.

    Args:
        rows: The results.
        records: The records from which they were computed.
    """
    by_case: dict[tuple[str, str], list[EqualDistortion]] = {}
    for row in rows:
        by_case.setdefault((row.attack, row.target), []).append(row)
    attacks = unique(row.attack for row in rows)
    cells = []
    for attack, target in sorted(
        by_case, key=lambda case: (attacks.index(case[0]), -by_case[case][-1].robust_accuracy)
    ):
        own = by_case[attack, target]
        cells.append(
            [
                *map(text_cell, (attack, target)),
                percent_cell(own[0].uar_clean),
                count_cell(own[0].n),
                *(percent_cell(row.robust_accuracy, row.robust_accuracy_ci) for row in own),
            ]
        )
    measures = ("UAR %", "n", *(f"{number(radius, 0)} dB" for radius in RADII))
    caption = CAPTION.format(chance=chance(records)) + ("" if rows else NO_COMMON_CLIPS)
    return Table("equal_distortion", caption, ["attack", "model"], [("", measures)], cells)
