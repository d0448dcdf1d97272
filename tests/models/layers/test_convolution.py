"""The fast block against its four layers one by one, in PyTorch's own classes and the published order."""

import pytest
import torch
from torch import nn

from staanet.core.seeds import seeded
from staanet.models.layers.convolution import ConvBlock, WaveformConvolution, convolved

FIRST, LATER = (1, 12, 8, 3), (3, 5, 7, 4)
"""Channels in and out, kernel, pooling: with statistics from the windows, and from the features."""


def block_of(sizes, activation=nn.ELU):
    """Return a block with statistics and weights as training may leave them."""
    with seeded("block"):
        block = ConvBlock(*sizes, activation=activation)
        convolution, norm, *_ = block
        nn.init.uniform_(convolution.bias, -1, 1)
        nn.init.uniform_(norm.weight, -2, 2)
        nn.init.uniform_(norm.bias, -1, 1)
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.running_var, 0.1, 3)
    assert (norm.weight < 0).any()
    assert (norm.weight > 0).any()
    return block


def plain_of(block, sizes, activation=nn.ELU):
    c_in, c_out, kernel, pool = sizes
    plain = nn.ModuleList(
        [
            nn.Conv1d(c_in, c_out, kernel, padding=(kernel - 1) // 2),
            nn.BatchNorm1d(c_out),
            nn.MaxPool1d(pool),
            activation(),
        ]
    )
    plain.load_state_dict(block.state_dict())
    plain.train(block.training)
    plain.to(next(block.parameters()).dtype)
    return plain


def published(plain, features):
    convolution, norm, pool, activation = plain
    return pool(activation(norm(convolution(features))))


def features_of(sizes, dtype=torch.float32):
    with seeded("features"):
        return torch.randn(2, sizes[0], 50).to(dtype).requires_grad_()


@pytest.mark.parametrize("activation", [nn.ELU, nn.LeakyReLU])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sizes", [FIRST, LATER])
def test_equals_its_layers_one_by_one_with_all_gradients(sizes, training, activation):
    block = block_of(sizes, activation).train(training)
    plain = plain_of(block, sizes, activation)
    features = features_of(sizes)
    found, expected = block(features), published(plain, features)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weights = torch.linspace(-1, 1, found.numel()).view_as(found)
    gradients = torch.autograd.grad((found * weights).sum(), (features, *block.parameters()))
    by_layers = torch.autograd.grad((expected * weights).sum(), (features, *plain.parameters()))
    torch.testing.assert_close(gradients, by_layers, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("sizes", [FIRST, LATER])
def test_learns_the_statistics_that_its_layers_learn(sizes):
    block = block_of(sizes).train()
    plain = plain_of(block, sizes)
    for _ in range(3):
        block(features_of(sizes))
        published(plain, features_of(sizes))
    found, expected = block.state_dict(), plain.state_dict()
    assert set(found) == set(expected)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
    assert int(block[1].num_batches_tracked) == 3


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sizes", [FIRST, LATER])
def test_gradients_are_slopes(sizes, training):
    block = block_of(sizes).double().train(training)
    features = features_of(sizes, torch.float64)[:, :, :20].detach().requires_grad_()

    def output(features, *parameters):
        names = [name for name, _ in block.named_parameters()]
        return torch.func.functional_call(block, dict(zip(names, parameters, strict=True)), (features,))

    assert torch.autograd.gradcheck(output, (features, *block.parameters()))


def test_a_waveforms_gradient_is_the_slope_and_has_one_itself():
    with seeded("waveform"):
        inputs = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((2, 1, 9), (3, 1, 4), (3,))]
    assert torch.autograd.gradcheck(WaveformConvolution.apply, inputs)
    assert torch.autograd.gradgradcheck(WaveformConvolution.apply, inputs)


def test_a_channel_that_cancels_nearly_all_of_its_input_is_normalised_precisely():
    sizes = (1, 4, 3, 2)
    block = block_of(sizes).train()
    with torch.no_grad():
        block[0].weight[0] = torch.tensor([[1.0, -2.0, 1.0]])  # cancels a slow waveform almost entirely
        slow = torch.sin(torch.arange(4000.0) / 100).repeat(2, 1)[:, None]
        slow = slow + 1e-3 * torch.sin(torch.arange(4000.0))
        plain = plain_of(block, sizes)
        exact = published(plain_of(block.double(), sizes), slow.double()).float()
        found = block.float()(slow)
    torch.testing.assert_close(found, exact, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(found, published(plain, slow), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("sizes", [FIRST, LATER])
def test_in_bfloat16_equals_its_layers_as_far_as_bfloat16_goes(sizes):
    block = block_of(sizes).train()
    plain = plain_of(block, sizes)
    features = features_of(sizes)
    with torch.autocast("cpu", torch.bfloat16):
        found = block(features)
    torch.testing.assert_close(found.float(), published(plain, features), atol=0.1, rtol=0.05)
    (gradient,) = torch.autograd.grad(found.float().sum(), features)
    assert gradient.dtype == torch.float32


def test_the_memory_format_is_channels_last():
    waveforms = torch.zeros(2, 1, 50)
    assert convolved(waveforms, torch.zeros(4, 1, 3), None).is_contiguous(memory_format=torch.channels_last)


def test_statistics_stay_in_eval_mode():
    block = block_of(FIRST).eval()
    before = {name: value.clone() for name, value in block.state_dict().items()}
    block(features_of(FIRST))
    assert all(torch.equal(value, before[name]) for name, value in block.state_dict().items())
