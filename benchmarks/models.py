"""Training steps and waveform gradients of models, compared with the same models made of PyTorch's own layers."""

import copy

import torch
from claims import ratio, seconds, write
from torch import Tensor, nn

from staanet import create_model
from staanet.core.memory import keep_freed_memory
from staanet.core.unwrapping import frozen
from staanet.models import CnnLstm, Model
from staanet.models.layers.convolution import ConvBlock

CLIPS, SIZE = 8, 48_000


def published(model: Model) -> Model:
    """Return a copy whose blocks are PyTorch's own layers, with the pooling last as published."""
    plain = copy.deepcopy(model)
    if isinstance(plain, CnnLstm):
        plain.convolutions = nn.Sequential(*plain.convolutions)  # type: ignore[assignment]
        return plain
    features = plain.get_submodule("features")
    for name, block in features.named_children():
        if isinstance(block, ConvBlock):
            convolution, norm, pool, activation = block
            setattr(features, name, nn.Sequential(convolution, norm, activation, pool))
    return plain


def training_step(model: Model, clips: Tensor) -> None:
    model.train()
    model.zero_grad()
    model(clips).square().sum().backward()


def waveform_gradient(model: Model, clips: Tensor) -> None:
    with frozen(model):
        points = clips.clone().requires_grad_()
        torch.autograd.grad(model(points).square().sum(), points)


def main() -> None:
    keep_freed_memory()
    clips = torch.rand(CLIPS, SIZE) - 0.5
    for name in ("emo18", "zhao19", "cnn_lstm"):
        model = create_model(name, labels="abcdefg", seconds=SIZE / 16_000)
        plain = published(model)
        for what, step in (("training", training_step), ("gradients", waveform_gradient)):
            measured = ratio(
                lambda step=step, plain=plain: seconds(lambda: step(plain, clips)),
                lambda step=step, model=model: seconds(lambda: step(model, clips)),
                repeats=9,
            )
            write(f"{name}_{what}", f"{what} of {name} against plain layers, 3 s clips", 2.0, measured, "times faster")


if __name__ == "__main__":
    main()
