import json
import shutil

import compare_figures
import made_up_study
import pytest
from publish import publish

from staanet.core.published import PublishedRecords
from staanet.core.records import outcomes_hash
from staanet.core.run import Run

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trees")
    run = made_up_study.run(folder / "runs" / "study")
    publish(run, folder / "new" / "study")
    made_up_study.write_old_form(run, folder / "old" / "study")
    return folder / "old", folder / "new"


@pytest.fixture
def altered(trees, tmp_path):
    old, new = (shutil.copytree(tree, tmp_path / tree.name) for tree in trees)
    return old, new


def alter_outcome(study, *, rehash):
    """Change the decision on one clip; with `rehash`, also write the hash of the altered outcomes into its record."""
    record = Run(study).records[0]
    path = study / "outcomes.parquet"
    table = parquet.read_table(path)
    decisions = table.column("predicted_adv").to_pylist()
    column = pyarrow.array([1 - decisions[0], *decisions[1:]])
    parquet.write_table(table.set_column(table.column_names.index("predicted_adv"), "predicted_adv", column), path)
    if rehash:
        lines = [json.loads(line) for line in (study / "records.jsonl").read_text().splitlines()]
        rows = PublishedRecords(study).outcomes(record)
        lines[0]["outcomes_sha256"] = outcomes_hash(rows)
        (study / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_equal_trees_have_no_differences(trees, capsys):
    assert compare_figures.main(list(map(str, trees))) == 0
    printed = capsys.readouterr().out
    assert "figures compared" in printed
    assert "\n0 differences" in printed
    counts = compare_figures.compare_trees(*trees).counts
    assert counts["values of outcomes"] == 4 * 12 * 19
    assert min(counts[name] for name in ("fields of records", "cells of tables", "numbers in Markdown tables")) > 40


def test_an_altered_outcome_is_found_by_its_hash(altered, capsys):
    alter_outcome(altered[1] / "study", rehash=False)
    assert compare_figures.main(list(map(str, altered))) == 1
    assert "outcomes from which record" in capsys.readouterr().out


def test_an_altered_outcome_with_its_hash_is_found_in_outcomes_and_tables(altered):
    alter_outcome(altered[1] / "study", rehash=True)
    found = compare_figures.compare_trees(*altered).differences
    assert any("outcomes[0]: predicted_adv: expected 1, got 0" in one for one in found)
    assert any("table transfer[0]: asr: expected" in one for one in found)
    assert any("table comparisons[0]: difference: expected" in one for one in found)


def test_an_altered_record_is_found(altered):
    path = altered[1] / "study" / "records.jsonl"
    path.write_text(path.read_text().replace('"uar_clean":1.0', '"uar_clean":0.9999999999999999', 1))
    assert any(": uar_clean: expected 1.0" in one for one in compare_figures.compare_trees(*altered).differences)


def test_an_altered_table_and_a_missing_page_are_found(altered):
    table = altered[0] / "study" / "tables" / "transfer.csv"
    table.write_text(table.read_text().replace("17.0", "17.1", 1))
    (altered[1] / "study" / "tables" / "models.md").unlink()
    found = compare_figures.compare_trees(*altered).differences
    assert [one.split(": ")[-2:] for one in found] == [
        ["budget_snr_db", "expected '17.1', got '17.0'"],
        ["study/tables/models.md", "missing"],
    ]


def test_a_missing_study_is_found(altered):
    shutil.rmtree(altered[1] / "study")
    assert len(compare_figures.compare_trees(*altered).differences) == 1


def test_other_types_are_different():
    comparison = compare_figures.Comparison()
    comparison.check("values", "here", {"a": [1, 2.0]}, {"a": [1.0, 2.0]})
    assert comparison.differences == ["here: a[0]: expected 1, got 1.0"]


def test_two_folders_are_expected(capsys):
    assert compare_figures.main(["one"]) == 2
    assert "OLD NEW" in capsys.readouterr().out


def test_records_with_old_names_get_present_names(trees):
    old, new = trees
    path = min((old / "study" / "records").glob("*.json"))
    renamed = compare_figures.renamed_record(json.loads(path.read_text()))
    assert (renamed["flags"], renamed["labels_from"], renamed["subset"]) == (["chance_model"], "true_labels", "test")
    assert renamed["settings"]["dataset"] == "abc"
    assert {record.signature for record in Run(new / "study").records} >= {renamed["signature"]}
