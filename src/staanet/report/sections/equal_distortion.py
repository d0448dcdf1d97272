"""Models held against each other: what fools them where clips were moved equally far in their log-mel spectrograms."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from staanet.core.records import NO_SOURCE, Interval, Record
from staanet.evaluation.case import Rows
from staanet.metrics import wilson
from staanet.report.sections.domains import least_distances
from staanet.report.tables import Cell, Table
from staanet.report.wording import interval, number, percent, unique

RADII = (50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
"""In dB, of spectrograms with 128 x 87 cells for each second: 100 dB are about 1 dB in each cell of a second."""

CAPTION = (
    "Each model under attacks made on it, and under noise: the clips, in %, that some setting of an attack fools by "
    "moving the log-mel spectrogram no farther than so many dB (Euclidean, over its cells). Only clips that every "
    "model recognises before, n of them, so that no model is more often wrong to begin with; UAR over all of its "
    "clips. 95 % intervals over clips."
)

NOTHING = " Here no clip is recognised by all of them, so that nothing can be compared."


@dataclass(frozen=True)
class EqualDistortion:
    """How many clips an attack fools on a model within a distance of log-mel spectrograms."""

    attack: str
    target: str
    uar_clean: float
    n: int
    log_mel_l2: float
    asr: float
    asr_ci: Interval


FIELDS = tuple(field.name for field in dataclasses.fields(EqualDistortion))


def equal_distortion(records: Sequence[Record], outcomes: Callable[[Record], Rows]) -> list[EqualDistortion]:
    """Return, for each attack and model, what its settings fool within each distance, on the clips that all recognise.

    Args:
        records: pooled.
        outcomes: returns the rows of a record.
    """
    families: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        if record.source in (record.target, NO_SOURCE) and "attack" in record.settings and record.domain == "waveform":
            own = families.setdefault(record.settings["attack"]["name"], {})
            own.setdefault(record.target, []).append(record)
    rows = {
        name: {target: [outcomes(record) for record in own] for target, own in family.items()}
        for name, family in families.items()
    }
    met = [
        {row["id"] for row in part if row["predicted_clean"] == row["label"]}
        for family in rows.values()
        for parts in family.values()
        for part in parts
    ]
    clips = sorted(set.intersection(*met)) if met else []
    if not clips or not all("log_mel_l2" in row for family in rows.values() for p in family.values() for row in p[0]):
        return []
    found = []
    for attack, targets in families.items():
        for target, made in targets.items():
            least = least_distances(rows[attack][target], clips, "log_mel_l2")
            for radius in RADII:
                share = float((least <= radius).mean())
                uar, n = made[0].uar_clean, len(clips)
                found.append(EqualDistortion(attack, target, uar, n, radius, share, wilson(share, n)))
    return found


def table(found: Sequence[EqualDistortion]) -> Table:
    """Arrange what was found into a table: a row per attack and model, a column per distance; told where none is."""
    rows = []
    for attack, target in unique((row.attack, row.target) for row in found):
        own = [row for row in found if (row.attack, row.target) == (attack, target)]
        rows.append(
            [
                Cell(attack, attack),
                Cell(target, target),
                Cell(percent(own[0].uar_clean), own[0].uar_clean),
                Cell(str(own[0].n), own[0].n),
                *(Cell(percent(row.asr), row.asr, interval(row.asr_ci)) for row in own),
            ]
        )
    heads = ("UAR %", "n", *(f"{number(radius, 0)} dB" for radius in RADII))
    return Table(
        "equal_distortion", CAPTION if found else CAPTION + NOTHING, ["attack", "model"], [("", heads)], rows, []
    )
