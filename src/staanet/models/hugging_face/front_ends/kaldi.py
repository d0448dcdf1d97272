"""The log-mel filter bank of Kaldi, with the numbers of `transformers.audio_utils.spectrogram` in NumPy."""

import functools
import warnings
from typing import Literal

import torch
from torch import Tensor

WindowName = Literal["hann", "povey"]

FRAME, HOP, N_FFT = 400, 160, 512
"""Samples of a frame, from one frame to the next, and of the Fourier transform: 25 ms and 10 ms at 16 kHz."""

PREEMPHASIS = 0.97
FLOOR = 1.192092955078125e-07
"""Smallest mel power; the powers below it are raised to it."""


def kaldi_fbank(waveforms: Tensor, sample_rate: int, bands: int, window: WindowName) -> Tensor:
    """Return the natural logarithm of the mel powers of waveforms, frame by frame.

    Each frame is centred, pre-emphasised and windowed. As in `transformers`, everything is computed in 64 bits except
    for the spectrum, which is rounded to 32 bits, and the result. Silence gives finite values and a gradient of 0.

    Args:
        waveforms: Clips of one length.
        sample_rate: Sampling rate in Hz, which only determines the frequencies of the mel bands.
        bands: Number of mel bands, from 20 Hz to half the sampling rate.
        window: Window of a frame.

    Shape: waveforms `[B, T]`, T at least 400 -> `[B, 1 + (T - 400) // 160, bands]`.

    >>> kaldi_fbank(torch.zeros(1, 16_000), 16_000, 80, "povey").shape
    torch.Size([1, 98, 80])
    """
    shape, filters = _constants(sample_rate, bands, window, waveforms.device)
    frames = waveforms.double().unfold(1, FRAME, HOP)  # [B, F, 400]
    frames = frames - frames.mean(2, keepdim=True)
    previous = torch.cat([frames[:, :, :1], frames[:, :, :-1]], 2)
    spectrum = torch.fft.rfft((frames - PREEMPHASIS * previous) * shape, N_FFT)
    spectrum = spectrum.to(torch.complex64).to(torch.complex128)
    power = spectrum.real.square() + spectrum.imag.square()  # [B, F, 257]
    cells: Tensor = (power @ filters).clamp_min(FLOOR).log()
    return cells.to(waveforms)


def samples_of(frames: int) -> int:
    """Return the number of samples of this number of frames."""
    return FRAME + (frames - 1) * HOP


@functools.cache
def _constants(sample_rate: int, bands: int, window: WindowName, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the window `[400]` and the mel filters `[257, bands]` in 64 bits."""
    from transformers.audio_utils import mel_filter_bank, window_function

    with warnings.catch_warnings():  # about narrow mel bands between two frequencies of the Fourier transform
        warnings.simplefilter("ignore")
        filters = mel_filter_bank(
            num_frequency_bins=N_FFT // 2 + 1,
            num_mel_filters=bands,
            min_frequency=20,
            max_frequency=sample_rate // 2,
            sampling_rate=sample_rate,
            norm=None,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )
    shape = window_function(FRAME, window, periodic=False)
    with torch.inference_mode(False):  # a tensor made in inference mode could not be used for gradients later
        return torch.from_numpy(shape).to(device), torch.from_numpy(filters).to(device)
