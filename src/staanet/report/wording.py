"""How numbers, records and experimental conditions are written, the same in tables, figures and sentences."""

from collections.abc import Iterable, Sequence
from typing import Any

from staanet.core.records import Interval, Record

BUDGET = ("budget_epsilon", "budget_snr_db", "budget_sparsity")
"""Fields of the perturbation budget."""

SHARED = (
    "corpus",
    "subset",
    "split",
    "folds",
    "protocol",
    "labels_from",
    "domain",
    "seed",
    *BUDGET,
)
"""Fields with the conditions of an attack. Those that all rows of a table share are in its caption; the others become
columns."""


def number(value: float, decimals: int = 1) -> str:
    """Return a number with a true minus sign.

    >>> number(-3.14159), number(-0.01)
    ('−3.1', '0.0')
    """
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "−")


def percent(fraction: float, decimals: int = 1) -> str:
    """Return a fraction in per cent, without the sign.

    >>> percent(0.5784)
    '57.8'
    """
    return number(100 * fraction, decimals)


def interval(bounds: Interval) -> str:
    """Return a confidence interval of a fraction in per cent.

    >>> interval((0.471, 0.662))
    '[47.1, 66.2]'
    """
    return f"[{percent(bounds[0])}, {percent(bounds[1])}]"


def p_value(value: float) -> str:
    """Return a p-value with three decimals, or that it is smaller than what they can show.

    >>> p_value(0.0412), p_value(2e-9)
    ('0.041', '< 0.001')
    """
    return "< 0.001" if value < 0.001 else number(value, 3)


def unique(values: Iterable[Any]) -> list[Any]:
    """Return each value once, in the order of first appearance. The values need not be hashable.

    >>> unique([2, 1, 2])
    [2, 1]
    """
    result: list[Any] = []
    for value in values:
        if value not in result:
            result.append(value)
    return result


def columns(records: Sequence[Record]) -> list[str]:
    """Return the fields that name a row of a table.

    These are the attack, the source, the conditions in which the records differ, and more fields if records would
    otherwise have the same name.
    """
    fields = ["attack", "source", *(name for name in SHARED if len({getattr(r, name) for r in records}) > 1)]
    without_split = [name for name in fields if name != "split"]
    if len({key(r, without_split) for r in records}) == len({key(r, fields) for r in records}):
        fields = without_split
    for name in ("generator", "signature"):
        if len({(r.target, *key(r, fields)) for r in records}) < len(records):
            fields.append(name)
    return fields


def key(record: Record, fields: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of some fields of a record."""
    return tuple(getattr(record, name) for name in fields)


def as_text(value: Any) -> str:
    """Return the value of a field as text.

    >>> as_text(None), as_text(0.03), as_text((1, 2))
    ('none', '0.03', '1, 2')
    """
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def case(record: Record, fields: Sequence[str]) -> str:
    """Return the name of a record among others: attack, source, target, and the conditions in which it differs.

    Fields of the budget are named together, as one budget.
    """
    own = unique(
        short_budget(record) if name in BUDGET else f"{name.replace('_', ' ')} {as_text(getattr(record, name))}"
        for name in fields[2:]
    )
    return f"{record.attack}: {record.source} → {record.target}" + (f" ({', '.join(own)})" if own else "")


def short_budget(record: Record) -> str:
    """Return the perturbation budget of a record as short text, such as `17 dB below the peak, 12 %`."""
    if record.budget_epsilon is not None:
        size = f"epsilon {record.budget_epsilon:g}"
    elif record.budget_snr_db is not None:
        size = f"{record.budget_snr_db:g} dB below the peak"
    else:
        size = "epsilon unbounded"
    return f"{size}, {_share(record)}"


def _share(record: Record) -> str:
    return f"{percent(record.budget_sparsity, 2).rstrip('0').rstrip('.')} %"


def budget(record: Record) -> str:
    """Return the perturbation budget of a record as text."""
    unit = "of full scale" if record.domain == "waveform" else "deviations of a feature"
    changed = "samples" if record.domain == "waveform" else "features"
    if record.budget_epsilon is not None:
        size = f"epsilon {record.budget_epsilon:g} {unit}"
    elif record.budget_snr_db is not None:
        size = f"epsilon {record.budget_snr_db:g} dB below each clip's peak"
    else:
        size = "epsilon unbounded"
    return f"{size}, at most {_share(record)} of the {changed}"


def folds_of(record: Record, *, planned: bool = True) -> str:
    """Return the folds of a record as text, with the number of planned folds if some are missing and `planned`."""
    names = f"fold{'s' if len(record.folds) > 1 else ''} {as_text(record.folds)}"
    return f"{names} of the {record.folds_planned} planned" if record.partial and planned else names


def conditions(records: Sequence[Record]) -> str:
    """Return the conditions of some records, such as corpus, split, budget and defences, each value once."""

    def listed(values: Iterable[Any], separator: str = ", ") -> str:
        return separator.join(str(value) for value in unique(values))

    folds = [folds_of(r) for r in records if r.folds]
    defences = [f"{r.defence} ({r.target})" for r in records if r.defence is not None]
    partial = "PARTIAL, folds are missing: " if any(r.partial for r in records) else ""
    parts = [
        f"{partial}n = {listed(r.n for r in records)} clips of {listed(r.corpus for r in records)}, "
        f"{listed(r.speakers for r in records)} speakers",
        f"split {listed(r.split for r in records)}" + (f", {listed(folds, ' or ')}" if folds else ""),
        f"protocol {listed(r.protocol for r in records)}, labels from {listed(r.labels_from for r in records)}",
        f"budget: {listed((budget(r) for r in records), ' or ')}",
        f"seed {listed(r.seed for r in records)}",
    ]
    return "; ".join([*parts, f"defence {listed(defences)}"] if defences else parts)


def duration(seconds: float) -> str:
    """Return a time as text.

    >>> duration(90), duration(600)
    ('90 s', '10 minutes')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
