import json

import pytest

from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl
from staanet.core.parsing import DEEPEST, LARGEST, check_plain, parse_json, parse_toml
from staanet.core.settings import read_toml


@pytest.mark.parametrize("deep", [DEEPEST + 1, 900, 100_000])
def test_values_too_deep_inside_each_other_are_refused(deep):
    for parse, text in (
        (parse_json, "[" * deep + "]" * deep),
        (parse_json, '{"a":' * deep + "1" + "}" * deep),
        (parse_toml, "a = " + "[" * deep + "]" * deep),
    ):
        with pytest.raises(ValueError, match="inside each other"):
            parse(text)


def test_as_many_values_inside_each_other_as_allowed_are_read():
    value = json.loads("[" * DEEPEST + "]" * DEEPEST)
    assert parse_json(json.dumps(value)) == value
    with pytest.raises(ValueError, match="inside each other"):
        parse_toml(".".join("a" * 500) + " = 1")


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, str(LARGEST + 1), "1e30"]
)
def test_numbers_that_are_not_finite_or_too_large_are_refused(tmp_path, number):
    path = tmp_path / "value.json"
    for text in (number, f"[{number}]", f'{{"a": [0, {number}]}}'):
        path.write_text(text)
        with pytest.raises(StaanetError, match=r"value.json: expected JSON, got"):
            read_json(path)
        with pytest.raises(StaanetError, match=r"value.json: expected JSON, got"):
            read_jsonl(path)


@pytest.mark.parametrize("number", ["nan", "-nan", "inf", "+inf", "1e999", "9" * 4000, str(2**64)])
def test_the_same_holds_in_toml(tmp_path, number):
    path = tmp_path / "value.toml"
    path.write_text(f"[a]\nb = [1, {number}]\n")
    with pytest.raises(StaanetError, match=r"value.toml: expected TOML, got a.b.1: the number"):
        read_toml(path)


@pytest.mark.parametrize("text", ["1.7976e18", "0.12345678901234567", str(LARGEST), '"1e999"', r'"\ud83d\ude00"', "[]"])
def test_values_that_look_suspicious_but_are_not_are_read(text):
    assert parse_json(text) == json.loads(text)


def test_half_a_character_is_refused_because_it_cannot_be_written():
    with pytest.raises(ValueError, match="half a character"):
        parse_json(r'{"id": "a\ud800"}')
    with pytest.raises(ValueError, match="half a character"):
        parse_json(r'{"a\udfff": 1}')


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "value.json"
    path.write_text('{"inner": {"id": 1, "id": 2}}')
    with pytest.raises(StaanetError, match="the key 'id' twice"):
        read_json(path)


def test_lines_of_json_end_at_line_feeds_only(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a\u2028b"}\r\n{"text": "\u0085"}\r\n', encoding="utf-8", newline="")
    assert [row["text"] for row in read_jsonl(path)] == ["a\u2028b", "\u0085"]
    path.write_text("")
    assert read_jsonl(path) == []


def test_a_folder_and_bytes_that_are_no_text_are_refused_in_one_line(tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for name in ("folder.json", "bytes.json", "missing.json"):
        for read in (read_json, read_jsonl):
            with pytest.raises(StaanetError, match=f"{name}: expected a file"):
                read(tmp_path / name)


def test_the_limit_of_bytes_is_checked_before_a_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("staanet.core.parsing.MOST_BYTES", 10)
    (tmp_path / "large.json").write_text("[1, 2, 3, 4]")
    with pytest.raises(StaanetError, match="of at most 10 bytes, got 12"):
        read_json(tmp_path / "large.json")


def test_tensors_and_other_objects_are_not_looked_into():
    check_plain({"speech": (object(),), "none": None, "yes": True})
