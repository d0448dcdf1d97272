"""Every invariant, broken once: refused when a record is written and when it is read, in both kinds of folder."""

import dataclasses
import json
from dataclasses import replace

import pytest

from core.made_up import COUNTED, ROWS, made_record, without_invariants
from staanet.core import invariants, published, records
from staanet.core.errors import StaanetError
from staanet.core.invariants import check_record, counted, largest_change
from staanet.core.run import Layout, Run

A, B, C, D = range(4)


def rows(clip=A, **changes):
    """Return the outcomes with changes to one clip."""
    return [{**row, **(changes if place == clip else {})} for place, row in enumerate(ROWS)]


def test_the_figures_are_counted_as_by_hand():
    assert counted(ROWS, ["anger", "joy"]) == COUNTED
    check_record(made_record(), ROWS, "here")


BROKEN = {
    "changed more samples": (rows(l0=11), {}, "clip 'a': expected at most 10 changed samples, .* got 11"),
    "changed a sample more": (rows(linf=0.101), {}, r"clip 'a': expected changes of at most 0.1\S* by the budget, got"),
    "a lower SNR": (ROWS, {"budget_epsilon": None, "budget_snr_db": 14.1}, "clip 'a': expected changes of at most"),
    "an unchanged clip is fooled": (
        rows(D, predicted_adv=1, margin_adv=-0.5),
        {},
        "clip 'd': expected class 0 as before, because no sample changed, got 1",
    ),
    "a margin that is not that of the decision": (rows(B, margin_adv=5.0), {}, "clip 'b': expected a margin below 0"),
    "a margin of a fooled clip": (rows(A, margin_adv=-0.1), {}, "clip 'a': expected a margin above 0"),
    "samples that changed by nothing": (rows(linf=0.0), {}, "clip 'a': expected a change of some samples by some"),
    "a change of no sample": (rows(D, linf=0.1), {}, "clip 'd': expected a change of some samples by some amount"),
    "a negative change": (rows(linf=-0.1), {}, "clip 'a': expected a change of some samples by some amount"),
    "a change beyond the SNR of full scale": (
        rows(linf=5.0),
        {"budget_epsilon": None, "budget_snr_db": 14.0, "domain": "waveform"},
        r"clip 'a': expected changes of at most 0.19\d* by the budget, got 5",
    ),
    "a clip twice": (rows(D, id="a"), {}, "expected every clip once, got 'a' twice"),
    "a class without a name": (rows(predicted_control=[0, 2]), {}, r"clip 'a': expected classes in 0\.\.1, got 2"),
    "no length": (
        [{k: v for k, v in row.items() if k != "length"} for row in ROWS],
        {},
        "clip 'a': expected length, got none",
    ),
    "no controls": (rows(predicted_control=[]), {}, "clip 'a': expected predicted_control, got none"),
    "no clips": ([], {}, "expected the outcome of one clip or more, got none"),
    "another clip": (
        rows(C, predicted_adv=0, margin_adv=0.5),
        {},
        r"expected n_fooled = 1, as computed from its outcomes, got 2",
    ),
    "more clips": (ROWS, {"n": 5}, "expected n = 4, as computed from its outcomes, got 5"),
    "a higher rate": (ROWS, {"asr": 0.5001}, "expected asr = 0.5, as computed from its outcomes, got 0.5001"),
    "more robust": (ROWS, {"robust_accuracy": 0.75}, "expected robust_accuracy = 0.5"),
    "an estimate outside": (ROWS, {"asr_speaker_ci": (0.51, 1.0)}, r"expected asr_speaker_ci around asr = 0.5, got"),
    "an estimate outside, by fold": (ROWS, {"asr_excess_fold_ci": (0.0, 0.3)}, "expected asr_excess_fold_ci around"),
    "no interval": (ROWS, {"asr_correct_ci": None}, r"expected asr_correct_ci around asr_correct = 0.3\d*, got None"),
}


