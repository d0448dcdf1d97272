"""Root mean square and zero-crossing rate, with the settings and the numbers of librosa."""

from torch import Tensor
from torch.nn import functional

from staanet.audio.front_ends.base import FrontEnd, check_choice, check_minimum
from staanet.audio.front_ends.spectra import PAD_MODES, PadMode, padded
from staanet.core.errors import StaanetError

SMALLEST_POWER = 1e-20
"""Power below which the gradient of its root is zero instead of infinite."""

SMALLEST_SAMPLE = 1e-10
"""Samples of at most this size count as zero, and zero as positive."""


class _Framed(FrontEnd):
    """A front end whose features are computed from frames of samples."""

    def __init__(self, frame_length: int, hop_length: int, center: bool, pad_mode: PadMode) -> None:
        super().__init__()
        check_minimum(2, frame_length=frame_length)
        check_minimum(1, hop_length=hop_length)
        check_choice("pad_mode", pad_mode, PAD_MODES)
        self.frame_length, self.hop_length, self.center, self.pad_mode = frame_length, hop_length, center, pad_mode

    def _padded(self, waveforms: Tensor) -> Tensor:
        """Return clips whose frames are centred if `center` is set."""
        if self.center:
            return padded(waveforms, self.frame_length // 2, self.pad_mode)
        if waveforms.shape[1] < self.frame_length:
            raise StaanetError(
                f"expected clips of {self.frame_length} samples (frame_length) or more, got {waveforms.shape[1]}; "
                "set center=True"
            )
        return waveforms


class Rms(_Framed):
    """Root mean square of each frame, as `librosa.feature.rms` of a waveform.

    Args:
        frame_length: Frame size in samples; 2 or more.
        hop_length: Distance between two frames in samples.
        center: Whether frames are centred on every `hop_length`-th sample and clips padded at both ends.
        pad_mode: Padding, as in `numpy.pad`.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, 1, frames]`.

    Raises:
        StaanetError: If a setting is out of its range, or a clip is shorter than a frame that is not centred.

    >>> import torch
    >>> Rms(frame_length=4, hop_length=4, center=False)(torch.full((1, 8), 0.5))
    tensor([[[0.5000, 0.5000]]])
    """

    def __init__(
        self,
        *,
        frame_length: int = 2048,
        hop_length: int = 512,
        center: bool = True,
        pad_mode: PadMode = "constant",
    ) -> None:
        super().__init__(frame_length, hop_length, center, pad_mode)

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the root mean square `[B, 1, frames]` of clips `[B, T]`."""
        squares = self._padded(waveforms).square()[:, None]
        return functional.avg_pool1d(squares, self.frame_length, self.hop_length).clamp_min(SMALLEST_POWER).sqrt()


class ZeroCrossingRate(_Framed):
    """Share of the samples of each frame at which the sign changes, as `librosa.feature.zero_crossing_rate`.

    It is a count, so it passes no gradient.

    Args:
        frame_length: Frame size in samples; 2 or more.
        hop_length: Distance between two frames in samples.
        center: Whether frames are centred on every `hop_length`-th sample and clips continued by their end samples.

    Shape: waveforms `[B, T]`, lengths `[B]` -> `[B, 1, frames]`.

    Raises:
        StaanetError: If a setting is out of its range, or a clip is shorter than a frame that is not centred.

    >>> import torch
    >>> ZeroCrossingRate(frame_length=4, hop_length=4, center=False)(torch.tensor([[1.0, -1.0, -1.0, 1.0]]))
    tensor([[[0.5000]]])
    """

    def __init__(self, *, frame_length: int = 2048, hop_length: int = 512, center: bool = True) -> None:
        super().__init__(frame_length, hop_length, center, "edge")

    def features(self, waveforms: Tensor) -> Tensor:
        """Return the rates `[B, 1, frames]` of clips `[B, T]`."""
        negative = self._padded(waveforms) < -SMALLEST_SAMPLE
        crossings = (negative[:, 1:] != negative[:, :-1]).to(waveforms)[:, None]
        between = self.frame_length - 1  # pairs of neighbours in a frame
        return functional.avg_pool1d(crossings, between, self.hop_length) * (between / self.frame_length)
