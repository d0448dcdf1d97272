import dataclasses
import json

import pytest

from core import made_up
from core.made_up import made_record
from staanet.core import published, records
from staanet.core.errors import StaanetError
from staanet.core.invariants import counted
from staanet.core.run import Layout, Run

pytest.importorskip("pyarrow")

GROUP = {"name": "noise", "budget": {"epsilon": 0.1, "snr_db": None}}
MORE = [
    {"margin": -0.0, "undefined": {}, "snr": None, "mixed": 1},
    {"margin": 0.1 + 0.2, "undefined": {"pesq": "no"}, "snr": 5e-324},
    {"margin": 1e18, "mixed": 1.0, "huge": 2**63 - 1, "whole": 2**53 + 1},
    {"margin": 0.0},
]
ROWS = [
    dict(reversed({**row, **more, "id": f"{row['id']}ü"}.items())) if place == 1 else {**row, **more}
    for place, (row, more) in enumerate(zip(made_up.ROWS, MORE, strict=True))
]
OTHERS = [{**row, "predicted_control": row["predicted_control"][:1]} for row in made_up.ROWS]


def record(signature, rows=ROWS, **changes):
    changes = {"settings": {"attack": GROUP, "seed": 2**62, "size": None}, **changes}
    return made_record(signature, **counted(rows, ["anger", "joy"]), **changes)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    paths = [
        records.write(folder / "records", record("b", source="z", notes={"comb_share": "no generator"}), ROWS),
        records.write(folder / "records", record("a", OTHERS, fold=None), OTHERS),
        records.write(folder / "records", record("c", settings={"attack": GROUP, "source": {"seed": 1}}), ROWS),
    ]
    result = Run(folder)
    result.write(Layout(title="A study", pairwise=("noise",), by_gender=True), records=paths)
    return result


@pytest.fixture
def study(run, tmp_path):
    run.publish(tmp_path / "study")
    return tmp_path / "study"


def exact(value):
    """Return a text that differs for 1 and 1.0, for 0.0 and -0.0, and for different orders of keys."""
    return repr(value)


def test_records_and_outcomes_come_back_exactly(run, study):
    back = Run(study)
    assert back.layout == run.layout
    assert exact(back.records) == exact(run.records)
    for one in run.records:
        assert exact(back.outcomes(one)) == exact(run.outcomes(one))


def test_a_published_study_is_published_again_with_the_same_bytes(study, tmp_path):
    Run(study).publish(tmp_path / "again")
    names = {path.name for path in study.iterdir()}
    assert names == {"run.json", "records.jsonl", "settings.jsonl", "outcomes.parquet"}
    for name in names:
        assert (study / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_fields_are_plain_and_shared_settings_are_stored_once(study):
    first, second, _ = map(json.loads, (study / "records.jsonl").read_text().splitlines())
    assert (first["signature"], first["source"], first["l2"]) == ("b", "z", 0.1 + 0.2)
    assert first["settings"]["attack"] == second["settings"]["attack"] == {"signature": published.signature(GROUP)}
    groups = list(map(json.loads, (study / "settings.jsonl").read_text().splitlines()))
    assert [group["settings"] for group in groups] == [GROUP, {"seed": 1}]


def test_only_optional_figures_that_a_record_lacks_are_left_out(study):
    lines = map(json.loads, (study / "records.jsonl").read_text().splitlines())
    for line, record in zip(lines, Run(study).records, strict=True):
        left_out = {field.name for field in dataclasses.fields(record)} - set(line)
        assert {"pesq", "found_by"} <= left_out
        assert {getattr(record, name) for name in left_out} == {None}
        assert {"defence", "generator", "asr_correct"} <= set(line)


def test_outcomes_can_be_read_without_this_library(study):
    from pyarrow import parquet

    table = parquet.read_table(study / "outcomes.parquet")
    assert table.column("record").to_pylist() == [*"bbbb", *"aaaa", *"cccc"]
    assert table.column("predicted_control").to_pylist()[1:6] == [[1, 0], [0, 0], [0, 0], [0], [1]]
    assert str(table.schema.field("margin").type) == "double"


def test_altered_outcomes_are_refused(study):
    from pyarrow import array, parquet

    table = parquet.read_table(study / "outcomes.parquet")
    place = table.column_names.index("label")
    labels = [1, *table.column("label").to_pylist()[1:]]
    parquet.write_table(table.set_column(place, "label", array(labels)), study / "outcomes.parquet")
    with pytest.raises(StaanetError, match="outcomes from which record b was computed"):
        _ = Run(study).records


def test_damaged_studies_are_refused_in_one_line(study):
    (study / "outcomes.parquet").write_text("damaged")
    with pytest.raises(StaanetError, match="expected the outcomes of a published study"):
        _ = Run(study).records
    (study / "settings.jsonl").write_text("")
    with pytest.raises(StaanetError, match=r"expected settings \w+ in settings.jsonl"):
        _ = Run(study).records


def test_reserved_keys_are_refused(tmp_path):
    path = records.write(tmp_path / "run" / "records", record("a"), [{**row, "record": 1} for row in ROWS])
    run = Run(tmp_path / "run")
    run.write(Layout(), records=[path])
    with pytest.raises(StaanetError, match="got record; rename it"):
        run.publish(tmp_path / "study")


def test_splits_are_kept_where_a_published_table_counts_clips(run, tmp_path):
    split = {"corpus": "emodb", "clips": {"test": {"anger": 3}}}
    (run.folder / "splits").mkdir()
    (run.folder / "splits" / "one.json").write_text(json.dumps(split))
    layout = dataclasses.replace(run.layout, published="staanet.table1")
    run.write(layout, records=run.record_paths, splits=[run.folder / "splits" / "one.json"])
    run.publish(tmp_path / "study")
    assert Run(tmp_path / "study").splits == [split]
