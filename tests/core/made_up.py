"""A made-up record of four clips, whose figures were counted by hand."""

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from staanet.core import published, records
from staanet.core.records import Record
from staanet.report import results

ROWS = [
    {
        "id": clip,
        "label": label,
        "predicted_clean": clean,
        "predicted_adv": adv,
        "predicted_control": control,
        "length": 100,
        "l0": changed,
        "linf": 0.1 if changed else 0.0,
        "margin_adv": 0.5 if adv == clean else -0.5,
        "snr_peak_db": 14.0 if changed else None,
        "speaker": speaker,
    }
    for clip, label, clean, adv, control, changed, speaker in (
        ("a", 0, 0, 0, [0, 0], 10, "one"),
        ("b", 1, 1, 0, [1, 0], 10, "one"),
        ("c", 1, 0, 1, [0, 0], 5, "two"),
        ("d", 0, 0, 0, [0, 0], 0, "two"),
    )
]
"""Robust, fooled, fooled into the true class, and unchanged."""

COUNTED = {
    "n": 4,
    "n_correct": 3,
    "n_robust": 2,
    "n_fooled": 2,
    "n_unchanged": 1,
    "speakers": 2,
    "clips_by_class": [2, 2],
    "predictions_clean": [3, 1],
    "predictions_adv": [3, 1],
    "robust_accuracy": 0.5,
    "chance": 0.5,
    "asr": 0.5,
    "asr_correct": 1 / 3,
    "asr_control": 0.125,
    "asr_excess": 0.375,
    "accuracy_clean": 0.75,
    "accuracy_adv": 0.75,
    "one_class_share": 0.75,
}


@contextlib.contextmanager
def without_invariants() -> Iterator[None]:
    """Let records hold numbers that do not follow from their outcomes, for tests of how numbers are shown."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (records, published):
            patch.setattr(module, "check_record", lambda *_: None)
        patch.setattr(results, "check_figures", lambda *_: None)
        yield


def made_record(signature: str = "0123456789", **changes) -> Record:
    """Return the record of these clips; fields that do not follow from them have any value of their type."""
    kinds = {"str": "text", "int": 7, "float": 0.1 + 0.2, "bool": True, "Interval": (0.0, 1.0)}
    values = {
        field.name: kinds.get(getattr(field.type, "__name__", str(field.type)))
        for field in dataclasses.fields(Record)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    values |= {name: (0.0, 1.0) for name in values if name.endswith("_ci")}
    values |= {
        "signature": signature,
        "folds": (0,),
        "labels": ["anger", "joy"],
        "budget_epsilon": 0.1,
        "budget_sparsity": 0.1,
        "asr_by_class": [0.0, 1.0],
        "asr_by_prediction": [1 / 3, 1.0],
        "flags": [],
        "settings": {"attack": {"name": "noise"}},
        "versions": {"torch": "2.6"},
        **COUNTED,
        **changes,
    }
    return Record(**values)
