"""Invariants of figures: what a record holds is what its outcomes give when all figures are computed again."""

from collections import Counter

from staanet.core.invariants import expect, named
from staanet.core.record import Record, Rows
from staanet.evaluation.case import figures
from staanet.evaluation.flags import raised
from staanet.metrics import SPEAKERS


def check_figures(record: Record, rows: Rows, where: str) -> None:
    """Check that all figures that follow from the outcomes of a record equal those that it holds.

    A bootstrap interval may differ by two clips, because another version of NumPy may draw other samples. Notes are
    not compared, because another version of this library may word them differently.

    Args:
        record: The record, of one fold or without folds.
        rows: The outcome of each of its clips.
        where: File or folder of the record, with which error messages begin.

    Raises:
        StaanetError: A figure differs by more than rounding.
    """
    computed = figures(rows, len(record.labels), {})
    del computed["notes"]
    if record.found_by is not None:
        found = Counter(row["member"] for row in rows if row["predicted_adv"] != row["predicted_clean"])
        computed["found_by"] = {name: found[name] for name in record.found_by}
    computed["flags"] = raised(vars(record))
    drawn = {name for name in computed if name.endswith("_speaker_ci") and record.speakers < SPEAKERS}
    where = named(record, where)
    expect(record, {name: value for name, value in computed.items() if name not in drawn}, where)
    expect(record, {name: computed[name] for name in drawn}, where, room=2 / record.n)
