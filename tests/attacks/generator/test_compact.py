"""The compact generator against the layers that it is made of, one by one in PyTorch's own classes and order."""

import pytest
import torch
from torch.nn import functional

from staanet.attacks.generator import create_generator
from staanet.attacks.generator.compact import taps
from staanet.core.seeds import seeded
from tiny import TINY

SIZES = [{}, TINY["compact"], {"frame": 2, "widths": (4, 6), "detail": 3, "factor": 2, "kernel": 3}]


def normalised(x, block):
    convolution, norm, _ = block
    x = convolution(x)
    return functional.leaky_relu(x * (x.square().mean(1, keepdim=True) + 1e-5).rsqrt() * norm.gain, 0.1)


def decode(path, x, skips, masks, waveforms, settings):
    x = normalised(x, path.bottleneck) * masks[-1]
    for narrow, merge, skip, mask in zip(path.narrow, path.merge, skips[::-1], masks[-2::-1], strict=True):
        x = functional.interpolate(narrow(x), scale_factor=float(settings.factor), mode="linear")
        x = normalised(torch.cat([x * mask, skip], dim=1), merge) * mask
    x = functional.leaky_relu(path.samples(x), 0.1) * masks[0]
    x = x.view(len(x), settings.detail, settings.frame, -1).transpose(2, 3).flatten(2)
    return path.output(torch.cat([x, waveforms], dim=1))[:, 0]


def layer_by_layer(generator, waveforms, lengths):
    """Return the raw outputs, layer by layer, with channels first in memory and the output computed per sample."""
    size, settings = waveforms.shape[1], generator.settings
    masks = [mask[:, :, 0] for mask in generator._masks(lengths, size)]
    loudness = waveforms.square().sum(1, keepdim=True) / lengths[:, None]
    padded = functional.pad(waveforms, (0, masks[0].shape[2] * settings.frame - size))
    scaled = (padded * (loudness + 1e-10).rsqrt())[:, None]
    x = normalised(scaled, generator.stem) * masks[0]
    skips = []
    for depth, level in enumerate(generator.levels):
        if depth:
            skips.append(x)
            x = normalised(x, generator.coarser[depth - 1]) * masks[depth]
        x = normalised(x, level) * masks[depth]
    paths = (generator.magnitudes, generator.positions)
    return tuple(decode(path, x, skips, masks, scaled, settings)[:, :size] for path in paths)


@pytest.fixture(params=SIZES, ids=["default", "tiny", "frame-2"])
def generator(request):
    with seeded("weights"):
        generator = create_generator("compact", **request.param)
        for name, parameter in generator.named_parameters():
            if "gain" in name or "bias" in name:
                torch.nn.init.normal_(parameter, mean=float("gain" in name), std=0.3)
    return generator


def batch():
    lengths = torch.tensor([1500, 1024, 333])
    with seeded("clips"):
        waveforms = torch.rand(3, 1500) - 0.5
    return waveforms * (torch.arange(1500) < lengths[:, None]), lengths


def test_equals_its_layers_one_by_one(generator):
    waveforms, lengths = batch()
    with torch.no_grad():
        torch.testing.assert_close(
            generator.outputs(waveforms, lengths), layer_by_layer(generator, waveforms, lengths), atol=1e-5, rtol=1e-5
        )


def test_so_do_all_gradients(generator):
    waveforms, lengths = batch()
    generator.double()
    inputs = [waveforms.double().requires_grad_() for _ in range(2)]
    gradients = []
    for outputs, given in zip((generator.outputs, lambda *clip: layer_by_layer(generator, *clip)), inputs, strict=True):
        magnitudes, positions = outputs(given, lengths)
        gradients.append(torch.autograd.grad((magnitudes * positions).sum(), [given, *generator.parameters()]))
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("frame", [2, 4, 6, 16])
def test_taps_make_a_convolution_over_samples_one_over_frames(frame):
    with seeded("taps"):
        samples, kernel = torch.randn(1, 1, 12 * frame), torch.randn(9)
    index = taps(frame, 9)
    weight = functional.pad(kernel, (0, 1))[index]
    frames = samples.view(1, -1, frame).transpose(1, 2)
    found = functional.conv1d(frames, weight, padding=weight.shape[2] // 2).transpose(1, 2).reshape(1, 1, -1)
    torch.testing.assert_close(found, functional.conv1d(samples, kernel[None, None], padding=4), atol=1e-5, rtol=1e-5)
