import pytest
import torch

from attacks.behaviour import ZERO, evaluations, hill
from attacks.linear import check_dense_optimum, check_target
from attacks.oracles import BALL, EPSILON, STEPS, by_art, check_as_strong, check_as_strong_as_foolbox, ours
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError


@pytest.mark.parametrize("sparsity", [1.0, 0.1])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_reaches_the_optimum_within_the_budget(norm, sparsity, waveforms):
    check_dense_optimum("bim", norm, sparsity, waveforms, steps=25)


def test_reaches_the_target_where_it_can(waveforms):
    check_target("bim", waveforms, steps=25)


@pytest.mark.parametrize("sparsity", [1.0, 0.3])
@pytest.mark.parametrize("settings", [{}, {"norm": "l2", "rms": 0.5}])
def test_one_full_step_is_fgsm(settings, sparsity, tiny_linear, tiny_waveforms):
    settings = {**settings, "epsilon": 0.01, "sparsity": sparsity}
    labels = tiny_linear(tiny_waveforms).argmax(1)
    bim = create_attack("bim", steps=1, step_size=1.0, **settings)(tiny_linear, tiny_waveforms, labels)
    assert torch.equal(bim, create_attack("fgsm", **settings)(tiny_linear, tiny_waveforms, labels))


def test_returns_the_best_point_not_the_last():
    attack = create_attack("bim", epsilon=0.4, sparsity=1.0, steps=4, step_size=0.5)
    found = attack(hill, torch.tensor([[0.31]]), ZERO)
    assert float(found) == pytest.approx(0.51)
    assert hill(found).argmax(1) == 1


@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_costs_what_its_settings_say(sparsity, tiny_waveforms):
    assert evaluations("bim", tiny_waveforms, sparsity, steps=7) == 7 + 1 + (sparsity < 1)


def test_the_preset_has_the_published_settings():
    bim = create_attack("bim", preset="systematic")
    assert bim.step_size * bim.budget.epsilon == pytest.approx(0.1)
    assert bim.steps == 100


def test_momentum_reaches_the_optimum(waveforms):
    check_dense_optimum("bim", "linf", 1.0, waveforms, preset="momentum")


def test_momentum_adds_up_gradients_of_unit_length():
    """The second gradient is a tenth of the first and points the other way, so only their lengths cancel."""

    def model(waveforms):
        value = torch.where(waveforms[:, 0] < 0.01, 10 * waveforms[:, 0], 0.11 - waveforms[:, 0])
        return torch.stack([torch.full_like(value, 5.0), value], 1)

    settings = {"epsilon": 0.2, "sparsity": 1.0, "steps": 2, "step_size": 0.25}
    clip = torch.zeros(1, 1)
    points = [
        float(create_attack("bim", momentum=momentum, diversity=1e-9, **settings)(model, clip, ZERO))
        for momentum in (0.0, 0.5, 1.0)
    ]
    assert points == pytest.approx([0.0, 0.0, 0.05], abs=1e-6)  # the last points, since with diversity none is kept


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"step_size": 0.0}, "step_size above 0"),
        ({"momentum": 2.0}, "momentum in"),
        ({"diversity": 50.0}, "diversity in"),
        ({"noise": -1.0}, "noise of 0 or more"),
    ],
)
def test_invalid_settings_are_rejected(settings, told):
    with pytest.raises(StaanetError, match=told):
        create_attack("bim", **settings)


def test_is_as_strong_as_art(tone_model, tone_clips, art_model):
    theirs = by_art("BasicIterativeMethod", art_model, tone_clips, eps=EPSILON, eps_step=0.1 * EPSILON, max_iter=STEPS)
    mine = ours("bim", tone_model, tone_clips, steps=STEPS, step_size=0.1)
    check_as_strong(tone_model, tone_clips, mine, theirs)


@pytest.mark.parametrize(
    ("settings", "other"), [({}, "LinfBasicIterativeAttack"), (BALL, "L2BasicIterativeAttack")], ids=["linf", "l2"]
)
def test_is_as_strong_as_foolbox(settings, other, tone_model, tone_clips, foolbox_model):
    check_as_strong_as_foolbox("bim", other, tone_model, tone_clips, foolbox_model, step_size=0.1, **settings)
