"""The log-mel spectrogram, for looking at clips."""

import math

import torch
from torch import Tensor


def mel_filters(sample_rate: int, n_fft: int, bands: int) -> Tensor:
    """Return triangular filters `[bands, n_fft // 2 + 1]`, equally spaced in mel (O'Shaughnessy's formula)."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, bands + 2) / 2595) - 1)  # Hz
    frequencies = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0)


def log_mel(waveforms: Tensor, sample_rate: int, bands: int = 64, n_fft: int = 512, hop: int = 160) -> Tensor:
    """Return the power mel spectrogram in dB of waveforms `[B, T]` -> `[B, bands, frames]`, at least -100 dB.

    >>> log_mel(torch.zeros(1, 1600), 16_000).shape
    torch.Size([1, 64, 11])
    """
    window = torch.hann_window(n_fft, device=waveforms.device)
    spectrum = torch.stft(waveforms, n_fft, hop, window=window, pad_mode="constant", return_complex=True).abs().square()
    mel = mel_filters(sample_rate, n_fft, bands).to(waveforms.device) @ spectrum
    return 10 * mel.clamp_min(1e-10).log10()
