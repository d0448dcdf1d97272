import pytest

from staanet.evaluation.flags import FLAGS, raised
from staanet.metrics import wilson


def figures(**changes):
    calm = {
        "n": 100,
        "n_unchanged": 0,
        "asr": 0.5,
        "asr_control_ci": wilson(0.1, 100),
        "accuracy_clean_ci": wilson(0.6, 100),
        "clips_by_class": [25, 25, 25, 25],
        "predictions_adv": [40, 30, 20, 10],
        "comb_share": 0.1,
        "comb_share_model": 0.02,
        "speakers": 8,
    }
    return {**calm, **changes}


def test_a_calm_case_raises_nothing():
    assert raised(figures()) == []


@pytest.mark.parametrize(
    ("flag", "below", "above"),
    [
        ("one_class", {"predictions_adv": [60, 20, 10, 10]}, {"predictions_adv": [61, 19, 10, 10]}),
        ("few_speakers", {"speakers": 8}, {"speakers": 7}),
        ("comb", {"comb_share": 0.9}, {"comb_share": 0.91}),
        ("comb", {"comb_share": None, "comb_share_model": 0.5}, {"comb_share": None, "comb_share_model": 0.95}),
        ("no_excess", {"asr": 0.2}, {"asr": 0.15}),
        ("chance_model", {"accuracy_clean_ci": wilson(0.5, 100)}, {"accuracy_clean_ci": wilson(0.3, 100)}),
        ("empty_perturbation", {"n_unchanged": 0}, {"n_unchanged": 1}),
    ],
)
def test_a_flag_is_raised_where_its_paragraph_says(flag, below, above):
    assert flag not in raised(figures(**below))
    assert raised(figures(**above)) == [flag]


def test_every_flag_says_what_it_means():
    assert all(flag.__doc__.endswith(".") for flag in FLAGS.values())
