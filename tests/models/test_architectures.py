import pytest
import torch
from torch import nn

from staanet.core.seeds import seeded
from staanet.models import create_victim
from staanet.models.convolution import ConvBlock


@pytest.mark.parametrize(("name", "parameters"), [("emo18", 1_302_087), ("zhao19", 1_010_759)])
def test_has_the_published_number_of_parameters(name, parameters):
    victim = create_victim(name, labels="abcdefg")
    assert sum(parameter.numel() for parameter in victim.parameters()) == parameters


@pytest.mark.parametrize("name", ["emo18", "zhao19"])
def test_pooling_before_the_activation_equals_the_published_order(name):
    with seeded("victim"):
        victim = create_victim(name, labels="ab", seconds=0.1).eval()
        waveforms = torch.randn(2, 1, 1600)
    published = waveforms
    for block in victim.features:
        convolution, norm, pool, activation = block
        nn.init.uniform_(norm.weight, -1, 1)
        published = pool(activation(norm(convolution(published))))
    torch.testing.assert_close(victim.features(waveforms), published)


@pytest.fixture
def block():
    """A block that has heard something: statistics and weights of its normalisation as training may leave them."""
    with seeded("block"):
        block = ConvBlock(3, 5, kernel=7, pool=4, activation=nn.ELU)
        convolution, norm, *_ = block
        nn.init.uniform_(convolution.bias, -1, 1)
        nn.init.uniform_(norm.weight, -2, 2)
        nn.init.uniform_(norm.bias, -1, 1)
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.running_var, 0.1, 3)
    assert (norm.weight < 0).any()
    assert (norm.weight > 0).any()
    return block


def plain(block, features):
    convolution, norm, pool, activation = block
    return activation(pool(norm(convolution(features))))


@pytest.mark.parametrize("training", [True, False])
def test_a_block_equals_its_layers_one_by_one_with_all_gradients(block, training):
    block.train(training)
    with seeded("features"):
        features = torch.randn(2, 3, 50).requires_grad_()
        weights = torch.randn(2, 5, 12)
    found, expected = block(features), plain(block, features)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    wanted = (features, *block.parameters())
    assert len(wanted) == 5
    gradients, by_layers = (torch.autograd.grad((out * weights).sum(), wanted) for out in (found, expected))
    torch.testing.assert_close(gradients, by_layers, atol=1e-5, rtol=1e-4)


def test_a_block_learns_its_statistics_in_training_only(block):
    before = {name: value.clone() for name, value in block.state_dict().items()}
    features = torch.ones(2, 3, 50)
    block.eval()(features)
    assert all(torch.equal(value, before[name]) for name, value in block.state_dict().items())
    block.train()(features)
    assert not torch.equal(block[1].running_mean, before["1.running_mean"])


def test_the_mean_over_time_comes_after_the_linear_layer_without_a_difference():
    with seeded("victim"):
        head = create_victim("emo18", labels="abc", seconds=0.1).head
        features = torch.randn(2, 256, 9)
    steps, _ = head.lstm(features.transpose(1, 2))
    torch.testing.assert_close(head(features), head.linear(steps).mean(1))


def test_weights_start_as_the_paper_says():
    with seeded("victim"):
        victim = create_victim("zhao19", labels="ab")
    convolution = victim.features[1][0]
    bound = (6 / (64 * 3)) ** 0.5
    assert bound * 0.95 < convolution.weight.abs().max().item() <= bound
    assert convolution.bias.abs().max().item() == 0
