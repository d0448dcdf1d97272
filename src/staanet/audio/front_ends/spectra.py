"""Spectrograms and mel spectrograms, with the settings and the numbers of librosa."""

from typing import Any, Literal, TypedDict, Unpack

import scipy
import torch
from torch import Tensor
from torch.nn import functional

from staanet.audio.front_ends.base import FrontEnd, check_choice, check_minimum
from staanet.audio.front_ends.mel_scale import FilterNorm, mel_filters
from staanet.core.errors import StaanetError

PadMode = Literal["constant", "reflect", "edge", "symmetric"]

PAD_MODES = ("constant", "reflect", "edge", "symmetric")

SMALLEST_AMPLITUDE = 1e-30
"""Amplitude below which the gradient of a power other than 1 and 2 is zero instead of infinite."""


class StftSettings(TypedDict, total=False):
    """Settings of `Spectrogram` that the front ends built on it share."""

    n_fft: int
    hop_length: int | None
    win_length: int | None
    window: Any
    center: bool
    pad_mode: PadMode
    power: float


class MelSettings(StftSettings, total=False):
    """Settings of `MelSpectrogram` that the front ends built on it share."""

    n_mels: int
    fmin: float
    fmax: float | None
    htk: bool


def padded(waveforms: Tensor, size: int, mode: PadMode) -> Tensor:
    """Add `size` samples at both ends of waveforms, as `numpy.pad`; clips may be shorter than `size`.

    Shape: `[B, T]` -> `[B, T + 2 * size]`.

    >>> padded(torch.tensor([[1.0, 2.0, 3.0]]), 2, "reflect")
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """
    if mode == "constant":
        return functional.pad(waveforms, (size, size))
    length = waveforms.shape[1]
    index = torch.arange(-size, length + size, device=waveforms.device)
    if mode == "edge":
        return waveforms[:, index.clamp(0, length - 1)]
    repeats = mode == "symmetric"  # whether the samples at the ends are repeated
    period = max(1, 2 * length if repeats else 2 * length - 2)
    index = index % period
    return waveforms[:, torch.minimum(index, period - repeats - index)]


def precise(waveforms: Tensor) -> Tensor:
    """Return waveforms in double precision, in which librosa transforms them, where the device has it."""
    return waveforms.float() if waveforms.device.type == "mps" else waveforms.double()


