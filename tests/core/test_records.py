import dataclasses
import json
import math
import types
import typing

import pytest

from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.core.records import Record

SAMPLES = {str: "text", int: 7, float: 0.1 + 0.2, bool: True}


def sample(hint):
    """Return a value of the type of a field, None if it may be undefined."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return None
    if origin is tuple:
        return tuple(sample(part) for part in inner if part is not ...)
    if origin is list:
        return [sample(inner[0]), sample(inner[0])]
    if origin is dict:
        return {"key": SAMPLES.get(inner[1], "text")}
    return SAMPLES[hint]


@pytest.fixture
def record():
    hints = typing.get_type_hints(Record)
    return Record(**{field.name: sample(hints[field.name]) for field in dataclasses.fields(Record)})


ROWS = [{"id": "03a01Fa", "predicted_clean": 1, "margin_clean": 0.1 + 0.2}, {"id": "b", "predicted_clean": 0}]


def test_a_record_and_its_outcomes_come_back_as_they_were(tmp_path, record):
    path = records.write(tmp_path, record, ROWS)
    back = records.read(path)
    assert dataclasses.replace(back, outcomes_sha256="text") == record
    assert records.read_outcomes(path) == ROWS
    assert path.name == "text-text-text-text.json"
    assert {p.name for p in tmp_path.iterdir()} == {path.name, path.with_suffix(".jsonl").name}


def test_a_record_is_partial_until_all_its_folds_are_there(record):
    held = [dataclasses.replace(record, folds=folds, folds_planned=3).partial for folds in ((0,), (0, 2), (0, 1, 2))]
    assert held == [True, True, False]
    assert not dataclasses.replace(record, folds=(), folds_planned=0).partial


def test_writing_again_gives_the_same_bytes(tmp_path, record):
    first, second = (records.write(tmp_path / name, record, ROWS) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".jsonl").read_bytes() == second.with_suffix(".jsonl").read_bytes()


@pytest.mark.parametrize("damage", ["changed", "shortened", "removed"])
def test_damaged_outcomes_are_refused(tmp_path, record, damage):
    path = records.write(tmp_path, record, ROWS)
    outcomes = path.with_suffix(".jsonl")
    if damage == "removed":
        outcomes.unlink()
    else:
        text = outcomes.read_text()
        outcomes.write_text(text.replace("1", "2", 1) if damage == "changed" else text.splitlines(keepends=True)[0])
    with pytest.raises(StaanetError) as caught:
        records.read(path)
    assert str(caught.value) == (
        f"{outcomes}: expected the outcomes from which {path.name} was computed, got others; run again with --fresh"
    )


def test_nan_is_refused_and_no_record_is_left(tmp_path, record):
    with pytest.raises(ValueError, match="JSON compliant"):
        records.write(tmp_path, dataclasses.replace(record, asr=math.nan), ROWS)
    assert list(tmp_path.glob("*.json")) == []
    with pytest.raises(ValueError, match="JSON compliant"):
        records.write(tmp_path / "b", record, [{"margin_clean": math.nan}])
    assert list((tmp_path / "b").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"asr": "high"}, "asr"),
        ({"asr_rate": 0.1}, "got 'asr_rate'; did you mean"),
        ({"n": None}, "n: .*got None"),
    ],
)
def test_a_file_that_is_not_a_record_is_refused(tmp_path, record, change, message):
    path = records.write(tmp_path, record, ROWS)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StaanetError, match=f"text-text-text-text.json: .*{message}"):
        records.read(path)


def test_a_list_is_not_a_record(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(StaanetError, match=r"a.json: expected a table of settings, got list"):
        records.read(tmp_path / "a.json")


def test_outcomes_keep_their_hash_whatever_their_order_of_keys_and_spacing(tmp_path, record):
    path = records.write(tmp_path, record, ROWS)
    text = "\n".join(json.dumps(dict(reversed(row.items())), separators=(",", ":")) for row in ROWS)
    path.with_suffix(".jsonl").write_text(text)
    assert records.read_outcomes(path) == ROWS
    assert records.read(path).outcomes_sha256 == records.outcomes_hash(ROWS)


def test_the_hash_of_outcomes_depends_on_every_value_and_on_their_order():
    hashes = {
        records.outcomes_hash(rows) for rows in (ROWS, ROWS[::-1], ROWS[:1], [{**ROWS[0], "id": "c"}, ROWS[1]], [])
    }
    assert len(hashes) == 5