def written_unchecked(folder, record, outcomes):
    """Return the folders of a run and of a published study that break an invariant."""
    with without_invariants():
        path = records.write(folder / "run" / "records", record, outcomes)
        run = Run(folder / "run")
        run.write(Layout(), records=[path])
        run.publish(folder / "study")
    return folder / "run", folder / "study"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_record_that_breaks_an_invariant_is_not_written(tmp_path, kind):
    outcomes, changes, message = BROKEN[kind]
    record = made_record("broken", **changes)
    with pytest.raises(StaanetError, match=f"records: record broken of text, text to text: {message}"):
        records.write(tmp_path / "records", record, outcomes)
    with pytest.raises(StaanetError, match=message):
        published.write_published(tmp_path / "study", [record], {"broken": outcomes})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", BROKEN)
def test_a_record_that_breaks_an_invariant_is_not_read(tmp_path, kind):
    pytest.importorskip("pyarrow")
    outcomes, changes, message = BROKEN[kind]
    for folder in written_unchecked(tmp_path, made_record("broken", **changes), outcomes):
        with pytest.raises(StaanetError, match=f"{folder}/.*: record broken of text, text to text: .*{message}"):
            _ = Run(folder).records


def test_an_altered_file_is_refused(tmp_path):
    path = records.write(tmp_path, made_record(), ROWS)
    path.write_text(json.dumps({**json.loads(path.read_text()), "accuracy_clean": 0.9}))
    with pytest.raises(StaanetError, match=r"\.json: record 0123456789 .*expected accuracy_clean = 0.75, .*, got 0.9"):
        records.read(path)


@pytest.mark.parametrize("sign", ["randomised", "batch_dependent", "padding_dependent", "training_mode"])
def test_a_declared_random_model_may_be_fooled_by_an_unchanged_clip(sign):
    outcomes = rows(D, predicted_adv=1, margin_adv=-0.5)
    figures = counted(outcomes, ["anger", "joy"])
    check_record(made_record(**figures, **{sign: True}), outcomes, "here")
    with pytest.raises(StaanetError, match="because no sample changed"):
        check_record(made_record(**figures, **{sign: False}), outcomes, "here")


def test_every_figure_that_is_counted_is_compared():
    for name, value in COUNTED.items():
        other = [*value[:-1], value[-1] + 1] if isinstance(value, list) else value + 0.01
        with pytest.raises(StaanetError, match=f"expected {name} = "):
            check_record(replace(made_record(), **{name: other}), ROWS, "here")


def test_every_interval_is_compared_with_its_estimate():
    for field in dataclasses.fields(made_record()):
        if field.name.endswith("_ci"):
            with pytest.raises(StaanetError, match=f"expected {field.name} around "):
                check_record(replace(made_record(), **{field.name: (0.98, 0.99)}), ROWS, "here")


def test_figures_may_differ_by_rounding_only():
    check_record(made_record(asr_control=0.125 + 1e-14), ROWS, "here")
    with pytest.raises(StaanetError, match="asr_control"):
        check_record(made_record(asr_control=0.125 + 1e-6), ROWS, "here")


def test_one_sample_may_always_change():
    one_each = [{**row, "l0": min(row["l0"], 1)} for row in ROWS]
    check_record(made_record(budget_sparsity=0.001), one_each, "here")
    with pytest.raises(StaanetError, match="expected at most 1 changed samples"):
        check_record(made_record(budget_sparsity=0.001), [{**one_each[0], "l0": 2}, *one_each[1:]], "here")


def test_the_largest_change_allows_for_rounding_in_float32():
    import torch

    from staanet.core.budget import Budget

    random = torch.Generator().manual_seed(0)
    for snr_db in (0.0, 17.0, 60.0, 100.0):
        clips = torch.rand(64, 200, generator=random) * 2 - 1
        budget, lengths = Budget(snr_db=snr_db), torch.full((64,), 200)
        signs = torch.rand(64, 200, generator=random).sub(0.5).sign()
        size = (clips + budget.clamp(signs * 9, clips, lengths) - clips).abs().amax(1).double()
        ratios = 20 * (clips.abs().amax(1).double() / size).log10()
        record = made_record(budget_epsilon=None, budget_snr_db=snr_db)
        for linf, ratio in zip(size.tolist(), ratios.tolist(), strict=True):
            row = {"linf": linf, "snr_peak_db": ratio}
            assert linf <= largest_change(record, row) <= linf * 1.1
    assert invariants.ROUNDING < 1e-6


def test_a_record_without_a_bound_may_change_samples_by_any_size():
    check_record(made_record(budget_epsilon=None, budget_snr_db=None), rows(linf=1e9), "here")
