"""Published tables compared with a run: every number in its cell, and no value without a result."""

from dataclasses import replace

import pytest

from report.test_report import Page, made, run_with
from staanet import report
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.run import Layout, Run
from staanet.core.settings import read_toml
from staanet.report.sections import published
from staanet.study.loading import load, packaged

TABLE = """
source = "A. Author, arXiv 1234.56789"

[columns]
attacks = [
    { metric = "snr_peak_db_fooled", unit = "dB", subset = "val" },
    { metric = "asr", unit = "%", target = "zhao19", subset = "val" },
    { metric = "asr", unit = "%", target = "zhao19", subset = "test" },
]
short = [{ metric = "asr", unit = "%" }]
units = [{ metric = "asr", unit = "percent" }]

[tables.table4]
title = "Table 4: attacks"
rows = ["source", "attack"]
columns = "attacks"
note = "Read with care."
values = [
    ["emo18", "staa_net", 16.86, 84.95, 53.63],
    ["emo18", "one_pixel", "-", 0.0, 0.0],
    ["emo18", "silent", "-inf", 12.86, 12.77],
]

[tables.narrow]
title = ""
rows = ["source", "attack"]
columns = "short"
values = [["emo18", "staa_net", 1.0, 2.0]]

[tables.lost]
title = ""
rows = []
columns = "longer"
values = []

[tables.foreign]
title = ""
rows = []
columns = "units"
values = [[1.0]]
"""


@pytest.fixture(autouse=True)
def _paper(tmp_path, monkeypatch):
    """Add a publication of a few cells to the packaged ones."""
    (tmp_path / "paper.toml").write_text(TABLE)
    packaged_ones = published.publications()
    monkeypatch.setattr(published, "publications", lambda: {**packaged_ones, "paper": tmp_path / "paper.toml"})


VAL = made(subset="val", snr_peak_db_fooled=17.0)
FOUND = [VAL, replace(VAL, target="zhao19", asr=0.5, asr_control=0.2, asr_excess=0.3, snr_peak_db_fooled=99.0)]


def cells(*found):
    return {
        (*cell.keys.values(), cell.metric): cell
        for cell in published.compare_with_published("paper.table4", published.own_values(found))
    }


def test_a_cell_has_the_published_value_ours_the_difference_the_control_and_the_excess():
    cell = cells(*FOUND)["emo18", "staa_net", "zhao19", "val", "asr"]
    assert (cell.published, cell.ours, cell.control, cell.excess) == (0.8495, 0.5, 0.2, 0.3)
    assert cell.difference == pytest.approx(0.5 - 0.8495)
    assert cell.ours_ci == VAL.asr_speaker_ci
    assert cell.excess_ci == VAL.asr_excess_speaker_ci


def test_without_a_target_it_is_the_source_and_other_units_are_not_shares():
    cell = cells(*FOUND)["emo18", "staa_net", "val", "snr_peak_db_fooled"]
    assert (cell.published, cell.ours, cell.control, cell.excess) == (16.86, 17.0, None, None)
    assert cell.difference == pytest.approx(0.14)


def test_what_was_not_run_or_not_published_has_no_value():
    found = cells(*FOUND, replace(VAL, attack="one_pixel", snr_peak_db_fooled=31.0))
    assert found["emo18", "staa_net", "zhao19", "test", "asr"].ours is None
    assert "not part of this run" in found["emo18", "staa_net", "zhao19", "test", "asr"].reason
    dash = found["emo18", "one_pixel", "val", "snr_peak_db_fooled"]
    assert (dash.published, dash.printed, dash.ours, dash.difference) == (None, "-", 31.0, None)
    assert found["emo18", "silent", "val", "snr_peak_db_fooled"].printed == "-inf"


def test_results_with_the_same_keys_and_different_values_give_no_value():
    cell = cells(*FOUND, replace(FOUND[1], asr=0.6))["emo18", "staa_net", "zhao19", "val", "asr"]
    assert (cell.ours, cell.difference, cell.control) == (None, None, None)
    assert cell.reason.startswith("2 results with different values")


def test_an_undefined_value_has_a_reason():
    record = replace(VAL, snr_peak_db_fooled=None, notes={"snr_peak_db_fooled": "no clip was fooled"})
    assert cells(record)["emo18", "staa_net", "val", "snr_peak_db_fooled"].reason == "no clip was fooled"


def test_a_toy_run_is_compared_with_the_corpus_that_it_replaces():
    (values,) = published.own_values([replace(VAL, corpus="synthetic", stands_for="demos")])
    assert values["corpus"] == "demos"


def test_clips_are_counted_by_subset_and_emotion():
    split = {"corpus": "iemocap", "clips": {"train": {"anger": 500, "all": 3349}, "val": {"anger": 327, "all": 1031}}}
    found = {
        (cell.keys["subset"], cell.keys["label"]): cell
        for cell in published.compare_with_published("staanet.table1", published.own_values([], [split]))
    }
    assert (found["train", "anger"].published, found["train", "anger"].ours) == (536, 500)
    assert found["train", "anger"].difference == -36
    assert found["val", "all"].difference == 0
    assert found["test", "all"].ours is None


