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

HERE = Path(__file__).resolve()
TOOLS = HERE.parents[2] / "tools"
sys.path[:0] = [str(HERE.parent), str(TOOLS)]
import verified_study  # noqa: E402
from verify import figures, pages, records  # noqa: E402
from verify.check import main, verify  # noqa: E402
from verify.checks import Checks  # noqa: E402
from verify.invariants import check_invariants  # noqa: E402
from verify.listening import check_listening  # noqa: E402
from verify.sentences import SENTENCES, check_page  # noqa: E402
from verify.study import Study  # noqa: E402

from staanet.attacks import ATTACKS  # noqa: E402
from staanet.core.record import Record  # noqa: E402
from staanet.core.run import Run  # noqa: E402
from staanet.evaluation.flags import FLAGS, PER_MODEL  # noqa: E402
from staanet.report.results import Results  # noqa: E402
from staanet.report.summary import sentences  # noqa: E402

INTERVALS = {field.name for field in dataclasses.fields(Record) if field.name.endswith("_ci")}
MEASURED = {*records.MEASURED, *records.SIGNS} - {"black_box_lead"}
FIGURES = sorted({field.name for field in dataclasses.fields(Record)} - {*records.FACTS} - MEASURED)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    place = tmp_path_factory.mktemp("verified")
    return verified_study.write(place / "results", place / "run")


@pytest.fixture(scope="module")
def study(published):
    return Study.read(published)


def differences(check, study):
    checks = Checks("study")
    check(study, checks)
    return checks.differences


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


def test_the_study_has_every_table_and_every_sentence(published):
    assert {path.stem for path in (published / "tables").iterdir()} == {*pages.TABLES, "listening"}
    text = (published / "README.md").read_text()
    parts = text.partition("![")[0].split("\n\n")[1:]
    # the leading attack has a known ratio, and each of the other sentences is there once, but for two other targets
    assert len(SENTENCES) - 1 == sum(bool(re.search(r"\d", part)) for part in parts) - 1


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


def bumped(text):
    """Return a text whose first digit is another one."""
    return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), text, count=1)


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


def test_an_unknown_column_and_an_unknown_table_are_listed(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    tables = tmp_path / "study" / "tables"
    text = (tables / "models.md").read_text()
    (tables / "models.md").write_text(text.replace("chance %", "luck %"))
    (tables / "moods.md").write_text("A table.\n\n| model | mood |\n| --- | ---: |\n| emo18 | 1.0 |\n")
    checks = Checks("study")
    pages.check_tables(dataclasses.replace(study, folder=tmp_path / "study"), checks)
    assert list(checks.unchecked) == ["tables/models.md: column luck %", "tables/moods.md"]


def test_every_altered_number_of_the_page_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    summary = text.partition("![")[0]
    numbers = [match for match in re.finditer(r"(?<![\w.-])\d+(?:\.\d+)?", summary) if match.start() > 10]
    assert len(numbers) > 50
    missed = []
    for number in numbers:
        path.write_text(text[: number.start()] + bumped(number[0]) + text[number.end() :])
        checks = Checks("study")
        check_page(copied, checks)
        if not any("README.md" in line for line in [*checks.differences, *checks.unchecked]):
            missed.append(summary[number.start() - 30 : number.end() + 10])
    assert missed == []


@pytest.mark.parametrize(
    ("headline", "selection_folds", "shown"),
    [
        (("pgd", "emo18", "zhao19"), (0, 1), "Over fold 2 alone"),
        (("pgd", "emo18", "zhao19"), (), "of zhao19, to which the attack had no access (transfer), is"),
        (("pgd", "emo18", "zhao19"), (2,), "On emo18 itself (white-box), the robust accuracy is"),
        (("noise", "none", "emo18"), (0, 1, 2), "Under noise, which needs no source model, the robust accuracy of emo"),
        (("fgsm_0.5", "emo18", "emo18"), (1,), "% of the features."),
    ],
)
def test_every_sentence_on_another_leading_case_is_checked(study, tmp_path, headline, selection_folds, shown):
    names = dict(zip(("attack", "source", "target"), headline, strict=True))
    run = Run(published_as(study, tmp_path, headline=names, selection_folds=selection_folds))
    text = sentences(Results.read(run))
    assert any(shown in sentence for sentence in text)
    (tmp_path / "study" / "README.md").write_text("\n\n".join(["# A study", *text, "![", ""]))
    layout = study.layout | {"headline": names, "selection_folds": list(selection_folds)}
    checks = Checks("study")
    check_page(dataclasses.replace(study, folder=tmp_path / "study", layout=layout), checks)
    assert [line for line in checks.differences if "does not show" not in line and "flag" not in line] == []
    assert list(checks.unchecked) == []


def published_as(study, place, **layout):
    """Return a copy of the study, without its tables, in which the layout differs."""
    shutil.copytree(study.folder, place / "study", ignore=shutil.ignore_patterns("tables"))
    (place / "study" / "run.json").write_text(json.dumps(study.layout | layout))
    return place / "study"


def test_a_lost_sentence_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    lines = [line for line in text.partition("![")[0].split("\n\n")[1:] if re.search(r"\d", line)]
    assert len(lines) > 10
    for line in lines:
        path.write_text(text.replace(f"{line}\n\n", "", 1))
        assert any("README.md: " in found and "sentences on" in found for found in differences(check_page, copied)), (
            line
        )


ALTERED = {
    "computed on emo18": "computed on zhao19",
    "itself (white-box) is": "itself (black-box) is",
    "to which the attack had no access (transfer)": "to which the attack had access (transfer)",
    "folds 1, 2 alone": "folds 1, 3 alone",
    "chosen on fold 0": "chosen on fold 1",
    "instead of": "instead of 1",
    "these 2 budgets are": "these 3 budgets are",
    "this budget is": "these 2 budgets are",
    "epsilon 0.25 deviations": "epsilon 0.2 deviations",
    "predictions of guarded on": "predictions of zhao19 on",
    "strongest single attack is pgd": "strongest single attack is noise",
}


@pytest.mark.parametrize("words", ALTERED)
def test_altered_words_of_the_page_are_named(published, study, tmp_path, words):
    shutil.copytree(published, tmp_path / "study")
    text = (published / "README.md").read_text()
    assert words in text.partition("![")[0]
    (tmp_path / "study" / "README.md").write_text(text.replace(words, ALTERED[words], 1))
    assert differences(check_page, dataclasses.replace(study, folder=tmp_path / "study"))


def test_a_flag_that_names_another_fold_or_case_is_named(published, study, tmp_path):
    shutil.copytree(published, tmp_path / "study")
    copied, path = dataclasses.replace(study, folder=tmp_path / "study"), tmp_path / "study" / "README.md"
    text = path.read_text()
    flag = next(line for line in text.splitlines() if line.startswith("- **") and ", fold" in line)
    name = flag.removeprefix("- **").partition("**")[0]
    for wrong in (re.sub(r"folds? [\d, ]*\d", "fold 7", flag), flag.replace("→ emo18", "→ zhao19", 1), ""):
        path.write_text(text.replace(flag, wrong))
        assert any("README.md" in line and name in line for line in differences(check_page, copied)), wrong


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
