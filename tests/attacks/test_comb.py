import pytest
import torch

from attacks.behaviour import check_flat_model, gradients_of_12_steps
from attacks.linear import COUNT, EPSILON, SPARSE, fall, linear
from staanet.attacks import create_attack
from staanet.core.errors import StaanetError


def test_finds_its_best_phases(waveforms):
    weights, model = linear(2)
    labels = model(waveforms).argmax(1)
    adversarial = create_attack("comb", period=32, steps=20, **SPARSE)(model, waveforms, labels)
    change = (adversarial - waveforms).view(16, -1, 32)
    assert (change != 0).any(1).sum(1).unique().tolist() == [COUNT // 20]
    torch.testing.assert_close(change, change[:, :1].expand_as(change), atol=1e-6, rtol=0)
    slopes = (weights[:, 0] - weights[:, 1]).view(-1, 32).sum(0).abs()
    best = EPSILON * slopes.topk(COUNT // 20).values.sum()
    assert fall(model, waveforms, adversarial, labels).min() >= 0.99 * best


def test_a_period_too_short_for_the_budget_is_lengthened(waveforms):
    _, model = linear(2)
    attack = create_attack("comb", period=4, epsilon=EPSILON, sparsity=0.02)
    adversarial = attack(model, waveforms, model(waveforms).argmax(1))
    positions = (adversarial[0] != waveforms[0]).nonzero()[:, 0]
    assert len(positions) == 12
    assert positions.diff().unique().tolist() == [56]


def test_takes_as_many_gradients_as_steps(small_model, clips):
    assert gradients_of_12_steps("comb", small_model, clips) == 12 * 3


def test_a_flat_model_does_no_harm(clips):
    check_flat_model("comb", clips)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"steps": 0}, "steps of 1 or more"), ({"period": 0}, "period of 1 or more"), ({"preset": "paper"}, "preset")],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("comb", **settings)
