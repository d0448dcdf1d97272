import pytest
import torch

from attacks.behaviour import ZERO, evaluations
from attacks.linear import check_minimal_in_box, check_smallest_norm, linear
from attacks.oracles import CLASSES, by_art, by_foolbox, check_as_small, ours
from staanet.attacks import create_attack
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError

NORMS = pytest.mark.parametrize("norm", ["l2", "linf"])


@pytest.mark.parametrize("classes", [2, 5])
@NORMS
def test_finds_nearly_the_smallest_norm(norm, classes, waveforms):
    check_smallest_norm("deepfool", norm, classes, waveforms, bound=1.03, norm=norm)


@NORMS
def test_fools_whatever_the_box_allows_and_nothing_else(norm, waveforms):
    check_minimal_in_box("deepfool", waveforms, norm=norm)


@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_costs_what_its_settings_say(sparsity, tiny_waveforms):
    assert evaluations("deepfool", tiny_waveforms, sparsity, steps=7) == 7 + 1 + (sparsity < 1)


@NORMS
@pytest.mark.parametrize("overshoot", [0.0, 1e-5])
def test_a_last_step_that_ends_on_the_boundary_is_extended_beyond_it(norm, overshoot, waveforms):
    _, model = linear(5)
    labels = model(waveforms).argmax(1)
    attack = create_attack("deepfool", epsilon=0.1, sparsity=1.0, norm=norm, steps=1, overshoot=overshoot)
    logits = model(attack(model, waveforms, labels))
    assert (-margin(logits, labels) > 1e-4 * (logits.amax(1) - logits.amin(1))).all()


@pytest.mark.parametrize(("needed", "reached"), [(0.019, 1), (0.021, 0)])
def test_the_overshoot_grows_up_to_that_of_the_paper(needed, reached):
    """The boundary lies farther away than the linearised one, by a share `needed` of the distance."""

    def model(waveforms):
        first = waveforms[:, 0]
        rival = torch.where(first > 0.1 * (1 + needed), 0.5, (first - 0.1).clamp_max(-0.001))
        return torch.stack([torch.zeros_like(rival), rival, -torch.ones_like(rival)], dim=1)

    attack = create_attack("deepfool", epsilon=1.0, sparsity=1.0, steps=1, overshoot=0.0, candidates=1)
    assert model(attack(model, torch.zeros(1, 2), ZERO)).argmax(1) == reached


def test_the_overshoot_grows_by_forward_passes(tiny_waveforms):
    assert evaluations("deepfool", tiny_waveforms, 1.0, steps=7, overshoot=0.0) == 7 + 1 + 8


def test_a_clip_that_already_fools_the_model_stays(tiny_linear, tiny_waveforms):
    labels = tiny_linear(tiny_waveforms).argmin(1)
    attack = create_attack("deepfool", epsilon=0.1, sparsity=1.0)
    assert torch.equal(attack(tiny_linear, tiny_waveforms, labels), tiny_waveforms)


def test_moves_to_the_nearest_of_its_candidates():
    """The likelier of the two other classes is the farther one."""

    def model(waveforms):
        slow, fast = 0.9 + waveforms[:, 0], 20 * waveforms[:, 1]
        return torch.stack([torch.ones_like(slow), slow, fast], dim=1)

    def change(candidates):
        attack = create_attack("deepfool", epsilon=1.0, sparsity=1.0, candidates=candidates)
        return attack(model, torch.zeros(1, 2), ZERO)

    torch.testing.assert_close(change(2), torch.tensor([[0.0, 0.05 * 1.02]]))
    torch.testing.assert_close(change(1), torch.tensor([[0.1 * 1.02, 0.0]]))


@NORMS
def test_continues_with_the_samples_that_can_still_move(norm):
    """Most of the shortest way is along the second sample, which reaches the bound of the model."""

    def model(waveforms):
        return torch.stack([torch.ones(len(waveforms)), waveforms[:, 0] + 2 * (waveforms[:, 1] - 0.95)], dim=1)

    model.bounds = (-1.0, 1.0)
    start = torch.tensor([[0.0, 0.95]])
    found = create_attack("deepfool", epsilon=0.92, sparsity=1.0, norm=norm)(model, start, ZERO)
    assert model(found).argmax(1) == 1
    assert float(found[0, 1]) == 1


def test_the_preset_can_be_changed():
    assert create_attack("deepfool", preset="systematic", steps=5).steps == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"candidates": 0}, "candidates of 1 or more"), ({"targeted": True}, "cannot; use one of")],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("deepfool", **settings)


@pytest.mark.parametrize(
    ("norm", "order", "name"), [("l2", 2, "L2DeepFoolAttack"), ("linf", torch.inf, "LinfDeepFoolAttack")]
)
def test_norms_are_as_small_as_those_of_foolbox(norm, order, name, tone_model, tone_clips, foolbox_model):
    theirs = by_foolbox(name, foolbox_model, tone_clips, None, steps=50, overshoot=0.02)
    mine = ours("deepfool", tone_model, tone_clips, norm=norm, epsilon=1.0)
    check_as_small(tone_model, tone_clips, mine, theirs, order)


def test_norms_are_as_small_as_those_of_art(tone_model, tone_clips, art_model):
    theirs = by_art("DeepFool", art_model, tone_clips, max_iter=50, epsilon=0.02, nb_grads=CLASSES)
    check_as_small(tone_model, tone_clips, ours("deepfool", tone_model, tone_clips, epsilon=1.0), theirs, 2)
