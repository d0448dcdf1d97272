"""Mel-frequency cepstral coefficients and deltas, with the settings and the numbers of librosa."""

import functools
import math
from typing import Literal, Unpack

import numpy as np
import scipy
import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.audio.front_ends.base import FrontEnd, check_choice, check_minimum
from staanet.audio.front_ends.decibels import PowerToDb
from staanet.audio.front_ends.mel_scale import FilterNorm
from staanet.audio.front_ends.spectra import MelSettings, MelSpectrogram, precise
from staanet.core.errors import StaanetError

CosineNorm = Literal["ortho"] | None


@functools.cache
def cosines(count: int, bands: int, dct_type: Literal[1, 2, 3] = 2, norm: CosineNorm = "ortho") -> Tensor:
    """Return the first `count` rows of the cosine transform of `bands` values, in float64.

    Raises:
        StaanetError: If `count` is not between 1 and `bands`.
    """
    if not 1 <= count <= bands:
        raise StaanetError(f"expected 1..{bands} coefficients, at most as many as bands, got {count}")
    return torch.from_numpy(scipy.fft.dct(np.eye(bands), type=dct_type, axis=0, norm=norm)[:count])


class Mfcc(FrontEnd):
    """Mel-frequency cepstral coefficients of a mel spectrogram in dB, as `librosa.feature.mfcc`.

    Args:
        sr: Sampling rate in Hz. Clips are not resampled; see `Resample`.
        n_mfcc: Number of coefficients, at most `n_mels`.
        dct_type: Type of the cosine transform: 1, 2 or 3.
        norm: `ortho` for the orthonormal transform, or None.
        lifter: Coefficient n is multiplied by 1 + sin(pi n / lifter) lifter / 2, if above 0.
        mel_norm: Setting `norm` of the mel spectrogram.
        mel: Other settings of `MelSpectrogram`, such as `n_mels`, `n_fft`, `hop_length`, `fmin` and `fmax`.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, n_mfcc, frames]`.

    Raises:
        StaanetError: If a setting is out of its range, or a clip is shorter than a frame that is not centred.

    >>> Mfcc(sr=16_000, n_mfcc=40)(torch.zeros(1, 16_000)).shape
    torch.Size([1, 40, 32])
    """

    def __init__(
        self,
        *,
        sr: float = 22_050,
        n_mfcc: int = 20,
        dct_type: Literal[1, 2, 3] = 2,
        norm: CosineNorm = "ortho",
        lifter: float = 0,
        mel_norm: FilterNorm = "slaney",
        **mel: Unpack[MelSettings],
    ) -> None:
        super().__init__()
        check_choice("dct_type", dct_type, (1, 2, 3))
        check_choice("norm", norm, ("ortho", None))
        check_minimum(0, lifter=lifter)
        self.mel = MelSpectrogram(sr=sr, norm=mel_norm, **mel)
        self.decibels = PowerToDb()
        matrix = cosines(n_mfcc, len(self.mel.filters), dct_type, norm)
        if lifter > 0:
            order = torch.arange(1, 1 + n_mfcc, dtype=torch.float64)
            matrix = matrix * (1 + (lifter / 2) * (math.pi * order / lifter).sin())[:, None]
        self.matrix = matrix  # no buffer: not every device has double precision

    def frames(self, size: int) -> int:
        """Return the number of frames of a clip of `size` samples."""
        return self.mel.frames(size)

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the coefficients `[B, n_mfcc, frames]` of clips `[B, T]`."""
        clips = precise(waveforms)  # a coefficient sums many decibels and is off by 0.001 in single precision
        spectrograms: Tensor = self.decibels(self.mel.features(clips))
        return (self.matrix.to(clips.dtype).to(clips.device) @ spectrograms).to(waveforms)


class Deltas(nn.Module):
    """Local slopes of features over frames, as `librosa.feature.delta` (Savitzky-Golay filters).

    Args:
        width: Number of frames of each slope; odd, 3 or more.
        order: Order of the derivative; 1 or more and below `width`.
        mode: At the ends, `interp` fits a polynomial to the first and last `width` frames; `nearest` repeats the first
            and the last frame, which works for clips of fewer frames.

    Shape: `[B, features, frames]` -> the same.

    Raises:
        StaanetError: If a setting is out of its range, or there are fewer than `width` frames in the mode `interp`.

    >>> Deltas(width=3)(torch.tensor([[[0.0, 1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 1., 1.]]])
    """

    slopes: Tensor

    def __init__(self, *, width: int = 9, order: int = 1, mode: Literal["interp", "nearest"] = "interp") -> None:
        super().__init__()
        check_choice("mode", mode, ("interp", "nearest"))
        check_minimum(1, order=order)
        if width < 3 or width % 2 == 0 or order >= width:
            raise StaanetError(f"expected an odd width of 3 or more, above order, got width {width} and order {order}")
        self.width, self.mode = width, mode
        slopes = scipy.signal.savgol_filter(np.eye(width), width, polyorder=order, deriv=order, axis=0)
        self.register_buffer("slopes", torch.from_numpy(slopes).float(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the slopes in the shape of the features."""
        half, slopes = self.width // 2, self.slopes.to(features)  # row i: slope at frame i of `width` frames
        if self.mode == "nearest":
            features = functional.pad(features, (half, half), mode="replicate")
        elif features.shape[-1] < self.width:
            raise StaanetError(
                f"expected {self.width} frames or more, got {features.shape[-1]}; use a smaller width, mode='nearest' "
                "or longer clips"
            )
        windows = features.unfold(-1, self.width, 1)  # [B, features, frames - width + 1, width]
        middle = windows @ slopes[half]
        if self.mode == "nearest":
            return middle
        start, end = windows[..., 0, :] @ slopes[:half].T, windows[..., -1, :] @ slopes[half + 1 :].T
        return torch.cat([start, middle, end], dim=-1)