def test_the_table_shows_the_published_text_and_how_to_read_it():
    table = published.table("paper.table4", list(cells(*FOUND).values()))
    assert table.headings == ["source", "attack", "subset", "target", "metric"]
    texts = [[cell.text for cell in row] for row in table.rows]
    assert texts[1][3:] == ["zhao19", "asr %", "27.5", "84.95", "50.00", "−34.95", "20.00", "30.00"]
    assert texts[0][3:] == ["", "snr_peak_db_fooled dB", "–", "16.86", "17.00", "0.14", "–", "–"]
    assert texts[3][6] == "-"
    assert table.rows[2][7].note == 1
    assert table.notes == ["not part of this run"]
    for text in (
        "Table 4: attacks, as published and in this run",
        "chance is 25.0 %",
        "Read with care.",
        "A. Author, arXiv 1234.56789",
    ):
        assert text in table.caption


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stanet.table4", "did you mean 'staanet'"),
        ("staanet.table7", "expected a table from table1, .*; got 'table7'"),
        ("staanet", "expected a table from .*; got ''"),
        ("paper.lost", "did you mean|expected a columns from"),
        ("paper.narrow", r"expected rows of 3 values, got 4: \['emo18'"),
        ("paper.foreign", "a unit from .*, got .*percent"),
    ],
)
def test_an_unknown_or_inconsistent_table_is_refused(name, message):
    with pytest.raises(StaanetError, match=message):
        published.find(name)


def test_an_experiment_that_names_an_unknown_table_is_refused_before_it_runs(tmp_path):
    (tmp_path / "mine.toml").write_text('published = "staanet.tabel4"\n[corpus]\nname = "synthetic"\n')
    with pytest.raises(StaanetError, match=r"published: .* did you mean 'table4'"):
        load(tmp_path / "mine.toml")


def test_the_page_and_the_files_show_the_published_table(tmp_path):
    run_with(tmp_path / "run", *FOUND)
    paths = sorted((tmp_path / "run" / "records").glob("*.json"))
    Run(tmp_path / "run").write(Layout("Mine", "paper.table4"), records=paths)
    page = Page(report.write(tmp_path / "run"))
    assert "As published" in page.text
    assert "Table 4: attacks, as published and in this run" in page.text
    assert "Toy run" not in page.text
    for end in ("md", "tex", "csv"):
        assert "zhao19" in (tmp_path / "run" / "tables" / f"published.{end}").read_text(encoding="utf-8")


def test_a_run_without_models_shows_only_counts_and_a_toy_run_is_marked(tmp_path):
    split = {"corpus": "iemocap", "clips": {"val": {"anger": 7, "all": 28}}}
    write_json(tmp_path / "splits" / "0123456789.json", split)
    paths = [tmp_path / "splits" / "0123456789.json"]
    Run(tmp_path).write(Layout("Counts", "staanet.table1", toy=True), splits=paths)
    page = Page(report.write(tmp_path))
    assert "Toy run: synthetic speech replaces the corpora" in page.text.replace("run :", "run:")
    assert "As published" in page.text
    assert "Transfer" not in page.text
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {f"published.{e}" for e in ("md", "tex", "csv")}


def test_every_table_of_the_paper_is_whole():
    publication, _ = published.find("staanet.table1")
    sizes = {name: len(published.find(f"staanet.{name}")[1].values) for name in publication.tables}
    assert sizes == {"table1": 4, "table2": 7, "table3": 8, "table4": 8, "table5": 8, "table6": 10}
    rows = {name: table.values for name, table in publication.tables.items()}
    assert rows["table6"][4] == rows["table4"][3]  # STAA-Net itself is in both
    assert rows["table6"][9] == rows["table4"][7]
    for row in rows["table1"]:
        assert sum(row[1:5]) == row[5]
    assert [sum(column) for column in zip(*(row[1:] for row in rows["table1"][:3]), strict=True)] == list(
        rows["table1"][3][1:]
    )


def test_the_experiments_name_their_tables_and_every_table_has_one():
    named = {read_toml(path)["published"] for path in packaged().values() if "published" in read_toml(path)}
    assert named >= {f"staanet.table{number}" for number in range(1, 7)}
    for name in named:
        published.find(name)


@pytest.mark.parametrize("name", ["table2", "table3", "table4", "table5", "table6"])
def test_an_experiment_has_every_row_and_column_of_its_table_and_whisper(name):
    _, experiment = load(name)
    keys = [cell.keys for cell in published.compare_with_published(experiment.published, [])]
    known = {"target": set(experiment.models), "source": set(experiment.sources), "attack": set(experiment.attacks)}
    for key, names in known.items():
        wanted = {own[key] for own in keys if key in own}
        prior = {text for text in wanted if "[" in text}
        assert wanted - prior == (names - {"whisper"} if wanted else set())
    assert {own["subset"] for own in keys} == set(experiment.split.evaluate)
