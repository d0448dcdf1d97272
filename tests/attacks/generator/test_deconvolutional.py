import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.attacks.generator import create_generator, load_generator
from staanet.attacks.generator.base import Given
from staanet.core import checkpoints
from staanet.core.errors import StaanetWarning
from staanet.core.seeds import seeded
from staanet.models import create_model
from tiny import TINY

SIZE = 3840  # whole steps of both models


def source(name):
    """Return a model whose normalisation is not the identity."""
    with seeded("source"):
        model = create_model(name, labels=("anger", "joy", "sadness"), seconds=0.24).train()
        model.classify(torch.randn(8, SIZE))
    return model.eval()


def begun(name):
    with seeded("weights"):
        generator = create_generator("deconvolutional", **TINY["deconvolutional"], source=name)
    generator.begin(source(name))
    return generator


@pytest.mark.parametrize("name", ["emo18", "zhao19"])
def test_a_pattern_over_features_is_written_as_its_gradient_with_respect_to_the_samples(name):
    network = begun(name).deconvolution
    with seeded("clips"):
        clips = torch.randn(2, SIZE).requires_grad_()
    features = source(name).features(clips[:, None])
    steps = torch.full((2,), SIZE // network.stride)
    levels = network._read(clips.detach()[:, None], steps, SIZE // network.stride)
    seen = features.shape[2]
    torch.testing.assert_close(levels[-1].features[:, :, :seen], features, atol=1e-4, rtol=1e-4)
    with seeded("pattern"):
        pattern = torch.randn_like(features)
    (expected,) = torch.autograd.grad((features * pattern).sum(), clips)
    padded = functional.pad(pattern, (0, SIZE // network.stride - seen))
    written = network._written(padded, levels, steps)[:, 0]
    assert functional.cosine_similarity(written, expected).min() > 0.9999


@pytest.mark.parametrize("name", ["emo18", "zhao19"])
def test_a_direction_moves_the_features_as_their_derivative_says(name):
    network = begun(name).deconvolution
    with seeded("clips"):
        clips, direction = torch.randn(2, 1, SIZE), torch.randn(2, SIZE)
    model = source(name)
    features = lambda x: model.features(x[:, None])  # noqa: E731
    _, expected = torch.autograd.functional.jvp(features, clips[:, 0], direction)
    steps = torch.full((2,), SIZE // network.stride)
    levels = network._read(clips, steps, SIZE // network.stride)
    moved = network._moved(direction[:, None], levels, steps, SIZE // network.stride)[:, :, : expected.shape[2]]
    assert functional.cosine_similarity(moved.flatten(1), expected.flatten(1)).min() > 0.9999


def test_a_gradient_is_where_the_pattern_begins():
    with seeded("weights"):
        generator = create_generator("gradient_deconvolutional", **TINY["gradient_deconvolutional"])
    generator.begin(source("emo18"))
    nn.init.zeros_(generator.deconvolution.writer.weight)
    nn.init.zeros_(generator.deconvolution.writer.bias)
    lengths = torch.full((2,), SIZE)
    with seeded("clips"), torch.no_grad():
        clips = torch.rand(2, SIZE) - 0.5
        gradients = torch.randn(2, SIZE)
        first, again, other = (
            generator._guide(clips, lengths, Given(torch.ones(2, 1), lengths, given))
            for given in (gradients, 1e-9 * gradients, -gradients)
        )
    torch.testing.assert_close(first, again, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(first, -other, atol=1e-4, rtol=1e-4)
    assert functional.cosine_similarity(first, gradients).min() > 0.1


def test_training_learns_what_to_write_and_leaves_the_copy_as_it_is():
    generator = begun("emo18").train()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    optimiser = torch.optim.Adam([weight for weight in generator.parameters() if weight.requires_grad])
    with seeded("clips"):
        clips = torch.rand(2, SIZE) - 0.5
    output = generator(clips, 0.1, quantisation="straight_through")
    (output.adversarial * torch.linspace(-1, 1, SIZE)).sum().backward()
    optimiser.step()
    same = {name for name, value in generator.state_dict().items() if torch.equal(value, before[name])}
    copied = {name for name in before if name.startswith(("deconvolution.weight", "deconvolution.bias"))}
    copied |= {name for name in before if name.startswith("deconvolution.memory")}
    assert copied <= same
    assert not any(name.startswith(("deconvolution.readers", "deconvolution.writer")) for name in same)


@torch.no_grad()
def test_a_checkpoint_holds_the_copy(tmp_path):
    generator = begun("zhao19").eval()
    checkpoints.save(generator, tmp_path / "generator")
    with seeded("clips"):
        clips = torch.rand(1, SIZE) - 0.5
    assert torch.equal(
        load_generator(tmp_path / "generator")(clips, 0.1).adversarial, generator(clips, 0.1).adversarial
    )


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda: source("zhao19"), r"expected emo18 as the source, .* got zhao19; .*--size source=zhao19"),
        (
            lambda: create_model("transformer", labels=("a", "b"), seconds=0.24),
            r"got transformer; .* learn from nothing$",
        ),
        (lambda: nn.Identity(), r"got Identity; .* learn from nothing$"),
    ],
    ids=["another", "no convolutions", "no model"],
)
def test_for_another_source_the_convolutions_learn(model, told):
    generator = create_generator("deconvolutional", **TINY["deconvolutional"]).train()
    generator.begin(source("emo18"))
    with pytest.warns(StaanetWarning, match=told):
        generator.begin(model())
    with seeded("clips"):
        output = generator(torch.rand(2, SIZE) - 0.5, 0.1, quantisation="straight_through")
    (output.adversarial * torch.linspace(-1, 1, SIZE)).sum().backward()
    for name in ("weight_0", "bias_2", "memory.weight_ih_l1"):
        assert generator.deconvolution.get_parameter(name).grad.abs().max() > 0
