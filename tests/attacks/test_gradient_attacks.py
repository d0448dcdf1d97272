"""What dense gradient attacks do step by step, what they cost, and which settings they refuse."""

import pytest
import torch
from torch.nn import functional

from staanet.attacks import create_attack
from staanet.attacks.apgd import checkpoints
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded

ZERO = torch.tensor([0])


class Counting:
    """A classifier that counts the clips it is asked about."""

    def __init__(self, function):
        self.function = function
        self.asked = 0

    def __call__(self, waveforms):
        self.asked += len(waveforms)
        return self.function(waveforms)


@pytest.fixture
def linear():
    with seeded("weights"):
        weights = torch.randn(9, 3)
    return lambda waveforms: waveforms @ weights


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return torch.rand(2, 9) * 0.2


def hill(waveforms):
    """Two classes; the second is decided where the sample is between 0.5 and 0.52."""
    height = 0.01 - (waveforms[:, 0] - 0.51).abs()
    return torch.stack([torch.zeros_like(height), height], dim=1)


def steadfast(waveforms):
    """Two classes; nothing leaves the first, and the second rises with the samples."""
    return torch.stack([100 - waveforms.sum(1), waveforms.sum(1)], dim=1)


@pytest.mark.parametrize("targeted", [False, True])
def test_fgsm_is_the_sign_of_the_gradient(targeted, linear, waveforms):
    labels = torch.tensor([2, 2]) if targeted else linear(waveforms).argmax(1)
    points = waveforms.clone().requires_grad_()
    functional.cross_entropy(linear(points), labels, reduction="sum").backward()
    by_hand = waveforms + (-0.1 if targeted else 0.1) * points.grad.sign()
    found = create_attack("fgsm", epsilon=0.1, sparsity=1.0, targeted=targeted)(linear, waveforms, labels)
    torch.testing.assert_close(found, by_hand)


@pytest.mark.parametrize("sparsity", [1.0, 0.3])
@pytest.mark.parametrize("settings", [{}, {"norm": "l2", "rms": 0.5}])
def test_one_full_step_of_bim_is_fgsm(settings, sparsity, linear, waveforms):
    settings = {**settings, "epsilon": 0.01, "sparsity": sparsity}
    labels = linear(waveforms).argmax(1)
    bim = create_attack("bim", steps=1, step_size=1.0, **settings)(linear, waveforms, labels)
    assert torch.equal(bim, create_attack("fgsm", **settings)(linear, waveforms, labels))


def test_a_certain_model_still_shows_the_way():
    """In single precision the softmax of these logits is exactly 1, which has no gradient."""

    def certain(waveforms):
        return torch.stack([80 + waveforms.sum(1), waveforms[:, 0] - waveforms[:, 1]], dim=1)

    found = create_attack("fgsm", epsilon=0.1, sparsity=1.0)(certain, torch.zeros(1, 2), ZERO)
    torch.testing.assert_close(found, torch.tensor([[0.0, -0.1]]))


def test_the_best_point_of_the_way_is_kept_not_the_last():
    attack = create_attack("bim", epsilon=0.4, sparsity=1.0, steps=4, step_size=0.5)
    found = attack(hill, torch.tensor([[0.31]]), ZERO)
    assert float(found) == pytest.approx(0.51)
    assert hill(found).argmax(1) == 1


def test_auto_pgd_halves_its_steps_where_fixed_ones_jump_over_the_top():
    settings = {"epsilon": 0.5, "sparsity": 1.0, "objective": "margin", "steps": 60, "restarts": 1, "step_size": 0.7}
    start = torch.tensor([[0.27]])
    fixed, found = (float(create_attack(name, **settings)(hill, start, ZERO)) for name in ("pgd", "apgd"))
    assert abs(found - 0.51) < 1e-3 < abs(fixed - 0.51)


def test_auto_pgd_judges_its_progress_at_the_published_steps():
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    for steps in (1, 2, 7, 20, 1000):
        judged = checkpoints(steps)
        assert all(0 < step < steps for step in judged)
        assert sum(judged.values()) == max(judged, default=0)


@pytest.mark.parametrize("name", ["pgd", "apgd"])
def test_only_clips_that_were_not_reached_start_again(name):
    """The first clip is reached from any point, the second from none."""
    model = Counting(lambda waveforms: torch.stack([10 * waveforms[:, 0], waveforms[:, 1] - 0.3], dim=1))
    waveforms = torch.tensor([[-0.5, 0.0], [0.5, 0.0]])
    found = create_attack(name, epsilon=0.1, sparsity=1.0, steps=7, restarts=3)(model, waveforms, torch.tensor([0, 0]))
    assert model.function(found).argmax(1).tolist() == [1, 0]
    assert model.asked == (1 + 3) * (7 + 1)


