"""The log-mel spectrogram of Whisper: differentiable, with the numbers of the extractor of `transformers`."""

import torch
from torch import Tensor
from torch.nn import functional

from staanet.audio.front_ends.mel_scale import mel_filters
from staanet.core.errors import StaanetError

SAMPLE_RATE = 16_000
"""Sampling rate of Whisper in Hz."""

N_FFT, HOP = 400, 160
"""Frame size and distance between two frames in samples."""

MIN_SAMPLES = 2 * HOP
"""Length in samples of the shortest clip: the spectrogram is mirrored at both ends and has two frames or more."""

FLOOR = 1e-10
"""Smallest mel power; lower power is raised to it."""

RANGE = 8.0
"""Dynamic range as a logarithm to base 10; lower cells are raised to this distance below the clip's loudest cell."""


def whisper_mel(waveforms: Tensor, bands: int = 80) -> Tensor:
    """Return the log-mel spectrogram of `WhisperFeatureExtractor` at the length of the waveforms.

    A. Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, arXiv 2212.04356, section
    2.2. The extractor pads clips with zeros to 30 s, which this function does not do: pad the waveforms to obtain its
    output for a whole window. The dynamic range is limited clip by clip. Silence gives finite values and gradients.

    Args:
        waveforms: Clips of one length in [-1, 1] at 16 kHz.
        bands: Number of mel bands, 80 or 128 in the published models.

    Shape: waveforms `[B, T]` -> `[B, bands, T // 160]`.

    Raises:
        StaanetError: If the clips are shorter than 20 ms.

    >>> whisper_mel(torch.zeros(1, 16_000)).shape
    torch.Size([1, 80, 100])
    """
    if waveforms.shape[1] < MIN_SAMPLES:
        raise StaanetError(
            f"expected clips of {MIN_SAMPLES} samples or more, got {waveforms.shape[1]}; repeat or remove short clips"
        )
    mirrored = functional.pad(waveforms[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[:, 0]
    window = torch.hann_window(N_FFT, dtype=waveforms.dtype, device=waveforms.device)
    spectrum = torch.stft(mirrored, N_FFT, HOP, window=window, center=False, return_complex=True)
    power = mel_filters(SAMPLE_RATE, N_FFT, bands).to(waveforms) @ spectrum[:, :, :-1].abs().square()
    logarithm = power.clamp_min(FLOOR).log10()
    limited = torch.maximum(logarithm, logarithm.amax((1, 2), keepdim=True) - RANGE)
    return (limited + 4) / 4
