"""The front end of the Audio Spectrogram Transformer (AST)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional

from staanet.models.hugging_face.front_ends.base import FrontEnd, Inputs, check_positive
from staanet.models.hugging_face.front_ends.kaldi import FRAME, HOP, kaldi_fbank, samples_of


@dataclass(frozen=True)
class AstFrontEnd(FrontEnd):
    """The `ASTFeatureExtractor`: a Kaldi filter bank of fixed length, scaled by constants if it normalises.

    Y. Gong, Y.-A. Chung, J. Glass, "AST: Audio Spectrogram Transformer", Interspeech 2021, arXiv 2104.01778. The
    numbers are those that `transformers` computes without torchaudio; with torchaudio, it computes in 32 bits.

    Args:
        sample_rate: Sampling rate of the input in Hz.
        normalise: Whether the cells of the filter bank are scaled by `mean` and `std`.
        num_mel_bins: Number of mel bands.
        max_length: Number of frames, to which the filter bank is cut or filled with zeros.
        mean: Mean of the cells over the training clips.
        std: Standard deviation of the cells over the training clips; cells are divided by twice this value.

    >>> import torch
    >>> AstFrontEnd(16_000, normalise=True)(torch.zeros(2, 16_000))["input_values"].shape
    torch.Size([2, 1024, 128])
    """

    name = "ASTFeatureExtractor"
    switch = "do_normalize"

    num_mel_bins: int = 128
    max_length: int = 1024
    mean: float = -4.2677393
    std: float = 4.5689974

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_positive(self, "num_mel_bins", "max_length", "std")

    @classmethod
    def serves(cls, architecture: Mapping[str, Any]) -> bool:
        """Return whether a network is an Audio Spectrogram Transformer."""
        return architecture.get("model_type") == "audio-spectrogram-transformer"

    def implied(self, architecture: Mapping[str, Any]) -> dict[str, Any]:
        """Return the size of the spectrogram, for which the network has embeddings of positions."""
        return {key: architecture[key] for key in ("num_mel_bins", "max_length")}

    def samples_per_step(self, architecture: Mapping[str, Any]) -> int:
        """Return the distance in samples between two patches of the spectrogram."""
        return HOP * int(architecture["time_stride"])

    def min_samples(self, architecture: Mapping[str, Any], steps: int) -> int:  # noqa: ARG002
        """Return the length of a frame, since shorter spectrograms are filled."""
        return FRAME

    def __call__(self, waveforms: Tensor) -> Inputs:
        """Return the spectrograms `[B, max_length, num_mel_bins]` of waveforms `[B, T]`."""
        cut = waveforms[:, : samples_of(self.max_length)]
        cells = kaldi_fbank(cut, self.sample_rate, self.num_mel_bins, "hann")
        cells = functional.pad(cells, (0, 0, 0, self.max_length - cells.shape[1]))
        return {"input_values": (cells - self.mean) / (self.std * 2) if self.normalise else cells}