@pytest.mark.parametrize(
    ("name", "settings", "cost"),
    [
        ("fgsm", {}, 1),
        ("bim", {"steps": 7}, 7 + 1),
        ("pgd", {"steps": 7, "restarts": 2}, 2 * (7 + 1)),
        ("apgd", {"steps": 7, "restarts": 2}, 2 * (7 + 1)),
        ("deepfool", {"steps": 7}, 7 + 1),
        ("cw_l2", {"steps": 9, "rounds": 3}, 3 * 9 + 1),
        ("cw_linf", {"steps": 9, "rounds": 3}, 3 * 9 + 1),
    ],
)
@pytest.mark.parametrize("sparsity", [1.0, 0.5])
def test_costs_what_its_settings_say(name, settings, cost, sparsity, waveforms):
    model = Counting(steadfast)
    create_attack(name, epsilon=0.5, sparsity=sparsity, **settings)(model, waveforms[:1], ZERO)
    for_the_choice = sparsity < 1 and name in ("bim", "pgd", "apgd", "deepfool")
    assert model.asked <= cost + for_the_choice
    if not name.startswith("cw"):
        assert model.asked == cost + for_the_choice


def test_carlini_and_wagners_rounds_end_when_the_loss_does_not_fall(linear, waveforms):
    model = Counting(linear)
    attack = create_attack("cw_linf", epsilon=0.5, sparsity=1.0, steps=200, rounds=3)
    found = attack(model, waveforms, linear(waveforms).argmax(1))
    assert (linear(found).argmax(1) != linear(waveforms).argmax(1)).all()
    assert model.asked < 2 + 0.5 * 2 * 3 * 200


@pytest.mark.parametrize("name", ["deepfool", "cw_l2", "cw_linf"])
def test_a_minimal_attack_leaves_alone_what_is_decided_otherwise_already(name, linear, waveforms):
    labels = linear(waveforms).argmin(1)
    assert torch.equal(create_attack(name, epsilon=0.1, sparsity=1.0)(linear, waveforms, labels), waveforms)


def test_deepfool_goes_to_the_nearest_of_its_candidates():
    """The likelier of the two other classes is the farther one."""

    def model(waveforms):
        slow, fast = 0.9 + waveforms[:, 0], 20 * waveforms[:, 1]
        return torch.stack([torch.ones_like(slow), slow, fast], dim=1)

    def change(candidates):
        attack = create_attack("deepfool", epsilon=1.0, sparsity=1.0, candidates=candidates)
        return attack(model, torch.zeros(1, 2), ZERO)

    torch.testing.assert_close(change(2), torch.tensor([[0.0, 0.05 * 1.02]]))
    torch.testing.assert_close(change(1), torch.tensor([[0.1 * 1.02, 0.0]]))


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_deepfool_goes_on_with_the_samples_that_have_room(norm):
    """Most of the nearest way is along the second sample, which meets the model's bound."""

    def model(waveforms):
        return torch.stack([torch.ones(len(waveforms)), waveforms[:, 0] + 2 * (waveforms[:, 1] - 0.95)], dim=1)

    model.bounds = (-1.0, 1.0)
    start = torch.tensor([[0.0, 0.95]])
    found = create_attack("deepfool", epsilon=0.92, sparsity=1.0, norm=norm)(model, start, ZERO)
    assert model(found).argmax(1) == 1
    assert float(found[0, 1]) == 1


def test_presets_are_the_published_settings():
    bim = create_attack("bim", preset="systematic")
    assert bim.step_size * bim.budget.epsilon == pytest.approx(0.1)
    assert bim.steps == 100
    paper = create_attack("pgd", preset="paper", epsilon=0.05, sparsity=0.1)
    assert (paper.steps, paper.step_size, paper.restarts) == (20, 0.25, 1)
    assert paper.budget == Budget(epsilon=0.05, sparsity=0.1)
    assert create_attack("deepfool", preset="systematic", steps=5).steps == 5


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("pgd", {"steps": 0}, "steps of 1 or more"),
        ("pgd", {"restarts": 0}, "restarts of 1 or more"),
        ("bim", {"step_size": 0.0}, "step_size above 0"),
        ("fgsm", {"rms": 0.5}, "rms for the norm l2 only"),
        ("fgsm", {"norm": "l2", "rms": 0.0}, r"rms in \(0, 1\]"),
        ("fgsm", {"norm": "l1"}, "'linf' or 'l2'"),
        ("deepfool", {"candidates": 0}, "candidates of 1 or more"),
        ("deepfool", {"targeted": True}, "cannot; use one of"),
        ("cw_l2", {"rounds": 0}, "rounds and steps of 1 or more"),
        ("cw_linf", {"shrink": 1.0}, r"shrink in \(0, 1\)"),
        ("pgd", {"preset": "papers"}, "did you mean 'paper'"),
    ],
)
def test_refuses_settings_that_mean_nothing(name, settings, told):
    with pytest.raises(StaanetError, match=told):
        create_attack(name, **settings)


def test_dlr_of_two_classes_is_refused(waveforms):
    attack = create_attack("apgd", objective="dlr")
    with pytest.raises(StaanetError, match="use margin"):
        attack(steadfast, waveforms, torch.tensor([0, 0]))
