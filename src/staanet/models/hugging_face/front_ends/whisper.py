"""The front end of Whisper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from staanet.audio.whisper_mel import HOP, MIN_SAMPLES, N_FFT, SAMPLE_RATE, whisper_mel
from staanet.core.errors import StaanetError
from staanet.models.hugging_face.front_ends.base import FrontEnd, Inputs, check_positive

SUBSAMPLING = 2
"""Frames of the spectrogram per time step of the encoder."""


@dataclass(frozen=True)
class WhisperFrontEnd(FrontEnd):
    """The `WhisperFeatureExtractor`: a log-mel spectrogram of clips that are cut or filled with zeros to 30 s.

    A. Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, arXiv 2212.04356.

    Args:
        sample_rate: Sampling rate of the input in Hz; 16 000 only.
        normalise: None, since the range of each spectrogram is always limited and scaled in the same way.
        feature_size: Number of mel bands.
        n_samples: Length in samples to which clips are cut or filled.

    >>> import torch
    >>> WhisperFrontEnd(16_000, normalise=None)(torch.zeros(2, 16_000))["input_features"].shape
    torch.Size([2, 80, 3000])
    """

    name = "WhisperFeatureExtractor"
    fixed: ClassVar[Mapping[str, Any]] = {
        "sampling_rate": SAMPLE_RATE,
        "n_fft": N_FFT,
        "hop_length": HOP,
        "dither": 0.0,
        "padding_value": 0.0,
        "padding_side": "right",
    }

    feature_size: int = 80
    n_samples: int = 480_000

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_positive(self, "feature_size")
        if self.sample_rate != SAMPLE_RATE:
            raise StaanetError(f"expected a sampling rate of {SAMPLE_RATE} Hz, got {self.sample_rate} Hz")
        if self.n_samples < MIN_SAMPLES:
            raise StaanetError(f"expected n_samples of {MIN_SAMPLES} or more, got {self.n_samples}")

    @classmethod
    def serves(cls, architecture: Mapping[str, Any]) -> bool:
        """Return whether a network is the encoder of Whisper."""
        return architecture.get("model_type") == "whisper"

    def implied(self, architecture: Mapping[str, Any]) -> dict[str, Any]:
        """Return the size of the spectrogram, for which the encoder has embeddings of positions."""
        samples = architecture["max_source_positions"] * SUBSAMPLING * HOP
        return {"feature_size": architecture["num_mel_bins"], "n_samples": samples}

    def samples_per_step(self, architecture: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Return the samples of two frames, which the encoder makes one time step of."""
        return SUBSAMPLING * HOP

    def min_samples(self, architecture: Mapping[str, Any], steps: int) -> int:  # noqa: ARG002
        """Return 1, since shorter clips are filled."""
        return 1

    def __call__(self, waveforms: Tensor) -> Inputs:
        """Return the spectrograms `[B, feature_size, n_samples // 160]` of waveforms `[B, T]`."""
        cut = waveforms[:, : self.n_samples]
        filled = functional.pad(cut, (0, self.n_samples - cut.shape[1]))
        return {"input_features": whisper_mel(filled, self.feature_size)}
