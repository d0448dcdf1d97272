"""Chromagrams, with the settings and the numbers of librosa."""

import functools
import math
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional

from staanet.audio.front_ends.base import FrontEnd, check_minimum
from staanet.audio.front_ends.mel_scale import normalised
from staanet.audio.front_ends.spectra import Spectrogram, StftSettings

LOWEST_A = 440 / 16
"""Frequency in Hz of the note A at which octaves are counted from 0."""

CENTRE, WIDTH = 5.0, 2.0
"""Octave that counts most, and the deviation in octaves of the Gaussian that weights octaves."""

PITCHES = (150.0, 4000.0)
"""Range in Hz of the spectral peaks from which the tuning is estimated."""

PEAK = 0.1
"""Share of the largest cell of a frame above which a local maximum is a peak."""

STEPS = 100
"""Number of steps per chroma bin in which the tuning is estimated."""


@functools.lru_cache(maxsize=256)
def chroma_filters(sample_rate: float, n_fft: int, n_chroma: int, tuning: float) -> Tensor:
    """Return the filters `[n_chroma, n_fft // 2 + 1]` of `librosa.filters.chroma` in float64.

    Args:
        sample_rate: Sampling rate in Hz.
        n_fft: Frame size in samples.
        n_chroma: Number of bins per octave.
        tuning: Deviation from A at 440 Hz in chroma bins.
    """
    frequencies = torch.arange(1, n_fft, dtype=torch.float64) * sample_rate / n_fft
    bins = n_chroma * torch.log2(frequencies / (LOWEST_A * 2 ** (tuning / n_chroma)))
    bins = torch.cat([bins[:1] - 1.5 * n_chroma, bins])  # 0 Hz is put 1.5 octaves below the next frequency
    widths = torch.cat([bins.diff().clamp_min(1.0), torch.ones(1, dtype=torch.float64)])
    half = round(n_chroma / 2)
    distances = (bins - torch.arange(n_chroma)[:, None] + half + 10 * n_chroma) % n_chroma - half
    filters = normalised(torch.exp(-0.5 * (2 * distances / widths).square()), 2, dim=0)
    filters = filters * torch.exp(-0.5 * ((bins / n_chroma - CENTRE) / WIDTH).square())
    return filters.roll(-3 * (n_chroma // 12), 0)[:, : n_fft // 2 + 1]


def tuning_of(spectrogram: Tensor, sample_rate: float, bins_per_octave: int = 12) -> float:
    """Return the tuning of one clip in chroma bins, as `librosa.estimate_tuning`: the most frequent deviation of peaks.

    Shape: spectrogram `[n_fft // 2 + 1, frames]`.
    """
    cells, n_fft = spectrogram.detach().double(), 2 * (len(spectrogram) - 1)
    around = functional.pad(cells[None], (0, 0, 1, 1), mode="replicate")[0]
    below, above = around[:-2], around[2:]
    slope, bend = (above - below) / 2, above + below - 2 * cells
    shift = torch.where(slope.abs() >= bend.abs(), 0.0, -slope / bend)
    shift[0] = shift[-1] = 0
    frequencies = torch.arange(len(cells), device=cells.device)[:, None] * sample_rate / n_fft
    allowed = (frequencies >= PITCHES[0]) & (frequencies < min(PITCHES[1], sample_rate / 2))
    loud = torch.where(cells > PEAK * cells.amax(0), cells, 0.0)
    padded = functional.pad(loud[None], (0, 0, 1, 1), mode="replicate")[0]
    rows, columns = (allowed & (loud > padded[:-2]) & (loud >= padded[2:])).nonzero(as_tuple=True)
    if len(rows) == 0:
        return 0.0
    pitches = (rows + shift[rows, columns]) * sample_rate / n_fft
    magnitudes = cells[rows, columns] + 0.5 * slope[rows, columns] * shift[rows, columns]
    pitches = pitches[magnitudes >= magnitudes.quantile(0.5)]
    deviations = (bins_per_octave * torch.log2(pitches / LOWEST_A)) % 1.0
    deviations = torch.where(deviations >= 0.5, deviations - 1, deviations).cpu()
    edges = torch.linspace(-0.5, 0.5, STEPS + 1, dtype=torch.float64)
    counts = torch.histogram(deviations, edges).hist
    return float(edges[counts.argmax()])


class Chroma(FrontEnd):
    """Chromagram, as `librosa.feature.chroma_stft`.

    Args:
        sr: Sampling rate in Hz.
        norm: Each frame is divided by its p-norm; infinity, the default, means by its maximum, None leaves it.
        tuning: Deviation from A at 440 Hz in chroma bins. None: it is estimated from each clip and a constant for the
            gradient. Give a number for an attack: an estimate can jump when samples change little.
        n_chroma: Number of bins per octave.
        stft: Settings of `Spectrogram`, with a `hop_length` of 512. `chroma_stft(S=np.abs(librosa.stft(y)))` has
            `power=1`.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, n_chroma, frames]`.

    Raises:
        StaanetError: If a setting is out of its range, or a clip is shorter than a frame that is not centred.

    >>> Chroma(sr=16_000)(torch.zeros(1, 16_000)).shape
    torch.Size([1, 12, 32])
    """

    def __init__(
        self,
        *,
        sr: float = 22_050,
        norm: float | None = math.inf,
        tuning: float | None = None,
        n_chroma: int = 12,
        **stft: Unpack[StftSettings],
    ) -> None:
        super().__init__()
        check_minimum(1, sr=sr, n_chroma=n_chroma)
        stft.setdefault("hop_length", 512)
        self.spectrogram = Spectrogram(**stft)
        self.sr, self.norm, self.tuning, self.n_chroma = sr, norm, tuning, n_chroma

    def frames(self, size: int) -> int:
        """Return the number of frames of a clip of `size` samples."""
        return self.spectrogram.frames(size)

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the chromagrams `[B, n_chroma, frames]` of clips `[B, T]`."""
        spectrograms = self.spectrogram.features(waveforms)
        if self.tuning is None:
            tunings = [tuning_of(spectrogram, self.sr, self.n_chroma) for spectrogram in spectrograms]
        else:
            tunings = [self.tuning]
        filters = [chroma_filters(self.sr, self.spectrogram.n_fft, self.n_chroma, tuning) for tuning in tunings]
        chroma = torch.stack(filters).to(waveforms) @ spectrograms
        return chroma if self.norm is None else normalised(chroma, self.norm, dim=1)
