"""A generator that is trained against the model in the same backward pass."""

import pytest
import torch
from torch import nn

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.seeds import seeded
from staanet.defences import AdversarialGenerator
from staanet.models import create_model
from staanet.models.external import External, ExternalSettings

SIZES = {"frame": 16, "widths": (8, 16), "detail": 2}
SIZE = 640


@pytest.fixture
def clips():
    with seeded("clips"):
        return 0.1 * torch.randn(4, SIZE), torch.full((4,), SIZE), torch.tensor([0, 1, 0, 1])


def linear():
    """A linear model that records the clips which it classifies."""
    with seeded("linear"):
        network = nn.Linear(SIZE, 2)
    seen = []
    network.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    model = External(network, ExternalSettings(labels=("anger", "neutral"), seconds=SIZE / 16_000), "linear")
    return model, seen


@pytest.mark.parametrize("generator", ["compact", "gradient_conditional"])
@pytest.mark.parametrize("sparsity", [1.0, 0.05])
def test_the_model_learns_from_clips_within_the_budget(generator, sparsity, clips):
    waveforms, lengths, labels = clips
    model, seen = linear()
    budget = Budget(epsilon=0.01, sparsity=sparsity)
    defence = AdversarialGenerator(generator=generator, sizes=SIZES, budget=budget, steps=2)
    defence.loss(model, None, waveforms, lengths, labels)
    changes = seen[-1] - waveforms
    assert changes.abs().max() <= 0.01 + 1e-6
    assert ((changes.abs() > 1e-6).sum(1) <= int(sparsity * SIZE)).all()
    assert (changes.abs() > 1e-6).any(1).all()


def test_a_generator_that_copies_its_source_copies_the_model_where_training_begins():
    defence = AdversarialGenerator(generator="deconvolutional", sizes=SIZES)
    with seeded("model"):
        model = create_model("emo18", labels=("anger", "neutral"), seconds=0.1)
    defence.begin(model, None)
    weights = model.folded_weights()
    assert torch.equal(defence.network.deconvolution.weight_2, weights["weight_2"])
    with pytest.warns(StaanetWarning, match="expected emo18 as the source"):
        defence.begin(linear()[0], None)


def test_a_step_on_the_gradient_makes_the_generator_stronger_and_the_model_more_robust(clips):
    waveforms, lengths, labels = clips
    model, _ = linear()
    defence = AdversarialGenerator(sizes=SIZES, budget=Budget(epsilon=0.02), steps=0)
    losses = []
    optimiser = torch.optim.Adam(defence.companion().network.parameters(), lr=1e-2)
    for _ in range(12):
        loss = defence.loss(model, None, waveforms, lengths, labels)
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] > losses[0]
    last = defence.loss(model, None, waveforms, lengths, labels)
    weights = list(model.parameters())
    with torch.no_grad():
        for weight, gradient in zip(weights, torch.autograd.grad(last, weights), strict=True):
            weight -= 1e-3 * gradient
    assert float(defence.loss(model, None, waveforms, lengths, labels).detach()) < float(last.detach())


def test_the_gradient_steps_begin_where_the_generator_ends_and_raise_the_loss_of_a_linear_model(clips):
    waveforms, lengths, labels = clips
    model, _ = linear()
    losses = [
        float(
            AdversarialGenerator(sizes=SIZES, budget=Budget(epsilon=0.02), steps=steps)
            .loss(model, None, waveforms, lengths, labels)
            .detach()
        )
        for steps in (0, 1, 2)
    ]
    assert losses[0] < losses[1] <= losses[2]


def test_a_new_training_begins_with_an_untrained_generator(clips):
    waveforms, lengths, labels = clips
    model, _ = linear()
    defence = AdversarialGenerator(sizes=SIZES, steps=0)
    first = float(defence.loss(model, None, waveforms, lengths, labels).detach())
    with torch.no_grad():
        for weight in defence.network.parameters():
            weight += 0.1
    assert float(defence.loss(model, None, waveforms, lengths, labels).detach()) != first
    defence.begin(model, None)
    assert float(defence.loss(model, None, waveforms, lengths, labels).detach()) == first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": -1}, "steps of 0 or more"),
        ({"factor": 0.0}, "a factor above 0"),
        ({"step_size": float("nan")}, "a step_size and a factor above 0"),
        ({"generator": "compct"}, "did you mean 'compact'"),
        ({"sizes": {"frame": 3}}, "an even frame"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(StaanetError, match=message):
        AdversarialGenerator(**settings)
