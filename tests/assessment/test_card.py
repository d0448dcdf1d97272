"""The section for a model card is metadata that the hub reads, and says the same as the evaluation."""

import pytest

from staanet.assessment import card
from staanet.assessment.settings import Curves

FOOLED = [0, 1, 2, -1, 2, 2]
CURVES = Curves(dense=(60.0, 40.0), sparse=(0.0, 0.01))


@pytest.mark.parametrize("model", ["net", 'a "b": # c', "größer/模型", "no", "1e3", "owner/name@main", "a: b\\n"])
def test_the_hub_reads_the_metadata(made_up, model):
    hub = pytest.importorskip("huggingface_hub")
    found = made_up(FOOLED, model, curves=CURVES)
    read = hub.ModelCard(card.text(found), ignore_metadata_errors=False).data
    assert read.model_name == model
    assert {result.task_type for result in read.eval_results} == {"audio-classification"}
    assert {result.dataset_type for result in read.eval_results} == {"folder"}
    values = {result.metric_name: result.metric_value for result in read.eval_results}
    assert len(values) == len(read.eval_results) == 2 + 4 + 2
    expected = {
        "Accuracy, clean": found.accuracy_clean,
        "Robust accuracy, Linf, 40 dB below the peak": found.curve[1].accuracy_robust,
        "Robust accuracy, L0, one sample, 17 dB below the peak": found.curve[2].accuracy_robust,
        "Robust accuracy, L0, 1 % of the samples, 17 dB below the peak": found.curve[3].accuracy_robust,
        "Accuracy under noise, Linf, 60 dB below the peak": found.curve[0].accuracy_noise,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert all(isinstance(value, float) for value in values.values())


def test_the_section_has_a_row_per_budget_and_the_flags(made_up):
    text = card.text(made_up(FOOLED, curves=CURVES, flags=["randomised"]))
    assert sum(line.startswith(("| Linf", "| L0")) for line in text.splitlines()) == 4
    assert "**randomised**: meaning." in text
    assert "net is right on 83.3 % of 6 clips" in text
