"""The front end of w2v-BERT 2.0."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.models.hugging_face.front_ends.base import FrontEnd, Inputs, check_positive
from staanet.models.hugging_face.front_ends.kaldi import HOP, kaldi_fbank, samples_of

FULL_SCALE = 2**15
"""Largest 16-bit sample, in whose units Kaldi takes waveforms."""

BLOCK, LANES = 128, 8
"""Values of a block and sums of a block in NumPy's pairwise summation."""


@dataclass(frozen=True)
class SeamlessFrontEnd(FrontEnd):
    """The `SeamlessM4TFeatureExtractor`: a Kaldi filter bank, scaled band by band, with frames side by side.

    Seamless Communication et al., "Seamless: multilingual expressive and streaming speech translation", 2023, arXiv
    2312.05187. Each band of a clip is scaled to mean 0 and variance 1. The number of frames is then made
    even by a frame of padding, and `stride` frames become one time step.

    Args:
        sample_rate: Sampling rate of the input in Hz.
        normalise: None, since bands are always scaled.
        num_mel_bins: Number of mel bands.
        stride: Frames per time step, 2 or more.
        padding_value: Value of the frame of padding.
        return_attention_mask: Whether the network receives a mask of the time steps that contain no padding.

    >>> inputs = SeamlessFrontEnd(16_000, normalise=None)(torch.zeros(1, 880))
    >>> inputs["input_features"].shape, inputs["attention_mask"]
    (torch.Size([1, 2, 160]), tensor([[1, 1]]))
    """

    name = "SeamlessM4TFeatureExtractor"
    fixed: ClassVar[Mapping[str, Any]] = {"padding_side": "right"}

    num_mel_bins: int = 80
    stride: int = 2
    padding_value: float = 0.0
    return_attention_mask: bool = True

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_positive(self, "num_mel_bins")
        if self.stride < 2:
            raise StaanetError(f"expected a stride of 2 frames or more, got {self.stride}")

    @classmethod
    def serves(cls, architecture: Mapping[str, Any]) -> bool:
        """Return whether a network is w2v-BERT 2.0."""
        return architecture.get("model_type") == "wav2vec2-bert"

    def implied(self, architecture: Mapping[str, Any]) -> dict[str, Any]:
        """Return the number of mel bands with which a time step has the size of the network's input."""
        bands = architecture["feature_projection_input_dim"] / self.stride
        return {"num_mel_bins": int(bands) if bands.is_integer() else bands}

    def samples_per_step(self, architecture: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Return the samples of the frames of one time step."""
        return self.stride * HOP

    def min_samples(self, architecture: Mapping[str, Any], steps: int) -> int:  # noqa: ARG002
        """Return the length of all frames of these time steps; the variance of a band needs two or more."""
        return samples_of(steps * self.stride)

    def __call__(self, waveforms: Tensor) -> Inputs:
        """Return time steps `[B, S, stride * num_mel_bins]` of waveforms `[B, T]`, and a mask of the valid ones."""
        cells = kaldi_fbank(waveforms * FULL_SCALE, self.sample_rate, self.num_mel_bins, "povey")
        frames = cells.shape[1]
        cells = _scaled(cells.transpose(1, 2)).transpose(1, 2)
        padded = functional.pad(cells, (0, 0, 0, frames % 2), value=self.padding_value)
        steps = padded.shape[1] // self.stride
        inputs = {"input_features": padded[:, : steps * self.stride].reshape(len(cells), steps, -1)}
        if self.return_attention_mask:
            second = torch.arange(steps, device=cells.device) * self.stride + 1  # frame that stands for its time step
            inputs["attention_mask"] = (second < frames).long().expand(len(cells), -1)
        return inputs


def _scaled(cells: Tensor) -> Tensor:
    """Return cells `[B, bands, frames]` with mean 0 and variance 1 over frames.

    Sums are added in the order of NumPy: if the frames of a clip are equal, as in silence, the result is the rounding
    error of the mean, divided by a standard deviation of almost 0.
    """
    count = cells.shape[2]
    centred = cells - _sum(cells)[:, :, None] / count
    variance = _sum(centred.square())[:, :, None] / (count - 1)
    return centred / (variance + 1e-7).sqrt()


def _sum(values: Tensor) -> Tensor:
    """Return the sums over the last axis, added pairwise as by NumPy: in blocks of 128 values, with 8 sums in each."""
    count = values.shape[-1]
    if count > BLOCK:
        half = count // 2 - count // 2 % LANES
        return _sum(values[..., :half]) + _sum(values[..., half:])
    whole = count - count % LANES
    total = torch.zeros_like(values[..., 0])
    if whole:
        lanes = values[..., :whole].unflatten(-1, (-1, LANES))  # [..., N, 8]
        total = functools.reduce(torch.add, lanes.unbind(-2))
        for _ in range(3):
            total = total[..., 0::2] + total[..., 1::2]
        total = total[..., 0]
    return functools.reduce(torch.add, values[..., whole:].unbind(-1), total)
