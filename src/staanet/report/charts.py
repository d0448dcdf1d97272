"""Figures of the page as data that `chart.js` draws in their place on a screen."""

from collections.abc import Sequence
from typing import Any

from staanet.core.records import Record
from staanet.report.wording import case, columns, percent, unique


def costs(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return robust accuracy as a function of the share of changed samples in per cent, and of the peak SNR.

    These are the data of `figures.costs`: one point per record, filled for white-box attacks.
    """
    fields = columns(records)
    shares = [record.sparsity for record in records]
    return [
        _points(
            records,
            [100 * share for share in shares],
            fields,
            label="changed samples (sparsity), %",
            log=min(shares) > 0,
        ),
        _points(
            [record for record in records if record.snr_peak_db is not None],
            [record.snr_peak_db for record in records if record.snr_peak_db is not None],
            fields,
            label="peak SNR in dB, quieter perturbations to the right",
            log=False,
        ),
    ]


def _points(
    records: Sequence[Record], places: Sequence[float], fields: Sequence[str], *, label: str, log: bool
) -> dict[str, Any]:
    """Return a chart with one point per record, and a line for each attack that names its points."""
    order = sorted(range(len(records)), key=lambda number: places[number])
    ordered = [records[number] for number in order]
    chances = unique(record.chance for record in records)
    width = max(places) - min(places) if places else 0
    return {
        "x": [places[number] for number in order],
        "heading": "",
        "label": label,
        "log": log,
        "pad": max(0.05 * width, 1.0),
        "titles": [case(record, fields) for record in ordered],
        "lines": [
            *(
                {"name": f"chance ({percent(chance)} %)", "style": "chance", "values": [chance] * len(ordered)}
                for chance in chances
            ),
            *(
                {
                    "name": attack,
                    "style": "series",
                    "values": [record.robust_accuracy if record.attack == attack else None for record in ordered],
                    "open": [record.source != record.target for record in ordered],
                }
                for attack in unique(record.attack for record in records)
            ),
        ],
    }
