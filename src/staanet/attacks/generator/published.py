"""Reads generators as the authors of the STAA-Net paper saved them (arXiv 2402.01227, `netG_*.pth`)."""

from pathlib import Path

from torch import Tensor

from staanet.attacks.generator.wave_unet import WaveUNet, WaveUNetSettings
from staanet.core import checkpoints
from staanet.core.errors import StaanetError

PREFIX = "waveunets.ALL."
"""Prefix of all names in the authors' state dict."""

PATHS = {
    "down": "downsampling_blocks",
    "positions.levels": "upsampling_blocks",
    "magnitudes.levels": "upsampling_blocks2",
    "positions.bottleneck": "bottlenecks.0",
    "magnitudes.bottleneck": "bottlenecks2.0",
    "positions.output": "output_conv",
    "magnitudes.output": "output_conv2",
}
"""Names of the parts of the network here and in the authors' code."""

BLOCKS = {
    ".first.": ".pre_shortcut_convs.0.",
    ".second.": ".post_shortcut_convs.0.",
    ".coarser.": ".downconv.",
    ".finer.": ".upconv.",
}
"""Names of the convolutions of a level here and in the authors' code."""


def read_generator(path: Path) -> WaveUNet:
    """Read a generator, in evaluation mode, from a file with its state dict; its sizes follow from the tensors.

    Its magnitudes and positions equal those of the authors' code. The adversarial clip does not: the authors' code adds
    them to the clip with the mirrored samples in front, cut at the end, which delays it by 6140 samples at their sizes.

    Raises:
        StaanetError: The file is not such a state dict, or is one of a variant (other resampling, normalisation or
            depth) that the paper does not describe.
    """
    tensors = checkpoints.read_state_dict(path)
    channels: list[int] = []
    while (name := f"{PREFIX}downsampling_blocks.{len(channels)}.pre_shortcut_convs.0.filter.weight") in tensors:
        channels.append(len(tensors[name]))
    bottom = tensors.get(f"{PREFIX}bottlenecks.0.filter.weight")
    if not channels or bottom is None or bottom.ndim != 3:
        raise StaanetError(
            f"{path}: expected the state dict of a Wave-U-Net by the authors' names "
            f"({PREFIX}downsampling_blocks.0.pre_shortcut_convs.0.filter.weight, ...), got other tensors"
        )
    try:
        settings = WaveUNetSettings(channels=(*channels, len(bottom)), kernel=bottom.shape[2])
    except StaanetError as error:
        raise StaanetError(f"{path}: {error}") from None
    generator = WaveUNet(settings)
    checkpoints.fill(
        generator, {name: _ordered(name, value) for name, value in tensors.items()}, published_name, str(path)
    )
    return generator.eval()


def published_name(name: str) -> str:
    """Return the authors' name of a tensor of `WaveUNet`.

    >>> published_name("magnitudes.levels.3.finer.1.bias")
    'waveunets.ALL.upsampling_blocks2.3.upconv.norm.bias'
    """
    for ours, theirs in PATHS.items():
        if name.startswith(f"{ours}."):
            name = f"{theirs}.{name.removeprefix(f'{ours}.')}"
            break
    for ours, theirs in BLOCKS.items():
        name = name.replace(ours, theirs)
    layers, kind = name.rsplit(".", 1)
    if not layers.startswith("output_conv"):
        layer, number = layers.rsplit(".", 1)
        layers = f"{layer}.{('filter', 'norm')[int(number)]}"
    return f"{PREFIX}{layers}.{kind}"


def _ordered(name: str, value: Tensor) -> Tensor:
    """Reorder the input channels of a convolution after a skip connection, which the authors' code puts first."""
    joined = "upsampling_blocks" in name and name.endswith("post_shortcut_convs.0.filter.weight") and value.ndim == 3
    return value.roll(value.shape[1] // 2, dims=1) if joined else value
