import copy
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from verified_study import bumped, differences
from verify import figures, pages, records
from verify.check import main, verify
from verify.checks import Checks
from verify.invariants import check_invariants
from verify.listening import check_listening

from staanet.attacks import ATTACKS
from staanet.core.record import Record
from staanet.evaluation.flags import FLAGS, PER_MODEL

TOOLS = Path(__file__).resolve().parents[2] / "tools"
INTERVALS = {field.name for field in dataclasses.fields(Record) if field.name.endswith("_ci")}
MEASURED = {*records.MEASURED, *records.SIGNS} - {"black_box_lead"}
FIGURES = sorted({field.name for field in dataclasses.fields(Record)} - {*records.FACTS} - MEASURED)


def altered_record(study, index, **fields):
    changed = [*study.records]
    changed[index] = changed[index] | fields
    return dataclasses.replace(study, records=changed, memory={})


def altered_row(study, signature, clip, **columns):
    rows = copy.deepcopy(study.rows[signature])
    rows[clip] |= columns
    return dataclasses.replace(study, rows=study.rows | {signature: rows}, memory={})


def other(value):
    """Return another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 0.001 if isinstance(value, float) else value + 1
    if isinstance(value, str):
        return value.replace("1", "2") + "0"
    if isinstance(value, dict):
        return {name: other(own) for name, own in value.items()} or {"one_class": [0]}
    return [other(value[0]), *value[1:]] if value else ["comb"]


def test_a_study_as_the_library_publishes_it_passes(published):
    checks = verify(published)
    assert checks.differences == []
    assert list(checks.unchecked) == [
        "listening.json: share_by_listener, which follows from answers that are not published"
    ]
    assert all(checks.counts[kind] > 500 for kind in ("figures", "cells", "invariants"))


@pytest.mark.parametrize("name", FIGURES)
def test_an_altered_figure_of_a_record_is_named(study, name):
    last = len(study.records) - 1
    index = last if name in ("found_by", "black_box_lead") else 0
    record = study.records[index]
    value = [0.0, 1.0] if name.endswith("_fold_ci") else other(record[name])
    changed = altered_record(study, index, **{name: value})
    found = [*differences(records.check_records, changed), *differences(check_invariants, changed)]
    assert any(re.search(rf"\b{name}\b", sentence) and record["attack"] in sentence for sentence in found)


@pytest.mark.parametrize("name", sorted(INTERVALS))
def test_an_interval_without_its_estimate_is_named(study, name):
    changed = altered_record(study, 0, **{name: [1.5, 1.6]})
    assert any(
        f"{name} does not contain its estimate" in sentence for sentence in differences(check_invariants, changed)
    )


ROWS = {
    "predicted_adv": (7, "a class that the model does not have"),
    "predicted_saved": (7, "a class that the model does not have"),
    "l0": (5000, "more samples changed than the clip has"),
    "l1": (1e-3, "norms that do not belong to one perturbation"),
    "l2": (1e-3, "norms that do not belong to one perturbation"),
    "linf": (5.0, "norms that do not belong to one perturbation"),
    "snr_energy_db": (None, "a ratio to an unchanged clip, or none to a changed one"),
    "margin_clean": (-0.1, "a margin whose sign contradicts the predictions"),
    "confidence_adv": (0.1, "a confidence outside of [1/K, 1]"),
    "snr_peak_db": (16.99, "larger than the budget"),
    "length": (900, "more samples changed than the budget allows"),
    "label": (2, "another clean answer, label or speaker than in an earlier record"),
    "id": ("0-01", "a clip is there twice"),
}


@pytest.mark.parametrize("column", ROWS)
def test_an_altered_clip_is_named(study, column):
    value, sentence = ROWS[column]
    changed = altered_row(study, study.records[0]["signature"], 0, **{column: value})
    assert any(sentence in line for line in differences(check_invariants, changed))
    assert differences(records.check_records, changed), "the hash of the outcomes"


def test_an_unchanged_clip_that_is_fooled_is_named_unless_the_model_is_random(study):
    signature = study.records[0]["signature"]
    clip = next(index for index, row in enumerate(study.rows[signature]) if row["l0"] == 0)
    before = study.rows[signature][clip]["predicted_clean"]
    changed = altered_row(study, signature, clip, predicted_adv=(before + 1) % 3, margin_adv=-1.0)
    sentence = "an unchanged clip that counts as fooled"
    assert any(sentence in line for line in differences(check_invariants, changed))
    random = altered_record(changed, 0, randomised=True)
    assert not any(sentence in line for line in differences(check_invariants, random))


@pytest.mark.parametrize(
    ("budget", "row", "kept"),
    [
        ({"budget_epsilon": 0.1, "budget_snr_db": None}, {"linf": 0.1000001}, True),
        ({"budget_epsilon": 0.1, "budget_snr_db": None}, {"linf": 0.100001}, False),
        ({"budget_epsilon": None, "budget_snr_db": 17.0}, {"snr_peak_db": 16.999998}, True),
        ({"budget_epsilon": None, "budget_snr_db": 60.0}, {"snr_peak_db": 59.9995}, True),
        ({"budget_epsilon": None, "budget_snr_db": 17.0}, {"snr_peak_db": 16.9999}, False),
        ({"budget_epsilon": None, "budget_snr_db": None}, {"linf": 3.0, "l2": 40.0, "l1": 300.0}, True),
        ({"budget_sparsity": 0.1}, {"length": 1190}, False),
        ({"budget_sparsity": 0.1}, {"length": 1200}, True),
        ({"budget_sparsity": 1e-9}, {"l0": 1}, True),
    ],
)
def test_the_budget_is_kept_up_to_the_rounding_of_a_sample(study, budget, row, kept):
    signature = study.records[2]["signature"]
    changed = dataclasses.replace(altered_record(study, 2, **budget), rows={signature: study.rows[signature][:1]})
    changed = altered_row(changed, signature, 0, **row)
    found = [line for line in differences(check_invariants, changed) if "budget" in line]
    assert (not found) == kept


def cells_of(published):
    """Return the first cell with a number in every column of every table."""
    for path in sorted((published / "tables").glob("*.md")):
        lines = path.read_text().splitlines()
        start = next(index for index, line in enumerate(lines) if line.startswith("| "))
        for column, heading in enumerate(lines[start][2:-2].split(" | ")):
            for index in range(start + 2, len(lines)):
                cells = lines[index][2:-2].split(" | ")
                if lines[index].startswith("| ") and re.match(r"[^<]*\d", cells[column]):
                    yield path.stem, heading, index, column
                    break


def test_every_altered_cell_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, seen = dataclasses.replace(study, folder=tmp_path / "study"), set()
    for table, heading, index, column in cells_of(published):
        path = tmp_path / "study" / "tables" / f"{table}.md"
        text = path.read_text()
        lines = text.splitlines()
        cells = lines[index][2:-2].split(" | ")
        cells[column] = bumped(cells[column])
        lines[index] = f"| {' | '.join(cells)} |"
        path.write_text("\n".join(lines) + "\n")
        check = check_listening if table == "listening" else partial(pages.check_table, path=path)
        assert any(f"tables/{table}.md" in line for line in differences(check, copied)), heading
        path.write_text(text)
        seen.add(table)
    assert seen == {*pages.TABLES, "listening"}


@pytest.mark.parametrize("table", [*pages.TABLES])
def test_a_lost_row_or_table_is_named(published, study, tmp_path, table):
    shutil.copytree(published, tmp_path / "study")
    copied = dataclasses.replace(study, folder=tmp_path / "study")
    path = tmp_path / "study" / "tables" / f"{table}.md"
    lines = path.read_text().splitlines()
    last = max(index for index, line in enumerate(lines) if line.startswith("| "))
    path.write_text("\n".join(lines[:last] + lines[last + 1 :]) + "\n")
    assert any(f"tables/{table}.md: no row" in line for line in differences(pages.check_tables, copied))


@pytest.mark.parametrize(
    ("table", "pattern", "sentence"),
    [
        ("headline", r"Settings were chosen on fold 0", "tables/headline.md: caption"),
        ("comparisons", r"by fold", "intervals by fold and no column"),
        ("pairwise", r"by fold", "intervals by fold and no column"),
        ("robustness", r"by fold", "intervals by fold and no column"),
    ],
)
def test_another_choice_of_folds_and_lost_columns_by_fold_are_named(
    published, study, tmp_path, table, pattern, sentence
):
    shutil.copytree(published, tmp_path / "study")
    path = tmp_path / "study" / "tables" / f"{table}.md"
    changed = re.sub(
        pattern, lambda match: match[0].replace("fold 0", "fold 1").replace("by fold", "other"), path.read_text()
    )
    assert changed != path.read_text()
    path.write_text(changed)
    copied = dataclasses.replace(study, folder=tmp_path / "study")
    assert any(sentence in line for line in differences(pages.check_tables, copied))


def test_an_unknown_column_and_an_unknown_table_are_listed(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    tables = tmp_path / "study" / "tables"
    text = (tables / "models.md").read_text()
    (tables / "models.md").write_text(text.replace("chance %", "luck %"))
    (tables / "moods.md").write_text("A table.\n\n| model | mood |\n| --- | ---: |\n| emo18 | 1.0 |\n")
    checks = Checks("study")
    pages.check_tables(dataclasses.replace(study, folder=tmp_path / "study"), checks)
    assert list(checks.unchecked) == ["tables/models.md: column luck %", "tables/moods.md"]


@pytest.mark.parametrize("name", ["share", "share_ci", "guessing_inside", "p_value", "trials", "correct"])
def test_an_altered_figure_of_the_listening_test_is_named(published, study, tmp_path, name):
    shutil.copytree(published, tmp_path / "study")
    path = tmp_path / "study" / "listening.json"
    counts = json.loads(path.read_text())
    counts["rows"][0][name] = other(counts["rows"][0][name])
    path.write_text(json.dumps(counts))
    copied = dataclasses.replace(study, folder=tmp_path / "study")
    assert any("listening.json" in line for line in differences(check_listening, copied))


def test_the_tool_says_what_it_checked_and_fails_on_a_difference(published, tmp_path, capsys):
    shutil.copytree(published, tmp_path / "study")
    assert main([str(tmp_path)]) == 0
    assert re.search(r"study: \d+ figures, \d+ cells, \d+ invariants, 0 differ", capsys.readouterr().out)
    path = tmp_path / "study" / "records.jsonl"
    path.write_text(re.sub(r'"asr":0\.', '"asr":0.0', path.read_text(), count=1))
    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert "  study: " in printed
    assert "asr is 0.0" in printed
    assert main([str(tmp_path / "study")]) == 2


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("README.md", None, "README.md: it is missing"),
        ("run.json", None, "FileNotFoundError"),
        ("run.json", '{"format": 2}', "run.json: expected format 3; publish the study again"),
        ("outcomes.parquet", "", "ArrowInvalid"),
        ("records.jsonl", "{", "JSONDecodeError"),
        ("records.jsonl", "", "its records are not those of records.jsonl"),
    ],
)
def test_a_damaged_study_is_one_sentence(published, tmp_path, capsys, name, text, sentence):
    shutil.copytree(published, tmp_path / "study")
    path = tmp_path / "study" / name
    path.unlink() if text is None else path.write_text(text)
    assert main([str(tmp_path)]) == 1
    assert re.search(
        rf"Differences:\n  study: .*{sentence}.*\n\d+ checks of 1 studies, 1 differ", capsys.readouterr().out
    )


def test_nothing_of_the_library_is_imported():
    code = "import sys; sys.path[:0] = [sys.argv[1]]; import verify.check; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code, str(TOOLS)], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "verify" in loaded
    assert not loaded & {"staanet", "torch", "pydantic"}


def test_the_lists_of_controls_and_flags_are_those_of_the_library():
    assert {*figures.CONTROLS} == {name for name, attack in ATTACKS.items() if attack.reference == "control"}
    assert {*figures.MODEL_FLAGS} == {*PER_MODEL}
    assert {*FLAGS} == figures.FLAGS


@pytest.mark.slow
def test_the_published_results_pass(capsys):
    assert main([]) == 0, capsys.readouterr().out
