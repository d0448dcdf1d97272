"""Checkpoints of the original code, against an independent implementation of its names and layers."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models.published import read_model

SIZES = {
    "emo18": ((1, 64, 128, 256), (8, 6, 6), (10, 8, 8), functional.leaky_relu),
    "zhao19": ((1, 64, 64, 128, 128), (3, 3, 3, 3), (4, 4, 4, 4), functional.elu),
}
"""Channels, kernels, pools, activation."""


def published(name, classes):
    """Return a state dict of that naming, and a function that computes with it."""
    channels, kernels, pools, activation = SIZES[name]
    with seeded("published", name):
        lstm = nn.LSTM(channels[-1], 256, num_layers=2, batch_first=True)
        tensors = {f"rnn.rnn.{part}": value.detach() for part, value in lstm.state_dict().items()}
        for block, (c_in, c_out, kernel) in enumerate(zip(channels, channels[1:], kernels, strict=False)):
            convolution, norm = (f"audio_model.model.network.{2 * block}.{layer}" for layer in (0, 1))
            tensors[f"{convolution}.weight"] = torch.randn(c_out, c_in, kernel) * (c_in * kernel) ** -0.5
            tensors[f"{convolution}.bias"] = torch.randn(c_out) * 0.1
            tensors[f"{norm}.weight"], tensors[f"{norm}.bias"] = torch.randn(c_out), torch.randn(c_out)
            tensors[f"{norm}.running_mean"], tensors[f"{norm}.running_var"] = torch.randn(c_out), torch.rand(c_out) + 1
            tensors[f"{norm}.num_batches_tracked"] = torch.tensor(7)
        tensors["linear.weight"], tensors["linear.bias"] = torch.randn(classes, 256), torch.randn(classes)

    def logits(waveforms):
        x = ((waveforms - waveforms.mean(1, keepdim=True)) / waveforms.std(1, keepdim=True))[:, None]
        for block, (kernel, pool) in enumerate(zip(kernels, pools, strict=True)):
            convolution, norm = (f"audio_model.model.network.{2 * block}.{layer}" for layer in (0, 1))
            x = functional.conv1d(
                x, tensors[f"{convolution}.weight"], tensors[f"{convolution}.bias"], padding=(kernel - 1) // 2
            )
            x = functional.batch_norm(
                x, *(tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
            )
            x = functional.max_pool1d(activation(x), pool)
        steps, _ = lstm(x.transpose(1, 2))
        return functional.linear(steps, tensors["linear.weight"], tensors["linear.bias"]).mean(1)

    return tensors, logits


@pytest.mark.parametrize("name", SIZES)
def test_decides_as_the_published_network_does(name, tmp_path):
    tensors, logits = published(name, classes=4)
    torch.save(tensors, tmp_path / "19_epoch.pt")
    model = read_model(tmp_path / "19_epoch.pt", ["happiness", "sadness", "anger", "neutral"], seconds=0.2)
    assert (model.name, model.trained_length, model.sample_rate) == (name, 3200, 16_000)
    assert model.labels == ("happiness", "sadness", "anger", "neutral")
    assert not model.training
    waveforms = torch.rand(3, 3200) - 0.5
    with torch.no_grad():
        torch.testing.assert_close(model(waveforms), logits(waveforms))


@pytest.mark.parametrize(
    ("labels", "change", "message"),
    [
        ("abc", dict, "expected 4 labels, one per class, got 3; name them in the order"),
        ("abcd", lambda t: t.pop("linear.weight"), "expected the state dict of Emo18 or Zhao19"),
        ("abcd", lambda t: t.pop("linear.bias"), "expected linear.bias among the tensors of zhao19, found none"),
        ("abcd", lambda t: t.update(extra=torch.zeros(1)), "expected no extra among the tensors of zhao19, found it"),
        (
            "abcd",
            lambda t: t.update({"rnn.rnn.bias_hh_l0": torch.zeros(3)}),
            "expected rnn.rnn.bias_hh_l0 of shape [1024] for zhao19, got [3]",
        ),
        (
            "abcd",
            lambda t: t.update({"audio_model.model.network.0.0.weight": torch.zeros(64, 1, 5)}),
            "expected the state dict of Emo18 or Zhao19 by the authors' names",
        ),
    ],
)
def test_another_network_raises_in_one_line(tmp_path, labels, change, message):
    tensors, _ = published("zhao19", classes=4)
    change(tensors)
    torch.save(tensors, tmp_path / "v.pt")
    with pytest.raises(StaanetError) as caught:
        read_model(tmp_path / "v.pt", list(labels), seconds=0.2)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "v.pt"))
    assert "\n" not in str(caught.value)
