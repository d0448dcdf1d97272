import pytest

from staanet.attacks import ATTACKS
from staanet.evaluation.flags import FLAGS, PER_MODEL, SIGNS, raised
from staanet.metrics import wilson


def figures(**changes):
    calm = {
        "attack": "fgsm",
        "n": 100,
        "n_unchanged": 0,
        "asr": 0.5,
        "asr_control": 0.1,
        "asr_control_ci": wilson(0.1, 100),
        "accuracy_clean_ci": wilson(0.6, 100),
        "clips_by_class": [25, 25, 25, 25],
        "one_class_share": 0.4,
        "comb_share": 0.1,
        "comb_share_model": 0.02,
        "speakers": 8,
        **dict.fromkeys(SIGNS),
    }
    return {**calm, **changes}


def test_a_calm_case_raises_nothing():
    assert raised(figures()) == []


@pytest.mark.parametrize(
    ("flag", "below", "above"),
    [
        ("one_class", {"one_class_share": 0.6}, {"one_class_share": 0.61}),
        ("noise_sensitive", {"asr_control": 0.25}, {"asr_control": 0.26}),
        ("zero_gradients", {"zero_gradients": 0.1}, {"zero_gradients": 0.11}),
        ("nonfinite_gradients", {"nonfinite_gradients": 0.0}, {"nonfinite_gradients": 0.01}),
        ("randomised", {"randomised": False}, {"randomised": True}),
        ("probabilities", {"probabilities": False}, {"probabilities": True}),
        ("batch_dependent", {"batch_dependent": False}, {"batch_dependent": True}),
        ("padding_dependent", {"padding_dependent": False}, {"padding_dependent": True}),
        ("training_mode", {"training_mode": False}, {"training_mode": True}),
        ("black_box_ahead", {"black_box_lead": 0.0}, {"black_box_lead": 0.01}),
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


WEAK = {"asr": 0.15}


@pytest.mark.parametrize("control", sorted(name for name, attack in ATTACKS.items() if attack.reference == "control"))
def test_a_control_is_not_compared_with_itself(control):
    assert "no_excess" in raised(figures(**WEAK))
    assert raised(figures(**WEAK, attack=control)) == []
    assert raised(figures(**WEAK, attack="loud", settings={"attack": {"name": control}})) == []
    assert raised(figures(**WEAK, attack=control, settings={"attack": {"name": "fgsm"}})) == ["no_excess"]


def test_flags_of_one_model_are_flags():
    assert set(PER_MODEL) <= set(FLAGS)


def test_every_flag_says_what_it_means():
    assert all(flag.__doc__.endswith(".") for flag in FLAGS.values())
