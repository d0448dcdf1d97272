"""The fast convolutions of segments against their layers one by one, in the published order."""

import copy

import pytest
import torch
from torch import nn

from staanet.core.seeds import seeded
from staanet.models.layers.segments import SegmentConvolutions


@pytest.fixture
def fast():
    """Convolutions with statistics and weights as training may leave them."""
    with seeded("segments"):
        convolutions = SegmentConvolutions()
        norm = convolutions[2]
        nn.init.uniform_(norm.weight, -2, 2)
        nn.init.uniform_(norm.bias, -1, 1)
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.running_var, 0.1, 3)
    assert (norm.weight < 0).any()
    assert (norm.weight > 0).any()
    return convolutions.double()


def plain_of(fast):
    return nn.Sequential(*copy.deepcopy(list(fast))).train(fast.training)


def segments(count=3, bands=40):
    with seeded("frames"):
        return torch.randn(count, 1, 29, bands, dtype=torch.float64)


def gradients(network, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(network(x).square().sum(), [x, *network.parameters()])


@pytest.mark.parametrize("training", [False, True])
def test_gives_the_numbers_of_its_layers(fast, training):
    fast.train(training)
    plain = plain_of(fast)
    torch.testing.assert_close(fast(segments()), plain(segments()), rtol=1e-10, atol=1e-10)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(fast.get_buffer(name), buffer, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("training", [False, True])
def test_gives_the_gradients_of_its_layers(fast, training):
    fast.train(training)
    plain = plain_of(fast)
    for ours, theirs in zip(gradients(fast, segments()), gradients(plain, segments()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


def test_a_checkpoint_of_the_layers_fits(fast):
    plain = plain_of(fast)
    assert list(fast.state_dict()) == list(plain.state_dict())
