import json

import pytest

from staanet.attacks.generator import GENERATORS
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.signature import to_jsonable
from staanet.training.batch_augmentation import BatchAugmentation
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, generator_training


def test_every_generator_names_a_training_preset():
    for name in GENERATORS:
        assert generator_training(name, "default", name) == GENERATOR_PRESETS[GENERATORS[name].preset]


def test_a_budget_replaces_that_of_every_preset_unless_the_training_names_its_own():
    budget = Budget(epsilon=0.01)
    assert generator_training("conditional", {}, "here", budget).budget == budget
    named = generator_training("compact", {"preset": "paper", "budget": {"snr_db": 20.0}}, "here", budget)
    assert named.budget == Budget(snr_db=20.0)


def test_cosine_rises_to_the_learning_rate_and_falls_to_zero():
    training = GENERATOR_PRESETS["conditional"]
    rates = [training.rate_at(step / 200) for step in range(201)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(training.learning_rate, rel=1e-3)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert training.rate([{}] * 20) == training.rate_at(0.5)


def test_later_settings_at_their_defaults_leave_signatures_as_they_were():
    later = {"augmentation", "schedule", "warm_up", "average"}
    assert not later & set(to_jsonable(GeneratorTraining()))
    changed = GeneratorTraining(augmentation=BatchAugmentation(), schedule="cosine", warm_up=0.1, average=0.9)
    assert later <= set(to_jsonable(changed))
    assert json.dumps(to_jsonable(GeneratorTraining(schedule="cosine"))) != json.dumps(to_jsonable(GeneratorTraining()))


@pytest.mark.parametrize("changes", [{"warm_up": 0.1}, {"warm_up": 1.0, "schedule": "cosine"}])
def test_a_warm_up_that_cannot_be_is_refused(changes):
    with pytest.raises(StaanetError, match="warm_up in"):
        GeneratorTraining(**changes)


@pytest.mark.parametrize("average", [-0.1, 1.0, float("nan")])
def test_a_running_mean_that_cannot_be_is_refused(average):
    with pytest.raises(StaanetError, match=r"average in .0, 1., got"):
        GeneratorTraining(average=average)
