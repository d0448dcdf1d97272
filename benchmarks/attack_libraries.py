"""One interface for the attacks of staanet, ART and torchattacks, so that they can attack the same clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torchattacks
from art.attacks import evasion
from art.estimators.classification import PyTorchClassifier
from torch import Tensor, nn
from torch.nn import functional

from staanet import create_attack
from staanet.attacks.bridges.module import WholeClips
from staanet.audio.lengths import fit_length
from staanet.data import Dataset
from staanet.models import Model

SIZE = 16_000
"""Samples of every clip: one second."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class AttackInput:
    """A model, the clips `[N, T]` to attack, and its two most probable classes for each clip.

    Untargeted attacks change the decision `labels` `[N]`; JSMA is targeted at the second class, `targets` `[N]`.
    """

    model: Callable[..., Tensor]
    clips: Tensor
    labels: Tensor
    targets: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: Model, dataset: Dataset, clips: Sequence[str]) -> "AttackInput":
        model.eval().requires_grad_(False)
        batch = dataset.batch(clips[:: max(1, len(clips) // 16)][:16])
        waveforms = fit_length(batch.waveforms, batch.lengths, SIZE)
        return cls(model, waveforms, *model(waveforms).topk(2, dim=1).indices.T)

    def first(self, clips: int) -> "AttackInput":
        return AttackInput(self.model, self.clips[:clips], self.labels[:clips], self.targets[:clips])

    def fooled(self, adversarial: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model(adversarial).argmax(1) != self.labels


def our_attack(name: str, settings: Settings) -> Callable[[AttackInput], Tensor]:
    attack = create_attack(name, **settings)
    targeted = settings.get("targeted")
    return lambda given: attack(given.model, given.clips, given.targets if targeted else given.labels)


class ImageModel(WholeClips):
    """A classifier of waveforms as libraries for images call it: with images `[N, 1, 1, T]` in [0, 1]."""

    def __init__(self, model: Callable[..., Tensor]) -> None:
        super().__init__(model)
        self.device_marker = nn.Parameter(torch.empty(0))  # torchattacks reads the device from a parameter

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(2 * images - 1)


def as_images(clips: Tensor) -> Tensor:
    return (clips[:, None, None] + 1) / 2


def as_clips(images: Tensor) -> Tensor:
    return 2 * images.flatten(1) - 1


def run_torchattacks(name: str, settings: Settings, given: AttackInput) -> Tensor:
    attack = getattr(torchattacks, name)(ImageModel(given.model), **settings)
    return as_clips(attack(as_images(given.clips), given.labels))


def run_art(name: str, settings: Settings, given: AttackInput) -> Tensor:
    images, classes = as_images(given.clips).numpy(), len(given.model.labels)
    estimator = PyTorchClassifier(
        ImageModel(given.model),
        nn.CrossEntropyLoss(),
        images.shape[1:],
        classes,
        clip_values=(0, 1),
        device_type="cpu",
    )
    labels = given.targets if name == "SaliencyMapMethod" else given.labels
    attack = getattr(evasion, name)(estimator, **settings)
    return as_clips(torch.from_numpy(attack.generate(images, functional.one_hot(labels, classes).numpy())))


LIBRARIES = {"ART": run_art, "torchattacks": run_torchattacks}
