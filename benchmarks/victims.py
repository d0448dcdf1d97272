"""Training steps and waveform gradients of victims, against the same layers one by one as published."""

import copy

import torch
from claims import ratio, seconds, write
from torch import Tensor, nn

from staanet import create_victim
from staanet.core.classifier import frozen
from staanet.core.memory import keep_freed_memory
from staanet.models import CnnLstm, Victim
from staanet.models.layers.convolution import ConvBlock

CLIPS, SIZE = 8, 48_000


def published(victim: Victim) -> Victim:
    """Return a copy whose blocks are PyTorch's own layers, the pooling last."""
    plain = copy.deepcopy(victim)
    if isinstance(plain, CnnLstm):
        plain.convolutions = nn.Sequential(*plain.convolutions)  # type: ignore[assignment]
        return plain
    features = plain.get_submodule("features")
    for name, block in features.named_children():
        if isinstance(block, ConvBlock):
            convolution, norm, pool, activation = block
            setattr(features, name, nn.Sequential(convolution, norm, activation, pool))
    return plain


def trained(victim: Victim, clips: Tensor) -> None:
    victim.train()
    victim.zero_grad()
    victim(clips).square().sum().backward()


def attacked(victim: Victim, clips: Tensor) -> None:
    with frozen(victim):
        points = clips.clone().requires_grad_()
        torch.autograd.grad(victim(points).square().sum(), points)


def main() -> None:
    keep_freed_memory()
    clips = torch.rand(CLIPS, SIZE) - 0.5
    for name in ("emo18", "zhao19", "cnn_lstm"):
        victim = create_victim(name, labels="abcdefg", seconds=SIZE / 16_000)
        plain = published(victim)
        for what, step in (("training", trained), ("gradients", attacked)):
            measured = ratio(
                lambda step=step, plain=plain: seconds(lambda: step(plain, clips)),
                lambda step=step, victim=victim: seconds(lambda: step(victim, clips)),
                repeats=9,
            )
            write(f"{name}_{what}", f"{what} of {name} against plain layers, 3 s clips", 2.0, measured, "times faster")


if __name__ == "__main__":
    main()
