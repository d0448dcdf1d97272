"""The perception table exists if perception was measured, with a note if clips were skipped."""

import csv

import pytest

from report.test_report import TRANSFERRED, Page, made, run_with
from staanet import report
from staanet.report.sections import perception
from staanet.report.tables import latex, markdown

MEASURED = {
    "pesq": 3.456,
    "stoi": 0.98765,
    "si_sdr_db": 12.34,
    "snr_segmental_db": -1.26,
    "log_spectral_distance_db": 5.0,
    "pesq_fooled": 3.4,
    "stoi_fooled": None,
    "si_sdr_db_fooled": 12.0,
    "snr_segmental_db_fooled": -1.5,
    "log_spectral_distance_db_fooled": 5.5,
    "notes": {"pesq": "2 of 102 clips skipped, most often because it is short", "stoi_fooled": "no clip was fooled"},
}


@pytest.fixture
def run(tmp_path):
    folder = run_with(tmp_path, made(**MEASURED), made(**MEASURED, **TRANSFERRED), made(attack="noise"))
    report.write(folder)
    return folder


def test_a_row_has_every_measure_over_all_and_over_the_fooled():
    text = markdown(perception.table([made(**MEASURED)]))
    _, heads, _, row, *notes = (line for line in text.splitlines() if line)
    assert heads.startswith(
        "| attack | source | target | SNR peak dB all | SNR peak dB fooled | PESQ all | PESQ fooled |"
    )
    assert row == (
        r"| staa\_net | emo18 | emo18 | 17.2 | 17.0 | 3.46<sup>1</sup> | 3.40 | 0.988 | –<sup>2</sup> | 12.3 | 12.0 "
        "| −1.3 | −1.5 | 5.0 | 5.5 |"
    )
    assert notes == [
        f"<sup>{number}</sup> {MEASURED['notes'][name]}" for number, name in ((1, "pesq"), (2, "stoi_fooled"))
    ]


def test_latex_sets_each_measure_over_its_two_columns():
    text = latex(perception.table([made(**MEASURED)]))
    assert r"\multicolumn{2}{c}{PESQ}" in text
    assert r"\cmidrule(lr){4-5}\cmidrule(lr){6-7}" in text
    assert r"3.46$^{1}$ & 3.40 & 0.988 & --$^{2}$" in text
    assert r"\label{tab:perception}" in text


def test_only_what_was_measured_has_a_row(run):
    text = (run / "tables" / "perception.md").read_text(encoding="utf-8")
    assert text.count(r"| staa\_net | emo18 |") == 2
    assert "| noise |" not in text
    with (run / "tables" / "perception.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["pesq"], first["stoi_fooled"], first["target"], second["target"]) == ("3.456", "", "emo18", "zhao19")


def test_the_page_has_the_table_with_its_notes(run):
    page = Page(run / "report" / "index.html")
    assert {"id": "perception"} in page.all("section")
    assert {"href": "#perception-note-1"} in page.all("a")
    assert {"id": "perception-note-2"} in page.all("li")
    assert {"href": "#perception"} in page.all("a")


def test_a_run_that_measured_nothing_has_neither_table_nor_section(tmp_path):
    page = Page(report.write(run_with(tmp_path, made())))
    assert {"id": "perception"} not in page.all("section")
    assert not list((tmp_path / "tables").glob("perception.*"))
