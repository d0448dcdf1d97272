"""The files of the tables: every field, and every special character escaped."""

import csv
import json
import math
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from report.test_report import FOUR, made, run_with
from staanet import report
from staanet.core.run import Run

TABLES = ("robustness", "transfer", "models", "comparisons")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_file_is_there_and_the_page_is_returned(tmp_path):
    run = run_with(tmp_path, *FOUR)
    assert report.write(run) == run / "report" / "index.html"
    left = {str(path.relative_to(run)) for room in ("tables", "report") for path in (run / room).iterdir()}
    tables = {f"{name}.{end}" for name in TABLES for end in ("md", "csv", "tex")}
    assert left == {"report/index.html", *(f"tables/{name}" for name in (*tables, "records.csv"))}


def test_the_csv_holds_every_field_of_every_record(run):
    for row, record in zip(rows(run / "tables" / "records.csv"), Run(run).records, strict=True):
        for name, value in asdict(record).items():
            if name.endswith("_ci"):
                bounds = [float(row[f"{name}_{end}"] or "nan") for end in ("low", "high")]
                assert bounds == (list(value) if value else pytest.approx([math.nan] * 2, nan_ok=True))
            elif isinstance(value, dict | list | tuple):
                assert json.loads(row[name]) == (list(value) if isinstance(value, tuple) else value)
            elif isinstance(value, float):
                assert float(row[name]) == value
            else:
                assert row[name] == ("" if value is None else str(value))


def test_latex_escapes_names_and_signs(tmp_path):
    report.write(run_with(tmp_path, made(source=r"a_b&50%", asr_excess=-0.031, corpus="x\\y")))
    text = (tmp_path / "tables" / "transfer.tex").read_text(encoding="utf-8")
    assert r"staa\_net & a\_b\&50\% & 27.5" in text
    assert r"$-$3.1" in text
    assert r"x\textbackslash{}y" in text
    assert r"sparsity \%" in text
    bare = re.sub(r"\\[_%]|\$[^$]*\$|^%.*$", "", text, flags=re.MULTILINE)
    assert "_" not in bare
    assert "%" not in bare


def test_markdown_escapes_what_would_break_a_table(tmp_path):
    report.write(run_with(tmp_path, made(source="a|b<c>")))
    assert r"| a\|b\<c\> |" in (tmp_path / "tables" / "transfer.md").read_text(encoding="utf-8")


def test_the_tables_of_a_run_can_be_written_into_another_folder_in_some_formats(tmp_path):
    run = run_with(tmp_path / "run", *FOUR)
    written = report.write_tables(run, tmp_path / "out", ["csv", "latex"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in written}
    assert {path.name for path in written} == {
        "records.csv",
        *(f"{name}.{end}" for name in TABLES for end in ("csv", "tex")),
    }
    assert "records.csv" not in {path.name for path in report.write_tables(run, tmp_path / "latex", ["latex"])}
    assert {path.name for path in run.iterdir()} == {"records"}
