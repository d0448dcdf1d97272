"""What every attack in the registry promises."""

import dataclasses

import pytest
import torch

from every_attack import CASES, build
from staanet.attacks import ATTACKS, create_attack
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case))
def attack(request):
    return build(*request.param)


@pytest.fixture
def model():
    with seeded("victim"):
        return create_model("zhao19", labels="abc", seconds=0.05)


def test_is_frozen_and_describes_itself(attack):
    assert dataclasses.is_dataclass(attack)
    with pytest.raises(dataclasses.FrozenInstanceError):
        attack.budget = None
    assert attack.access in ("gradient", "scores", "decision", "none")
    assert attack.norms
    assert attack.reference


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in ATTACKS for preset in ATTACKS[name].presets])
def test_a_preset_changes_the_defaults_and_can_be_changed(name, preset):
    changed = ATTACKS[name].presets[preset]
    attack = create_attack(name, preset=preset)
    assert attack == create_attack(name, **changed)
    elsewhere = create_attack(name, preset=preset, epsilon=0.01)
    assert elsewhere == dataclasses.replace(attack, budget=elsewhere.budget)
    assert elsewhere.budget.epsilon == 0.01
    with pytest.raises(StaanetError, match=f"{name}: expected a preset from .*{preset}.*did you mean"):
        create_attack(name, preset=preset[:-1])


def test_stays_in_the_budget_and_in_full_scale(attack, model, clips):
    waveforms, lengths, _ = clips
    labels = model(waveforms, lengths).argmax(1)  # what is decided otherwise already may stay as it is
    adversarial = attack(model, waveforms, labels, lengths)
    change = adversarial - waveforms
    assert adversarial.shape == waveforms.shape
    assert adversarial.dtype == waveforms.dtype
    assert not adversarial.requires_grad
    assert ((change != 0).sum(1) <= lengths // 10).all()
    assert (change != 0).any(1).all()
    assert change.abs().max() <= 0.05 + 1e-6
    assert adversarial.abs().max() <= 1
    for row, length in zip(adversarial, lengths, strict=True):
        assert (row[length:] == 0).all()


def test_a_relative_budget_follows_each_clips_peak(clips, model):
    waveforms, lengths, labels = clips
    quiet = waveforms * torch.tensor([[1.0], [0.1], [0.01]])
    for name, generator in CASES:
        attack = build(name, generator, snr_db=20.0, sparsity=0.1)
        change = (attack(model, quiet, labels, lengths) - quiet).abs().amax(1)
        assert (change <= quiet.abs().amax(1) * 0.1 + 1e-6).all()


def test_leaves_input_and_model_as_they_were(attack, model, clips):
    waveforms, lengths, labels = clips
    before = waveforms.clone()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    model.head.eval()
    attack(model, waveforms, labels, lengths)
    assert torch.equal(before, waveforms)
    assert model.training
    assert not model.head.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", [name for name in ATTACKS if ATTACKS[name].model_free])
def test_a_sourceless_attack_does_the_same_on_any_model(name, model, clips):
    waveforms, lengths, labels = clips
    elsewhere = build(name)(lambda waveforms: waveforms[:, :3], waveforms, labels.flip(0), lengths)
    assert torch.equal(build(name)(model, waveforms, labels, lengths), elsewhere)


def test_same_seed_same_bits(attack, model, clips):
    waveforms, lengths, labels = clips
    first = attack(model, waveforms, labels, lengths, seed=3)
    torch.rand(7)
    assert torch.equal(first, attack(model, waveforms, labels, lengths, seed=3))


def test_batch_order_and_padding_change_nothing(attack, model, clips):
    waveforms, lengths, labels = clips
    if attack.access == "gradient" and not attack.packages:  # in 32 bits, rounding decides which of two equals is taken
        waveforms, model = waveforms.double(), model.double()
    together = attack(model, waveforms, labels, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = attack(model, waveforms[row : row + 1, :length], labels[row : row + 1])
        torch.testing.assert_close(alone[0], together[row, :length], atol=1e-5, rtol=0)
    padded = torch.nn.functional.pad(waveforms.flip(0), (0, 333))
    swapped = attack(model, padded, labels.flip(0), lengths.flip(0))
    torch.testing.assert_close(swapped.flip(0)[:, : waveforms.shape[1]], together, atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_an_empty_budget_returns_the_input(case, model, clips):
    waveforms, lengths, labels = clips
    attack = build(*case, epsilon=0.0)
    assert torch.equal(attack(model, waveforms, labels, lengths), waveforms)


@pytest.mark.parametrize("name", ["noise", "shuffled_staa_net", "held_noise", "hum", "babble"])
def test_another_seed_draws_anew(name, model, clips):
    waveforms, lengths, labels = clips
    first, second = (build(name)(model, waveforms, labels, lengths, seed=seed) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_keeps_to_the_models_own_bounds(attack, clips):
    waveforms, lengths, labels = clips

    class Narrow:
        bounds = (-0.8, 0.8)

        def __call__(self, waveforms):
            return waveforms[:, :3]

        def represent(self, waveforms, lengths):  # noqa: ARG002
            return waveforms[:, :3]

    near = torch.where(waveforms == 0, 0, waveforms.sign() * 0.79)
    adversarial = attack(Narrow(), near, labels, lengths)
    assert (adversarial - near).abs().max() > 0
    assert adversarial.abs().max() <= 0.8 + 1e-6
    with pytest.raises(StaanetError, match=r"samples in .-0.8, 0.8."):
        attack(Narrow(), waveforms.sign() * 0.9, labels, lengths)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda w, y, n: (w[:, None], y, n), "expected waveforms .B, T., got .3, 1, 900.; drop the channel"),
        (lambda w, y, n: (w.int(), y, n), "floating-point"),
        (lambda w, y, n: (w / 0, y, n), "finite"),
        (lambda w, y, n: (w * 3, y, n), "samples in .-1, 1."),
        (lambda w, y, n: (w, y[:2], n), "integer labels .3."),
        (lambda w, y, n: (w, y, n + 1), "lengths in 1..900"),
        (lambda w, y, n: (w, y, n - 1), "zeros beyond"),
        (lambda w, y, n: (w, y, n.float()), "integer lengths"),
    ],
)
def test_refuses_input_that_breaks_the_contract(attack, model, clips, change, told):
    waveforms, lengths, labels = clips
    waveforms, labels, lengths = change(waveforms, labels, lengths)
    with pytest.raises(StaanetError, match=told):
        attack(model, waveforms, labels, lengths)
