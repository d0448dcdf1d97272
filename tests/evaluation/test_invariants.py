"""All figures of a record follow from its outcomes, when it is written and when a report reads it."""

import dataclasses
from dataclasses import replace

import pytest
import torch

from core.made_up import without_invariants
from evaluation.test_pool import CLASSES, outcomes_of
from staanet.core import records
from staanet.core.errors import StaanetError
from staanet.core.run import Layout, Run
from staanet.evaluation.case import figures
from staanet.evaluation.invariants import check_figures
from staanet.evaluation.record import Case, build_record, write_record
from staanet.report.results import Results

COSTS = {"comb_share": None, "comb_share_model": None, "seconds_per_clip": 0.1, "queries": 1.0, "gradients": 1.0}
CASE = Case(
    **dict.fromkeys(("experiment", "corpus", "split", "source", "target", "attack", "protocol", "labels_from"), "text"),
    signature="0123456789",
    seed=0,
    budget_epsilon=1.0,
    budget_snr_db=None,
    budget_sparsity=0.12,
    labels=[f"class {number}" for number in range(CLASSES)],
    settings={},
    device=torch.device("cpu"),
)


def valid_rows(speakers=2):
    """Return outcomes in which unchanged clips are not fooled."""
    rows = outcomes_of(0, 40)
    kept = {"l0": 0, "linf": 0.0, "snr_peak_db": None, "margin_adv": 0.5}
    return [
        {**row, "speaker": str(i % speakers)} | ({**kept, "predicted_adv": row["predicted_clean"]} if i < 3 else {})
        for i, row in enumerate(rows)
        if i < 3 or row["l0"] > 0
    ]


@pytest.fixture(params=[2, 8])
def rows(request):
    return valid_rows(request.param)


@pytest.fixture
def made(rows):
    return figures(rows, CLASSES, COSTS)


def test_a_record_with_the_figures_of_its_outcomes_is_written_and_read(tmp_path, rows, made):
    path = write_record(tmp_path / "records", CASE, made, rows)
    run = Run(tmp_path)
    run.write(Layout(), records=[path])
    (record,) = Results.read(run).records
    assert record.robust_accuracy == sum(
        row["predicted_clean"] == row["label"] == row["predicted_adv"] for row in rows
    ) / len(rows)


def moved(value):
    """Return a value of the same kind that differs by more than rounding or another bootstrap."""
    if isinstance(value, list | tuple):
        return type(value)(moved(one) for one in value)
    return value + 1 if isinstance(value, int) else 0.7 if value is None else value + 0.1


@pytest.mark.parametrize("speakers", [2, 8])
def test_every_figure_is_compared_with_the_outcomes(speakers):
    rows = valid_rows(speakers)
    made = figures(rows, CLASSES, COSTS)
    record = build_record(CASE, made)
    check_figures(record, rows, "here")
    for name in made.keys() - COSTS.keys() - {"notes"}:
        with pytest.raises(StaanetError, match=r"here: record 0123456789 of text.*: expected \w+ = .*, got"):
            check_figures(replace(record, **{name: moved(getattr(record, name))}), rows, "here")


def test_a_figure_that_does_not_follow_is_not_written(tmp_path, rows, made):
    made["uar_adv"] += 1e-6
    with pytest.raises(StaanetError, match="expected uar_adv = "):
        write_record(tmp_path / "records", CASE, made, rows)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_does_not_follow_is_not_read(tmp_path, rows, made):
    with without_invariants():
        path = records.write(tmp_path / "records", build_record(CASE, made | {"snr_peak_db": 99.0}), rows)
    run = Run(tmp_path)
    run.write(Layout(), records=[path])
    with pytest.raises(StaanetError, match=f"{tmp_path}: record 0123456789 .*: expected snr_peak_db = .*, got 99.0"):
        Results.read(run)


def test_the_clips_that_each_attack_of_a_worst_case_fooled_are_counted(rows, made):
    rows = [{**row, "member": "pgd" if i % 2 else "boundary"} for i, row in enumerate(rows)]
    fooled = [row["member"] for row in rows if row["predicted_adv"] != row["predicted_clean"]]
    found = {name: fooled.count(name) for name in ("pgd", "boundary", "none")}
    record = build_record(CASE, made | {"found_by": found})
    check_figures(record, rows, "here")
    with pytest.raises(StaanetError, match="expected found_by = "):
        check_figures(replace(record, found_by=found | {"none": 1}), rows, "here")


def test_only_bootstrap_intervals_may_differ_by_two_clips():
    for speakers, allowed in ((2, True), (8, False)):
        rows = valid_rows(speakers)
        record = build_record(CASE, figures(rows, CLASSES, COSTS))
        low, high = record.asr_speaker_ci
        other = replace(record, asr_speaker_ci=(low - 1 / record.n, high))
        if allowed:
            check_figures(other, rows, "here")
        else:
            with pytest.raises(StaanetError, match="asr_speaker_ci"):
                check_figures(other, rows, "here")


def test_a_record_of_a_control_raises_no_flag_about_itself(rows):
    made = figures([{**row, "predicted_adv": row["predicted_clean"]} for row in rows], CLASSES, COSTS)
    assert "no_excess" in build_record(CASE, made).flags
    assert "no_excess" not in build_record(dataclasses.replace(CASE, attack="noise"), made).flags
