"""The folder of a run: what is written into it is read back, and other folders are refused in one line."""

import json
from dataclasses import replace

import pytest

from core.made_up import ROWS, made_record
from staanet.core import checksums, records
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.run import Layout, Run, as_run

OTHERS = [{**row, "length": 200} for row in ROWS]
LAYOUT = Layout("Title", "staanet.table4", toy=True, by_gender=True, pairwise=("a", "b"), equal_distortion=True)


def test_the_layout_and_the_lists_are_read_back(tmp_path):
    split = {"corpus": "demos", "clips": {}}
    write_json(tmp_path / "splits" / "s.json", split)
    paths = [records.write(tmp_path / "records", made_record(name, attack=name), ROWS) for name in ("noise", "fgsm")]
    records.write(tmp_path / "records", made_record("bim", attack="bim"), ROWS)  # of earlier settings
    run = Run(tmp_path)
    assert (run.title, run.toy, run.layout) == (None, False, Layout())
    assert [record.attack for record in run.records] == ["bim", "fgsm", "noise"]
    examples = [tmp_path / "examples" / "b", tmp_path / "examples" / "a"]
    run.write(LAYOUT, records=paths, examples=examples, splits=[tmp_path / "splits" / "s.json"])
    for opened in (run, Run(tmp_path)):
        assert (opened.title, opened.toy, opened.layout) == ("Title", True, LAYOUT)
        assert (opened.record_paths, opened.examples, opened.splits) == (paths, examples, [split])
        assert [record.attack for record in opened.records] == ["noise", "fgsm"]


def test_the_outcomes_of_a_record_are_those_that_were_written_with_it(tmp_path):
    first, second = made_record("1"), made_record("2", target="other")
    records.write(tmp_path / "records", first, ROWS)
    records.write(tmp_path / "records", second, OTHERS)
    run = Run(tmp_path)
    assert run.outcomes(first) == ROWS
    assert run.outcomes(replace(first, signature="12", pooled=["1", "2"])) == [*ROWS, *OTHERS]


def test_the_records_of_a_folder_are_read_in_the_order_of_their_names(tmp_path):
    for attack in ("noise", "fgsm"):
        records.write(tmp_path / "records", made_record(attack, attack=attack), ROWS)
    assert [record.attack for record in Run(tmp_path).records] == ["fgsm", "noise"]


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(StaanetError, match=r"expected records .*found none; give the folder that `staanet run` wrote"):
        _ = Run(tmp_path).records


def test_a_run_may_have_no_records(tmp_path):
    run = Run(tmp_path)
    run.write(Layout("Counts only"))
    assert run.records == []


def test_damaged_outcomes_are_refused(tmp_path):
    path = records.write(tmp_path / "records", made_record(), ROWS)
    path.with_suffix(".jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    with pytest.raises(StaanetError, match="expected the outcomes from which"):
        _ = Run(tmp_path).records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format": None},
            "expected a run of format 3, which this version of staanet writes, got none, as of staanet 0.1",
        ),
        ({"format": 2}, "which this version of staanet writes, got format 2; run the experiment again"),
        ({"titel": "x"}, "got 'titel'; did you mean 'title'"),
        ({"records": 3}, "run.json: records"),
    ],
)
def test_other_contents_are_refused_in_one_line(tmp_path, change, message):
    Run(tmp_path).write(LAYOUT)
    path = tmp_path / "run.json"
    values = {**json.loads(path.read_text()), **change}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    for name in ("layout", "records", "examples", "splits"):
        with pytest.raises(StaanetError, match=message) as caught:
            getattr(Run(tmp_path), name)
        assert "\n" not in str(caught.value)


def test_a_run_can_be_given_by_its_folder(tmp_path):
    run = Run(str(tmp_path))
    assert as_run(run) is run
    assert as_run(tmp_path).folder == run.folder == tmp_path


@pytest.mark.parametrize("change", [{"experiment": "another"}, {"settings": {"a": 1}}, {"queries": 5.0}])
def test_a_record_that_was_edited_after_the_run_is_refused(tmp_path, change):
    path = records.write(tmp_path / "records", made_record(), ROWS)
    Run(tmp_path).write(LAYOUT, records=[path])
    assert len(Run(tmp_path).records) == 1
    write_json(path, {**json.loads(path.read_text()), **change})
    with pytest.raises(StaanetError, match=r"\.json: expected the record as the run wrote it, got one that was"):
        _ = Run(tmp_path).records


def test_records_of_a_run_of_an_earlier_version_are_read_without_their_hashes(tmp_path):
    path = records.write(tmp_path / "records", made_record(), ROWS)
    Run(tmp_path).write(LAYOUT, records=[path])
    values = json.loads((tmp_path / "run.json").read_text())
    del values["records_sha256"]
    write_json(tmp_path / "run.json", values)
    assert len(Run(tmp_path).records) == 1


def test_the_list_of_what_belongs_to_a_run_has_a_checksum(tmp_path):
    write_json(tmp_path / "splits" / "s.json", {})
    Run(tmp_path).write(LAYOUT, splits=[tmp_path / "splits" / "s.json"])
    assert set(checksums.read(tmp_path)) == {"run.json", "splits/s.json"}
    Run(tmp_path).write(Layout("Other"))
    assert set(checksums.read(tmp_path)) == {"run.json"}
    assert checksums.damages(tmp_path, thorough=True) == []
