import pytest
import torch

from attacks.behaviour import CountingClips, evaluations
from attacks.linear import check_five_targets, check_minimal_in_box, check_smallest_norm, check_target
from attacks.oracles import by_art, by_foolbox, check_as_small, ours
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError

BOTH = pytest.mark.parametrize("name", ["cw_l2", "cw_linf"])
NORMS = {"cw_l2": "l2", "cw_linf": "linf"}
FEW_STEPS = {"rounds": 6, "steps": 50}
CASES = pytest.mark.parametrize(
    ("name", "settings", "bound"),
    [
        ("cw_l2", FEW_STEPS, 1.1),
        ("cw_l2", {"preset": "systematic"}, 1.25),
        ("cw_linf", FEW_STEPS, 1.1),
        ("cw_linf", {"preset": "systematic"}, 1.25),
    ],
)


@pytest.mark.parametrize("classes", [2, 5])
@CASES
def test_finds_nearly_the_smallest_norm(name, settings, bound, classes, waveforms):
    check_smallest_norm(name, NORMS[name], classes, waveforms, bound, **settings)


@CASES
def test_fools_whatever_the_box_allows_and_nothing_else(name, settings, bound, waveforms):  # noqa: ARG001
    check_minimal_in_box(name, waveforms, **settings)


@BOTH
def test_reaches_the_target_where_it_can(name, waveforms):
    check_target(name, waveforms, rounds=4, steps=40)


@BOTH
def test_reaches_any_of_five_targets(name, waveforms):
    check_five_targets(name, waveforms, rounds=4, steps=40)


@BOTH
@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_costs_at_most_what_its_settings_say(name, sparsity, tiny_waveforms):
    assert evaluations(name, tiny_waveforms, sparsity, steps=9, rounds=3) <= 3 * 9 + 1


def test_a_round_ends_when_the_loss_stops_falling(tiny_linear, tiny_waveforms):
    model = CountingClips(tiny_linear)
    labels = tiny_linear(tiny_waveforms).argmax(1)
    found = create_attack("cw_linf", epsilon=0.5, sparsity=1.0, steps=200, rounds=3)(model, tiny_waveforms, labels)
    assert (tiny_linear(found).argmax(1) != labels).all()
    assert model.evaluated < 2 + 0.5 * 2 * 3 * 200


@BOTH
def test_a_clip_that_already_fools_the_model_stays(name, tiny_linear, tiny_waveforms):
    labels = tiny_linear(tiny_waveforms).argmin(1)
    attack = create_attack(name, epsilon=0.1, sparsity=1.0)
    assert torch.equal(attack(tiny_linear, tiny_waveforms, labels), tiny_waveforms)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cw_l2", {"rounds": 0}, "rounds and steps of 1 or more"),
        ("cw_linf", {"shrink": 1.0}, r"shrink in \(0, 1\)"),
    ],
)
def test_invalid_settings_are_rejected(name, settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack(name, **settings)


def test_euclidean_norms_are_as_small_as_those_of_foolbox(tone_model, tone_clips, foolbox_model):
    few = tuple(part[:16] for part in tone_clips)
    settings = {"binary_search_steps": 6, "steps": 50, "stepsize": 0.01}
    theirs = by_foolbox("L2CarliniWagnerAttack", foolbox_model, few, None, **settings)
    check_as_small(tone_model, few, ours("cw_l2", tone_model, few, epsilon=1.0, **FEW_STEPS), theirs, 2)


@pytest.mark.slow
def test_maximum_norms_are_as_small_as_those_of_art(tone_model, tone_clips, art_model):
    few = tuple(part[:6] for part in tone_clips)
    theirs = by_art("CarliniLInfMethod", art_model, few, max_iter=10, learning_rate=0.01)
    check_as_small(tone_model, few, ours("cw_linf", tone_model, few, epsilon=1.0), theirs, torch.inf)