class Spectrogram(FrontEnd):
    """Spectrogram: `np.abs(librosa.stft(...)) ** power`.

    The transform is computed in double precision, as in librosa; in single precision, cells 80 dB below the peak would
    be off by 0.01 dB.

    Args:
        n_fft: Frame size in samples; 1 or more.
        hop_length: Distance between two frames in samples. Default: a quarter of `win_length`.
        win_length: Length of the window in samples, at most `n_fft`; it is centred in the frame. Default: `n_fft`.
        window: Window, as in `scipy.signal.get_window`: a name, or a tuple of a name and its parameters.
        center: Whether frames are centred on every `hop_length`-th sample and clips padded at both ends.
        pad_mode: Padding, as in `numpy.pad`: `constant` (zeros), `reflect`, `edge` or `symmetric`.
        power: Exponent of the amplitude; above 0.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, n_fft // 2 + 1, frames]`.

    Raises:
        StaanetError: If a setting is out of its range, or a clip is shorter than a frame that is not centred.

    >>> Spectrogram(n_fft=512)(torch.zeros(1, 16_000)).shape
    torch.Size([1, 257, 126])
    """

    def __init__(
        self,
        *,
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Any = "hann",
        center: bool = True,
        pad_mode: PadMode = "constant",
        power: float = 2.0,
    ) -> None:
        super().__init__()
        win_length = n_fft if win_length is None else win_length
        hop_length = win_length // 4 if hop_length is None else hop_length
        check_minimum(1, n_fft=n_fft, hop_length=hop_length, win_length=win_length)
        check_choice("pad_mode", pad_mode, PAD_MODES)
        if win_length > n_fft:
            raise StaanetError(f"expected win_length of at most n_fft ({n_fft}), got {win_length}")
        if not power > 0:
            raise StaanetError(f"expected power above 0, got {power}")
        self.n_fft, self.hop_length, self.power = n_fft, hop_length, power
        self.center, self.pad_mode = center, pad_mode
        self.window = _window(window, win_length, n_fft)  # no buffer: not every device has double precision

    def frames(self, size: int) -> int:
        """Return the number of frames of a clip of `size` samples.

        >>> Spectrogram(n_fft=512, hop_length=160).frames(16_000)
        101
        """
        return 1 + (size + 2 * (self.n_fft // 2) * self.center - self.n_fft) // self.hop_length

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the spectrograms `[B, n_fft // 2 + 1, frames]` of clips `[B, T]`."""
        if not self.center and waveforms.shape[1] < self.n_fft:
            raise StaanetError(
                f"expected clips of {self.n_fft} samples (n_fft) or more, got {waveforms.shape[1]}; set center=True"
            )
        clips = precise(waveforms)
        if self.center:
            clips = padded(clips, self.n_fft // 2, self.pad_mode)
        window = self.window.to(clips.dtype).to(clips.device)
        spectrum = torch.stft(clips, self.n_fft, self.hop_length, window=window, center=False, return_complex=True)
        return _raised(spectrum, self.power).to(waveforms)


def _window(window: Any, win_length: int, n_fft: int) -> Tensor:
    """Return a window `[n_fft]` in float64, with zeros at both ends if it is shorter than a frame."""
    try:
        values = torch.from_numpy(scipy.signal.get_window(window, win_length, fftbins=True))
    except (ValueError, TypeError) as error:
        raise StaanetError(f"expected a window of scipy.signal.get_window, such as 'hann', got {window!r}") from error
    before = (n_fft - win_length) // 2
    return functional.pad(values, (before, n_fft - win_length - before))


def _raised(spectrum: Tensor, power: float) -> Tensor:
    """Return the amplitude of a complex spectrum raised to a power, with a finite gradient at zero."""
    if power == 2:
        return torch.view_as_real(spectrum).square().sum(-1)
    return spectrum.abs() if power == 1 else spectrum.abs().clamp_min(SMALLEST_AMPLITUDE) ** power


class MelSpectrogram(FrontEnd):
    """Mel spectrogram, as `librosa.feature.melspectrogram`.

    Args:
        sr: Sampling rate in Hz. Clips are not resampled; see `Resample`.
        n_mels: Number of mel bands; 1 or more.
        fmin: Lowest frequency in Hz.
        fmax: Highest frequency in Hz. Default: half the sampling rate.
        htk: Whether to use the mel scale of HTK instead of Slaney's.
        norm: `slaney` gives each filter the area 1 in Hz, a number p the p-norm 1, None the height 1.
        stft: Settings of `Spectrogram`: `n_fft`, `hop_length` (default: 512), `win_length`, `window`, `center`,
            `pad_mode` and `power`.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, n_mels, frames]`.

    Raises:
        StaanetError: If a setting is out of its range, or a clip is shorter than a frame that is not centred.

    >>> MelSpectrogram(sr=48_000, n_fft=1024, hop_length=256)(torch.zeros(2, 48_000)).shape
    torch.Size([2, 128, 188])
    """

    filters: Tensor

    def __init__(
        self,
        *,
        sr: float = 22_050,
        n_mels: int = 128,
        fmin: float = 0.0,
        fmax: float | None = None,
        htk: bool = False,
        norm: FilterNorm = "slaney",
        **stft: Unpack[StftSettings],
    ) -> None:
        super().__init__()
        check_minimum(1, sr=sr, n_mels=n_mels)
        if not 0 <= fmin < (sr / 2 if fmax is None else fmax):
            raise StaanetError(f"expected fmin from 0 to below fmax, got fmin {fmin} and fmax {fmax} at {sr} Hz")
        stft.setdefault("hop_length", 512)
        self.spectrogram = Spectrogram(**stft)
        filters = mel_filters(sr, self.spectrogram.n_fft, n_mels, fmin, fmax, htk, norm)
        self.register_buffer("filters", filters.float(), persistent=False)

    def frames(self, size: int) -> int:
        """Return the number of frames of a clip of `size` samples."""
        return self.spectrogram.frames(size)

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the mel spectrograms `[B, n_mels, frames]` of clips `[B, T]`."""
        return self.filters.to(waveforms) @ self.spectrogram.features(waveforms)
