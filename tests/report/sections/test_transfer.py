"""The transfer table: one row per attack and source, five columns per target, robust accuracy first."""

import csv

from report.test_report import PGD, made, run_with
from staanet import report
from staanet.core import records
from staanet.core.run import Layout, Run


def test_the_transfer_csv_holds_raw_fractions(run):
    first = next(
        row
        for row in csv.DictReader((run / "tables" / "transfer.csv").open(encoding="utf-8", newline=""))
        if (row["attack"], row["target"]) == ("staa_net", "zhao19")
    )
    assert (first["asr"], first["asr_ci_low"], first["asr_ci_high"]) == ("0.2059", "0.1373", "0.2941")
    assert (first["asr_control"], first["asr_excess"], first["n"]) == ("0.0915", "0.1144", "102")


def test_a_row_has_an_attack_on_a_source_and_every_target(run):
    lines = (run / "tables" / "transfer.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(r"| staa\_net | emo18 |"))
    assert "| 27.5 [18.7, 37.8]† | 26.0 | 56.9 [46.2, 67.0] | 12.4 | 44.4 [33.3, 55.2] | 50.0 [39.0, 61.0] |" in row
    assert row.endswith("| 4.91 | 17.2 | 7.5 | 0.0123 | 101 | 100 |")


def test_the_caption_states_the_conditions(run):
    caption = (run / "tables" / "transfer.md").read_text(encoding="utf-8").splitlines()[0]
    assert "confidence intervals that allow for correlation between clips of a speaker. Source:" in caption
    assert r"of emo\_db, 10 speakers; split test; protocol file, labels from predictions; budget: epsilon" in caption
    assert "; seed 0." in caption
    assert caption.endswith("† white-box: the target is the source.")


def test_undefined_is_a_dash_with_its_reason(run, page):
    reason = PGD["notes"]["comb_share"]
    markdown = (run / "tables" / "transfer.md").read_text(encoding="utf-8")
    assert "| –<sup>1</sup> |" in markdown
    assert f"<sup>1</sup> {reason}" in markdown
    assert "--$^{1}$" in (run / "tables" / "transfer.tex").read_text(encoding="utf-8")
    assert reason in page.text
    assert {"href": "#transfer-note-1"} in page.all("a")


def test_folds_that_cannot_be_pooled_have_rows_of_their_own_in_the_order_of_the_run(tmp_path):
    found = [
        made(fold=fold, folds=(fold,), folds_planned=planned, signature=f"{fold}", robust_accuracy=fold / 10)
        for fold, planned in ((2, 1), (10, 3))
    ]
    run_with(tmp_path, *found)
    paths = [records.record_path(tmp_path / "records", r.signature, r.source, r.target, r.attack) for r in found]
    Run(tmp_path).write(Layout("Folds"), records=paths)
    report.write(tmp_path)
    lines = (tmp_path / "tables" / "transfer.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].count("PARTIAL, folds are missing") == 1
    assert "split test, fold 2 or fold 10 of the 3 planned; " in lines[0]
    assert lines[2].startswith("| attack | source | folds | emo18 robust accuracy | emo18 robust UAR | emo18 ASR")
    assert [line.split(" | ")[2:4] for line in lines[4:6]] == [
        ["2", "20.0 [18.7, 37.8]†"],
        ["10", "100.0 [18.7, 37.8]†"],
    ]


def test_records_that_differ_only_in_their_signature_keep_their_rows(tmp_path):
    report.write(run_with(tmp_path, made(signature="aaaa"), made(signature="bbbb")))
    assert (tmp_path / "tables" / "transfer.md").read_text(encoding="utf-8").count("56.9") == 2
