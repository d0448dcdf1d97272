"""Which input, models and logits an attack rejects."""

from dataclasses import dataclass
from typing import Literal

import pytest
import torch

from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.base import Attack
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model


@dataclass(frozen=True)
class Probe(Attack):
    """Uses the model as an attack with some access does, and raises every sample by epsilon."""

    name = "probe"
    norms = ("linf",)
    reference = "none"

    access: Literal["gradient", "scores", "decision", "none"] = "gradient"
    budget: Budget = Budget(epsilon=0.1)

    def perturb(self, model, waveforms, labels, lengths, random):  # noqa: ARG002
        if self.access != "none" and len(waveforms):
            with torch.set_grad_enabled(self.access == "gradient"):
                model(waveforms.clone().requires_grad_(self.access == "gradient"), lengths)
        return waveforms + 0.1


USING_MODEL = ("gradient", "scores", "decision")
WAVEFORMS = torch.zeros(2, 6)
LABELS = torch.tensor([0, 2])


def linear(waveforms):
    return waveforms[:, :3] * 2


def step(waveforms):
    """Predict without a gradient, like a model outside torch."""
    return (waveforms[:, :3].detach() > 0).float()


@pytest.mark.parametrize("access", [*USING_MODEL, "none"])
def test_a_model_that_can_be_attacked_is(access):
    assert torch.equal(Probe(access)(linear, WAVEFORMS, LABELS), torch.full((2, 6), 0.1))


def test_a_model_without_gradients_is_rejected_only_by_attacks_that_need_them():
    with pytest.raises(StaanetError, match="logits with gradients from step, got logits without; use an attack that"):
        Probe("gradient")(step, WAVEFORMS, LABELS)
    for access in ("scores", "decision", "none"):
        assert Probe(access)(step, WAVEFORMS, LABELS).max() == pytest.approx(0.1)


@pytest.mark.parametrize("access", USING_MODEL)
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda waveforms: waveforms[:, :1], r"two or more classes \[B, K\], got logits \[2, 1\]"),
        (lambda waveforms: waveforms[:, 0], r"logits \[2, K\] .* got torch.float32 \[2\]"),
        (lambda waveforms: waveforms[:, None], r"logits \[2, K\] .* got torch.float32 \[2, 1, 6\]"),
    ],
)
def test_fewer_than_two_classes_are_rejected(access, model, message):
    with pytest.raises(StaanetError, match=message):
        Probe(access)(model, WAVEFORMS, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize("access", USING_MODEL)
@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [7, 8]])
def test_labels_that_the_model_does_not_have_are_rejected(access, labels):
    with pytest.raises(StaanetError, match=r"labels in 0..2, got .*; check the order of the classes"):
        Probe(access)(linear, WAVEFORMS, torch.tensor(labels))


@pytest.mark.parametrize("access", [*USING_MODEL, "none"])
def test_an_epsilon_wider_than_the_bounds_is_rejected(access):
    with pytest.raises(StaanetError, match=r"epsilon of at most 2, the width of the model's bounds, got 2\.1"):
        Probe(access, Budget(epsilon=2.1))(linear, WAVEFORMS, LABELS)
    assert Probe(access, Budget(epsilon=2.0))(linear, WAVEFORMS, LABELS).max() == pytest.approx(0.1)

    class Wide:
        bounds = (-40.0, 40.0)

        def __call__(self, waveforms):
            return waveforms[:, :3]

    assert Probe(access, Budget(epsilon=2.1))(Wide(), WAVEFORMS, LABELS).max() == pytest.approx(0.1)
    with pytest.raises(StaanetError, match="epsilon of at most 80"):
        Probe(access, Budget(epsilon=81.0))(Wide(), WAVEFORMS, LABELS)


def test_an_attack_without_access_never_calls_the_model():
    def never(waveforms):  # noqa: ARG001
        pytest.fail("called")

    assert Probe("none")(never, WAVEFORMS, torch.tensor([0, 9])).max() == pytest.approx(0.1)
    for access in USING_MODEL:
        assert Probe(access)(never, torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64)).shape == (0, 6)


@pytest.mark.parametrize("access", USING_MODEL)
def test_a_model_gets_only_the_calls_of_the_attack(access):
    seen = []

    def model(waveforms, lengths):
        seen.append((list(waveforms.shape), lengths.tolist(), torch.is_grad_enabled()))
        return waveforms[:, :3] * 2

    waveforms = torch.zeros(3, 9)
    Probe(access)(model, waveforms, torch.tensor([0, 1, 2]), torch.tensor([9, 4, 7]))
    assert seen == [([3, 9], [9, 4, 7], access == "gradient")]
    assert not waveforms.requires_grad


def test_a_model_stays_unchanged(clips):
    waveforms, lengths, labels = clips
    with seeded("victim"):
        model = create_model("emo18", labels="abc", seconds=0.05).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        Probe("gradient")(model, waveforms * 0.5, labels, lengths)
        assert not torch.is_grad_enabled()
    assert all(part.training for part in model.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", [name for name in ATTACKS if not ATTACKS[name].targetable])
def test_an_attack_that_cannot_be_targeted_names_those_that_can(name):
    able = [other for other in ATTACKS if ATTACKS[other].targetable]
    with pytest.raises(StaanetError) as caught:
        create_attack(name, targeted=True)
    assert str(caught.value).startswith(f"{name}: expected an attack that can be targeted, got one that cannot")
    assert str(caught.value).endswith(", ".join(able) or "(none)")
