import pytest
import torch
from torch import nn

from staanet.core.seeds import seeded
from staanet.models import create_victim


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
