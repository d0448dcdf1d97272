import copy

import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import Model, ModelSettings, create_model


@pytest.mark.parametrize(("name", "parameters"), [("emo18", 1_302_087), ("zhao19", 1_010_759)])
def test_has_the_published_number_of_parameters(name, parameters):
    model = create_model(name, labels="abcdefg")
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["emo18", "zhao19"])
def test_equals_the_published_layers_in_the_published_order(name, training):
    with seeded("victim"):
        model = create_model(name, labels="ab", seconds=0.1).train(training)
        waveforms = torch.randn(2, 1600)
    features = waveforms[:, None]
    for block in copy.deepcopy(model.features):
        convolution, norm, pool, activation = block
        features = pool(activation(norm(convolution(features))))
    torch.testing.assert_close(model.classify(waveforms), model.head(features), atol=1e-5, rtol=1e-5)


def test_a_model_of_ones_own_without_encode_raises():
    class Flat(Model):
        name, pooling_stride = "flat", 1

        def classify(self, waveforms):
            return waveforms[:, :2]

    model = Flat(ModelSettings(("a", "b"), 0.01))
    assert model(torch.rand(1, 160)).shape == (1, 2)
    with pytest.raises(StaanetError, match="expected a model with a representation, flat has none; write its method"):
        model.represent(torch.rand(1, 160))


def test_the_mean_over_time_comes_after_the_linear_layer_without_a_difference():
    with seeded("victim"):
        head = create_model("emo18", labels="abc", seconds=0.1).head
        features = torch.randn(2, 256, 9)
    steps, _ = head.lstm(features.transpose(1, 2))
    torch.testing.assert_close(head(features), head.linear(steps).mean(1))


def test_weights_start_as_the_paper_says():
    with seeded("victim"):
        model = create_model("zhao19", labels="ab")
    convolution = model.features[1][0]
    bound = (6 / (64 * 3)) ** 0.5
    assert bound * 0.95 < convolution.weight.abs().max().item() <= bound
    assert convolution.bias.abs().max().item() == 0


@pytest.mark.parametrize(
    ("name", "exportable"), [("emo18", True), ("zhao19", True), ("transformer", True), ("cnn_lstm", False)]
)
def test_models_that_only_standardise_clips_can_be_exported(name, exportable):
    assert create_model(name, labels="ab").exportable == exportable
