"""The front end of networks that take waveforms: wav2vec 2.0, WavLM, HuBERT and others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from staanet.models.hugging_face.front_ends.base import FrontEnd, Inputs


@dataclass(frozen=True)
class WaveformFrontEnd(FrontEnd):
    """The `Wav2Vec2FeatureExtractor`: waveforms, scaled to mean 0 and variance 1 if it normalises.

    >>> import torch
    >>> WaveformFrontEnd(16_000, normalise=False)(torch.ones(1, 4))
    {'input_values': tensor([[1., 1., 1., 1.]])}
    """

    name = "Wav2Vec2FeatureExtractor"
    switch = "do_normalize"

    @classmethod
    def serves(cls, architecture: Mapping[str, Any]) -> bool:
        """Return whether a network has a convolutional feature encoder."""
        return "conv_stride" in architecture

    def samples_per_step(self, architecture: Mapping[str, Any]) -> int:
        """Return the product of the strides of the feature encoder."""
        return math.prod(architecture["conv_stride"])

    def min_samples(self, architecture: Mapping[str, Any], steps: int) -> int:
        """Return the length in samples from which the feature encoder computes this number of time steps."""
        samples = steps
        for kernel, stride in zip(
            reversed(architecture["conv_kernel"]), reversed(architecture["conv_stride"]), strict=True
        ):
            samples = (samples - 1) * stride + kernel
        return samples

    def __call__(self, waveforms: Tensor) -> Inputs:
        """Return waveforms `[B, T]`, normalised."""
        if self.normalise:
            waveforms = waveforms - waveforms.mean(1, keepdim=True)
            waveforms = waveforms / (waveforms.square().mean(1, keepdim=True) + 1e-7).sqrt()
        return {"input_values": waveforms}
