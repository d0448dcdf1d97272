"""What a terminal shows of a run: robust accuracy first, and a line for each flag."""

from dataclasses import replace

from report.made_up import case, clips, folded, results
from report.test_report import FOUR, run_with
from staanet.report import terminal
from staanet.report.results import Results


def lines(found, monkeypatch):
    monkeypatch.setattr(Results, "read", classmethod(lambda *_: found))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in terminal.lines("")]


def test_robust_accuracy_comes_before_the_success_rate(tmp_path):
    text = "\n".join(terminal.lines(run_with(tmp_path, *FOUR)))
    first = text.index("robust accuracy of emo18")
    assert first < text.index("Robust accuracy of each model in the worst case") < text.index("emo18 robust accuracy")
    assert text.index("emo18 robust accuracy") < text.index("emo18 ASR") < text.index("emo18 control")


def test_every_flag_is_one_line_that_names_the_records_and_folds(monkeypatch):
    parts = [
        (case(rows, fold=fold, planned=2, flags=["one_class"] if fold else []), rows)
        for fold, rows in enumerate((clips(16, 4), clips(16, 8, fold=1)))
    ]
    shown = [line for line in lines(results(*parts), monkeypatch) if line.startswith("flag ")]
    (one_class,) = (line for line in shown if "one_class" in line)
    assert one_class.startswith("flag one_class (staa_net: emo18 → emo18, fold 1): The target predicts one class")
    assert "\n" not in one_class
    assert any(line.startswith("flag few_speakers (") for line in shown)


def test_many_records_with_a_flag_are_counted(monkeypatch):
    rows = clips(16, 4)
    found = results(*((case(rows, f"attack_{number}"), rows) for number in range(4)))
    flagged = replace(found, records=[replace(record, flags=["comb"]) for record in found.records])
    assert any(line.startswith("flag comb (4 of 4 records): ") for line in lines(flagged, monkeypatch))


def test_a_loud_budget_is_one_line_and_a_run_without_flags_has_none(monkeypatch):
    rows = [row for speaker in range(8) for row in clips(16, 4, fold=speaker, speakers=1)]
    quiet = results((replace(case(rows), flags=[]), rows))
    assert not [line for line in lines(quiet, monkeypatch) if line.startswith(("flag", "Noise alone"))]
    loud = results(*folded([(16, 8), (16, 8)], flags=["noise_sensitive"], asr_control=0.5))
    loud = replace(loud, records=[replace(record, flags=["noise_sensitive"]) for record in loud.records])
    shown = lines(loud, monkeypatch)
    assert sum("loud for this model" in line for line in shown) == 1
    assert any(line.startswith("flag noise_sensitive (") for line in shown)


def test_a_run_that_only_counts_clips_has_tables_only(monkeypatch):
    assert lines(results(), monkeypatch) == []
