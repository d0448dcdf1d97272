import dataclasses
import json
import math

import pytest

from core.made_up import ROWS, made_record
from staanet.core import records
from staanet.core.checksums import damages
from staanet.core.errors import StaanetError


@pytest.fixture
def record():
    return made_record()


def test_a_record_and_its_outcomes_come_back_as_they_were(tmp_path, record):
    path = records.write(tmp_path, record, ROWS)
    back = records.read(path)
    assert dataclasses.replace(back, outcomes_sha256="") == record
    assert records.read_outcomes(path) == ROWS
    assert path.name == "text-text-text-0123456789.json"
    assert {p.name for p in tmp_path.iterdir()} == {path.name, path.with_suffix(".jsonl").name, "checksums.jsonl"}
    assert damages(tmp_path, [path.name, path.with_suffix(".jsonl").name]) == []


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
        outcomes.write_text(text.replace("100", "101", 1) if damage == "changed" else text.splitlines(keepends=True)[0])
    with pytest.raises(StaanetError) as caught:
        records.read(path)
    assert str(caught.value) == (
        f"{outcomes}: expected the outcomes from which {path.name} was computed, got others; run again with --fresh"
    )


def test_nan_is_refused_and_no_record_is_left(tmp_path, record):
    with pytest.raises(ValueError, match="JSON compliant"):
        records.write(tmp_path, dataclasses.replace(record, l2=math.nan), ROWS)
    assert list(tmp_path.glob("*.json")) == []
    with pytest.raises(ValueError, match="JSON compliant"):
        records.write(tmp_path / "b", record, [{**row, "margin_clean": math.nan} for row in ROWS])
    assert not (tmp_path / "b").exists()


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
    with pytest.raises(StaanetError, match=f"text-text-text-0123456789.json: .*{message}"):
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
        records.outcomes_hash(rows) for rows in (ROWS, ROWS[::-1], ROWS[:1], [{**ROWS[0], "id": "z"}, *ROWS[1:]], [])
    }
    assert len(hashes) == 5
