import pytest
import torch

from attacks.behaviour import check_flat_model, check_fooled_clips_stay, evaluations
from attacks.linear import (
    check_fewest_samples,
    check_fewest_within_budget,
    check_five_targets,
    check_minimal_in_box,
    check_smallest_norm,
    check_sparse_target,
    check_target,
    linear,
)
from attacks.oracles import by_foolbox, check_as_small, ours
from staanet.attacks import create_attack
from staanet.attacks.components.box import Box
from staanet.attacks.fmn import project
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded

NORMS = pytest.mark.parametrize("norm", ["l0", "l1", "l2", "linf"])
DENSE = pytest.mark.parametrize("norm", ["l2", "linf"])
ORDER = {"l0": 0, "l1": 1, "l2": 2, "linf": torch.inf}


@pytest.mark.parametrize("classes", [2, 5])
@DENSE
def test_finds_nearly_the_smallest_norm(norm, classes, waveforms):
    check_smallest_norm("fmn", norm, classes, waveforms, bound=1.03, norm=norm)


@DENSE
def test_fools_whatever_the_box_allows_and_nothing_else(norm, waveforms):
    check_minimal_in_box("fmn", waveforms, norm=norm)


@pytest.mark.parametrize("classes", [2, 5])
def test_changes_nearly_the_fewest_samples(classes, waveforms):
    check_fewest_samples("fmn", classes, waveforms, norm="l0")


def test_keeps_the_count_of_the_budget(waveforms):
    check_fewest_within_budget("fmn", waveforms, norm="l0")


def test_the_smallest_sum_of_changes_uses_the_steepest_samples(waveforms):
    """The optimum moves the samples in the order of their slopes, each by epsilon, until the boundary is reached."""
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack("fmn", norm="l1", epsilon=0.02, sparsity=1.0)(model, waveforms, labels)
    slopes = (weights[:, 0] - weights[:, 1]).abs().sort(descending=True).values
    before = 0.02 * (slopes.cumsum(0) - slopes)
    gaps = margin(model(waveforms), labels)[:, None]
    least = ((gaps - before) / slopes).clamp(0, 0.02).sum(1)
    near = gaps[:, 0] < 0.9 * 0.02 * slopes.sum()
    assert near.sum() >= 8
    assert ((adversarial - waveforms).abs().sum(1) <= 1.02 * least + 1e-3)[near].all()


@DENSE
def test_reaches_targets(norm, waveforms):
    check_target("fmn", waveforms, norm=norm)
    check_five_targets("fmn", waveforms, norm=norm)


def test_reaches_sparse_targets(waveforms):
    check_sparse_target("fmn", waveforms, norm="l0")


@pytest.mark.parametrize("norm", ["l0", "linf"])
def test_one_wide_run_gives_the_curve_over_smaller_budgets(norm, mlp, mlp_clips):
    """A clip is fooled within a smaller budget if its smallest norm fits into it, and seldom otherwise."""
    labels = mlp(mlp_clips).argmax(1)

    def attacked(**budget):
        return create_attack("fmn", norm=norm, **budget)(mlp, mlp_clips, labels)

    sizes = (attacked(epsilon=0.2, sparsity=1.0) - mlp_clips).norm(ORDER[norm], dim=1)
    median = float(sizes.median())
    smaller = {"l0": {"epsilon": 0.2, "sparsity": median / 256}, "linf": {"epsilon": median, "sparsity": 1.0}}[norm]
    within = mlp(attacked(**smaller)).argmax(1) != labels
    assert ((sizes <= median) == within).float().mean() >= 0.9


@pytest.mark.parametrize("preset", [{}, {"preset": "published"}])
@NORMS
def test_costs_what_its_settings_say(norm, preset, tiny_waveforms):
    assert evaluations("fmn", tiny_waveforms, 1.0, norm=norm, steps=7, **preset) == 7 + 1 + 8


@NORMS
def test_fooled_clips_stay_and_a_flat_model_does_no_harm(norm, small_model, clips):
    check_fooled_clips_stay("fmn", small_model, clips)
    check_flat_model("fmn", clips, steps=3, norm=norm)


@pytest.mark.parametrize("norm", ["l0", "l1", "l2", "linf"])
def test_projections_are_the_nearest_points_of_the_ball_and_the_box(norm):
    """No random point of the ball and the box is nearer."""
    with seeded("projection"):
        point, others = 3 * torch.randn(1, 6), 2 * torch.rand(20_000, 6) - 1
        others = others * torch.rand(20_000, 1)
    radius = torch.tensor([{"l0": 2.0, "l1": 1.7, "l2": 0.9, "linf": 0.6}[norm]])
    box = Box(-torch.ones(1, 6), torch.ones(1, 6), counts=torch.tensor([6]), epsilon=torch.ones(1, 1))
    found = project(point, radius, box, norm)
    assert found.norm(ORDER[norm], dim=1) <= radius * (1 + 1e-5)
    assert found.abs().max() <= 1
    if norm == "l0":
        others = others * (torch.rand(20_000, 6).argsort(1) < 2)
    inside = others[others.norm(ORDER[norm], dim=1) <= radius]
    assert len(inside) > 100
    assert (point - found).norm() <= (point - inside).norm(dim=1).min() + 1e-6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps of 1 or more"),
        ({"step_size": 0.0}, "step_size above 0"),
        ({"gamma": 1.0}, "gamma in"),
        ({"norm": "l3"}, "norm"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("fmn", **settings)


@pytest.mark.parametrize(("norm", "name"), [("linf", "LInfFMNAttack"), ("l0", "L0FMNAttack")])
def test_norms_are_as_small_as_those_of_foolbox(norm, name, tone_model, tone_clips, foolbox_model):
    theirs = by_foolbox(name, foolbox_model, tone_clips, None, steps=100)
    mine = ours("fmn", tone_model, tone_clips, norm=norm, epsilon=2.0, preset="published")
    check_as_small(tone_model, tone_clips, mine, theirs, ORDER[norm])
