"""Attacks with a distance as their goal: known answers on a linear model, and every attack that can serve it."""

import pytest
import torch

from every_attack import build
from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.goals import Goal, Reached, check_serves
from staanet.core.errors import StaanetError

WEIGHTS = torch.tensor([[0.5, 0.0], [-0.25, 0.0], [0.0, 1.0], [0.25, 0.0]])
"""Two linear outputs of four samples."""


def outputs(clips):
    return clips @ WEIGHTS


CLIPS = torch.tensor([[0.1, 0.2, -0.1, 0.3], [0.4, -0.3, 0.2, 0.1]])


@pytest.mark.parametrize(("direction", "sign"), [("up", 1), ("down", -1)])
def test_a_gradient_attack_moves_the_output_by_the_sum_of_its_weights(direction, sign):
    found = Goal(0, 0.5, direction).attack(create_attack("fgsm", epsilon=0.1), outputs, CLIPS)
    moved = outputs(found) - outputs(CLIPS)
    assert moved[:, 0].tolist() == pytest.approx([sign * 0.1] * 2)
    assert moved[:, 1].tolist() == pytest.approx([0, 0])


def test_in_either_direction_the_larger_move_counts():
    clips = torch.tensor([[0.95, 0.0, 0.0, 0.0]])  # upwards, full scale leaves little room
    found = Goal(0, 0.5).attack(create_attack("fgsm", epsilon=0.2), outputs, clips)
    assert float((outputs(found) - outputs(clips))[0, 0]) == pytest.approx(-0.2, abs=1e-5)


def test_an_attack_for_the_smallest_change_moves_by_the_distance_and_little_more():
    goal = Goal(0, 0.05, "up")
    found = goal.attack(create_attack("fmn", norm="linf", steps=200, epsilon=1.0), outputs, CLIPS)
    moved = (outputs(found) - outputs(CLIPS))[:, 0]
    assert ((moved >= 0.05) & (moved < 0.06)).all()


def test_the_margin_is_the_distance_that_is_left():
    logits = Reached(outputs, 1, 0.5, "up")(CLIPS, torch.tensor([4, 4]))
    assert (logits[:, 0] - logits[:, 1]).tolist() == pytest.approx((0.5 - outputs(CLIPS)[:, 1]).tolist())
    assert (logits.argmax(1) < 2).all()


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_moves_an_output_or_is_refused_with_the_reason(name):
    attack = build(name, epsilon=0.3)
    if name in ("contrastive", "staa_net", "shuffled_staa_net", "one_gradient"):
        with pytest.raises(StaanetError, match="can pursue a distance"):
            check_serves(attack)
        return
    found = Goal(0, 0.1, "up").attack(attack, outputs, CLIPS)
    assert float((found - CLIPS).abs().max()) <= 0.3 + 1e-6
    moved = (outputs(found) - outputs(CLIPS))[:, 0]
    if attack.access == "gradient":
        assert (moved > 0).all()
    elif attack.access == "scores":  # with so few queries, the clip itself can be the best of those that were tried
        assert (moved >= 0).all()
        assert (moved > 0).any()


def test_targeted_attacks_and_missing_outputs_are_refused():
    with pytest.raises(StaanetError, match="give the direction up or down"):
        Goal(0, 0.1).attack(create_attack("pgd", targeted=True), outputs, CLIPS)
    with pytest.raises(StaanetError, match="one of the 2 outputs, from 0, got number 2"):
        Goal(2, 0.1).attack(create_attack("fgsm"), outputs, CLIPS)
    with pytest.raises(StaanetError, match="distance above 0"):
        Goal(0, 0.0)
