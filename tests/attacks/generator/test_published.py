"""A generator as the authors saved it: their names, their order of things, written down here once more."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from staanet.attacks.generator.published import published_name, read_generator
from staanet.attacks.generator.wave_unet import WaveUNet, WaveUNetSettings
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded

CHANNELS, KERNEL, STRIDE = (8, 16, 32), 5, 4
ALL = "waveunets.ALL"


def layer(tensors, name, c_out, c_in, transposed=False):
    shape = (c_in, c_out, KERNEL) if transposed else (c_out, c_in, KERNEL)
    tensors[f"{name}.filter.weight"] = torch.randn(shape) * 0.3
    tensors[f"{name}.filter.bias"] = torch.randn(c_out) * 0.3
    tensors[f"{name}.norm.weight"] = 1 + torch.randn(c_out) * 0.3
    tensors[f"{name}.norm.bias"] = torch.randn(c_out) * 0.3


@pytest.fixture
def tensors():
    """A state dict of that naming."""
    made = {}
    with seeded("published"):
        for i, (c, wider) in enumerate(pairwise(CHANNELS)):
            down = f"{ALL}.downsampling_blocks.{i}"
            layer(made, f"{down}.pre_shortcut_convs.0", c, 1 if i == 0 else c)
            layer(made, f"{down}.post_shortcut_convs.0", wider, c)
            layer(made, f"{down}.downconv", wider, wider)
        for number in ("", "2"):
            for i, (c, narrower) in enumerate(pairwise(CHANNELS[::-1])):
                up = f"{ALL}.upsampling_blocks{number}.{i}"
                layer(made, f"{up}.upconv", c, c, transposed=True)
                layer(made, f"{up}.pre_shortcut_convs.0", narrower, c)
                layer(made, f"{up}.post_shortcut_convs.0", narrower, 2 * narrower)
            layer(made, f"{ALL}.bottlenecks{number}.0", CHANNELS[-1], CHANNELS[-1])
            made[f"{ALL}.output_conv{number}.weight"] = torch.randn(1, CHANNELS[0], 1) * 0.3
            made[f"{ALL}.output_conv{number}.bias"] = torch.randn(1) * 0.3
    return made


def as_published(tensors, waveforms, before, after):
    """What their code makes of waveforms mirrored by `before` and `after` samples: raw positions and magnitudes."""

    def apply(x, name, convolve=functional.conv1d, **options):
        weights = [tensors[f"{ALL}.{name}.{part}"] for part in ("filter.weight", "filter.bias")]
        x = convolve(x, *weights, **options)
        norm = [tensors[f"{ALL}.{name}.norm.{part}"] for part in ("weight", "bias")]
        return functional.group_norm(x, x.shape[1] // 8, *norm).relu()

    def crop(x, size):
        start = (x.shape[-1] - size) // 2
        return x[..., start : start + size]

    x, skips = functional.pad(waveforms[:, None], (before, after), mode="reflect"), []
    for i in range(len(CHANNELS) - 1):
        skips.append(apply(x, f"downsampling_blocks.{i}.pre_shortcut_convs.0"))
        x = apply(skips[-1], f"downsampling_blocks.{i}.post_shortcut_convs.0")
        x = apply(x, f"downsampling_blocks.{i}.downconv", stride=STRIDE)
    outputs = []
    for number in ("", "2"):
        y = apply(x, f"bottlenecks{number}.0")
        for i, skip in enumerate(skips[::-1]):
            up = f"upsampling_blocks{number}.{i}"
            y = apply(y, f"{up}.upconv", functional.conv_transpose1d, stride=STRIDE, padding=KERNEL - 1)
            y = apply(y, f"{up}.pre_shortcut_convs.0")
            y = apply(torch.cat([crop(skip, y.shape[-1]), y], dim=1), f"{up}.post_shortcut_convs.0")
        output = [tensors[f"{ALL}.output_conv{number}.{part}"] for part in ("weight", "bias")]
        outputs.append(functional.conv1d(y, *output)[:, 0, : waveforms.shape[1]])
    return outputs


@pytest.mark.parametrize("length", [3000, 3013, 641])
def test_gives_the_magnitudes_and_positions_of_the_published_network(tensors, tmp_path, length):
    torch.save(tensors, tmp_path / "netG.pth")
    generator = read_generator(tmp_path / "netG.pth")
    size, output = generator.sizes(length)
    before = (size - output) // 2
    waveforms = torch.rand(2, length) - 0.5
    positions, magnitudes = as_published(tensors, waveforms, before, before + output - length)
    with torch.no_grad():
        made = generator(waveforms, 0.05)
    assert not generator.training
    torch.testing.assert_close(made.magnitudes, 0.05 * magnitudes.tanh())
    torch.testing.assert_close(made.scores, (positions.tanh() + 1) / 2)
    assert torch.equal(made.adversarial, (waveforms + made.magnitudes * made.positions).clamp(-1, 1))


@pytest.mark.parametrize("seconds", [6.0, 8.7])
def test_their_clips_come_late_by_the_samples_mirrored_before_them(seconds):
    size, output = WaveUNet(WaveUNetSettings(channels=(8, 16, 32, 64, 128, 256))).sizes(round(16_000 * seconds))
    assert (size - output) // 2 == 6140


def test_every_tensor_of_the_full_size_has_a_name_of_its_own():
    with torch.device("meta"):
        names = WaveUNet(WaveUNetSettings()).state_dict()
    published = {published_name(name) for name in names}
    assert len(published) == len(names)
    assert f"{ALL}.upsampling_blocks2.4.post_shortcut_convs.0.norm.bias" in published
    assert f"{ALL}.downsampling_blocks.0.downconv.filter.weight" in published


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(f"{ALL}.output_conv2.bias"), "expected waveunets.ALL.output_conv2.bias among the tensors"),
        (lambda t: t.update(more=torch.zeros(1)), "expected no more among the tensors of wave_unet, found it"),
        (lambda t: t.update({f"{ALL}.output_conv.bias": torch.zeros(4)}), "output_conv.bias of shape [1]"),
        (lambda t: t.pop(f"{ALL}.bottlenecks.0.filter.weight"), "expected the state dict of a Wave-U-Net"),
        (
            lambda t: t.update({f"{ALL}.bottlenecks.0.filter.weight": torch.zeros(64, 64, 5)}),
            "expected two or more channels, a multiple of 8 and then doubling, got [8, 16, 64]",
        ),
        (
            lambda t: [t.pop(name) for name in list(t) if name.endswith("upconv.norm.weight")],
            "upconv.norm.weight among the tensors of wave_unet, found none",
        ),
        (lambda t: t.clear(), "expected the state dict of a Wave-U-Net by the authors' names"),
    ],
)
def test_another_network_is_told_in_one_line(tensors, tmp_path, change, message):
    change(tensors)
    torch.save(tensors, tmp_path / "netG.pth")
    with pytest.raises(StaanetError) as caught:
        read_generator(tmp_path / "netG.pth")
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "netG.pth"))
    assert "\n" not in str(caught.value)
