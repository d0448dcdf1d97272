"""Perceptual measures of a clean and an attacked clip: quality, intelligibility and distortion."""

import importlib.util
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from staanet.audio.files import resample
from staanet.core.errors import StaanetError
from staanet.metrics.outcome import Floats

Clip = NDArray[Any] | Tensor

PACKAGES = ("pesq", "pystoi")
EXTRA = "staanet[perceptual]"

PESQ_MIN, PESQ_MAX = 0.25, 19.0
"""Shortest and longest clip in seconds. `pesq` crashes if it finds more than 50 utterances, of 0.2 s or more each."""

STOI_MIN = 0.4
"""Shortest amount of speech in seconds: 30 frames of 25.6 ms that overlap by half."""

SEGMENT = 0.03
SEGMENT_RANGE = (-10.0, 35.0)
SPEECH_DB = 40.0

SPECTRAL_FRAME = 0.032
SPECTRAL_FLOOR_DB = 80.0

ROUNDING = 1e-26
"""Energy ratio below which a difference is only rounding of 64-bit numbers; a changed 32-bit sample is far above it."""

UNCHANGED = "the clip was not changed"
SILENT = "the clip is silent"
NOT_INSTALLED = f"a package is missing: install {EXTRA}"


class Measured(NamedTuple):
    """A value, or None and the reason why the measure is undefined."""

    value: float | None
    reason: str | None = None


def pesq(original: Clip, adversarial: Clip, sample_rate: int) -> Measured:
    """Return PESQ, a predicted opinion score of speech quality from 1 (bad) to 4.6 (not changed).

    It is wide-band (ITU-T P.862.2) at 16 kHz and narrow-band (P.862 with P.862.1) at 8 kHz; other rates are resampled
    to 16 kHz. The scores of the two bands cannot be compared. It is undefined for silence, if no utterance is found,
    below 0.25 s, and above 19 s.

    Shape: `[T]`, `[T]` -> one value.
    """
    clean, attacked = _pair(original, adversarial)
    try:
        from pesq import PesqError
        from pesq import pesq as predicted
    except ImportError:
        return Measured(None, NOT_INSTALLED)
    if not clean.any() or not attacked.any():
        return Measured(None, SILENT)
    if len(clean) < PESQ_MIN * sample_rate:
        return Measured(None, f"the clip is shorter than {PESQ_MIN:g} s")
    if len(clean) > PESQ_MAX * sample_rate:
        return Measured(None, f"the clip is longer than {PESQ_MAX:g} s")
    rate, band = (8_000, "nb") if sample_rate == 8_000 else (16_000, "wb")
    clips = (resample(clip.astype(np.float32), sample_rate, rate) for clip in (clean, attacked))
    score = float(predicted(rate, *clips, band, on_error=PesqError.RETURN_VALUES))
    if score == PesqError.NO_UTTERANCES_DETECTED:
        return Measured(None, "no utterance was found")
    return Measured(score) if score > 0 else Measured(None, "pesq returned no score")


def stoi(original: Clip, adversarial: Clip, sample_rate: int) -> Measured:
    """Return STOI, a measure of intelligibility from about 0 to 1 (not changed) (Taal et al., IEEE TASLP 19, 2011).

    Frames more than 40 dB below the loudest one do not count. It is undefined for silence and for less than 0.4 s of
    speech.

    Shape: `[T]`, `[T]` -> one value.
    """
    clean, attacked = _pair(original, adversarial)
    try:
        from pystoi import stoi as predicted
    except ImportError:
        return Measured(None, NOT_INSTALLED)
    if not clean.any():
        return Measured(None, SILENT)
    too_short = Measured(None, f"the clip has less than {STOI_MIN:g} s of speech")
    if len(clean) < STOI_MIN * sample_rate:
        return too_short
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return Measured(float(predicted(clean, attacked, sample_rate, extended=False)))
        except RuntimeWarning:
            return too_short


def si_sdr_db(original: Clip, adversarial: Clip, sample_rate: int) -> Measured:  # noqa: ARG001
    """Return the scale-invariant signal-to-distortion ratio in dB (Le Roux et al., ICASSP 2019, arXiv 1811.02508).

    It is 10 log10(|a x|^2 / |y - a x|^2) with a = <y, x> / |x|^2, for clips from which the mean is subtracted. It is
    undefined if nothing changed, or nothing but gain and offset.

    Shape: `[T]`, `[T]` -> one value.

    >>> si_sdr_db(np.array([1.0, -1.0, 1.0, -1.0]), np.array([2.1, -1.9, 1.9, -2.1]), 16_000).value
    26.02...
    """
    clean, attacked = _pair(original, adversarial)
    if np.array_equal(clean, attacked):
        return Measured(None, UNCHANGED)
    if not np.ptp(clean):
        return Measured(None, SILENT)
    clean, attacked = clean - clean.mean(), attacked - attacked.mean()
    kept = (attacked @ clean) / (clean @ clean) * clean
    rest = attacked - kept
    signal, distortion = float(kept @ kept), float(rest @ rest)
    if not signal:
        return Measured(None, "nothing of the clip is left")
    if distortion <= ROUNDING * signal:
        return Measured(None, "nothing but gain and offset was changed")
    return Measured(10 * float(np.log10(signal / distortion)))


def snr_segmental_db(original: Clip, adversarial: Clip, sample_rate: int) -> Measured:
    """Return the segmental signal-to-noise ratio in dB: the mean over adjacent frames of 30 ms.

    The ratio of each frame is clipped to -10 to 35 dB (J. H. L. Hansen, B. L. Pellom, ICSLP 1998). Frames more than
    40 dB below the loudest one are pauses and do not count, as in STOI. It is undefined if nothing changed, for
    silence, and below 30 ms.

    Shape: `[T]`, `[T]` -> one value.
    """
    clean, attacked = _pair(original, adversarial)
    if np.array_equal(clean, attacked):
        return Measured(None, UNCHANGED)
    size = round(SEGMENT * sample_rate)
    if len(clean) < size:
        return Measured(None, f"the clip is shorter than {1000 * SEGMENT:g} ms")
    used = len(clean) // size * size
    signal, noise = ((part[:used].reshape(-1, size) ** 2).sum(1) for part in (clean, attacked - clean))
    speech = signal > signal.max() * 10 ** (-SPEECH_DB / 10)
    if not speech.any():
        return Measured(None, SILENT)
    with np.errstate(divide="ignore"):
        ratios = 10 * np.log10(signal[speech] / noise[speech])
    return Measured(float(ratios.clip(*SEGMENT_RANGE).mean()))


def log_spectral_distance_db(original: Clip, adversarial: Clip, sample_rate: int) -> Measured:
    """Return the log-spectral distance in dB; 0 means that nothing changed.

    It is the root mean square over frequency of the difference between the power spectra in dB, averaged over frames
    (A. H. Gray, J. D. Markel, IEEE TASSP 24, 1976). Frames are Hann windows of 32 ms that overlap by half, pauses
    included. Levels more than 80 dB below the maximum of the clean clip are raised to that level. It is undefined for
    silence and below 32 ms.

    Shape: `[T]`, `[T]` -> one value.
    """
    clean, attacked = _pair(original, adversarial)
    size = round(SPECTRAL_FRAME * sample_rate)
    if len(clean) < size:
        return Measured(None, f"the clip is shorter than {1000 * SPECTRAL_FRAME:g} ms")
    if not clean.any():
        return Measured(None, SILENT)
    spectra = [_power(clip, size) for clip in (clean, attacked)]  # [frames, frequencies]
    floor = spectra[0].max() * 10 ** (-SPECTRAL_FLOOR_DB / 10)
    before, after = (10 * np.log10(np.maximum(spectrum, floor)) for spectrum in spectra)
    return Measured(float(np.sqrt(((after - before) ** 2).mean(1)).mean()))


MEASURES = {
    measure.__name__: measure for measure in (pesq, stoi, si_sdr_db, snr_segmental_db, log_spectral_distance_db)
}


def check_installed() -> None:
    """Check that the packages of the extra `perceptual` are installed, before any work is done.

    Raises:
        StaanetError: If one is not installed.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise StaanetError(
            f"perception = true: expected the packages {' and '.join(PACKAGES)}, found no {' and no '.join(missing)}; "
            f"install {EXTRA} (docs/guide/experiments.md, Perception), or remove the setting"
        )


def _pair(original: Clip, adversarial: Clip) -> tuple[Floats, Floats]:
    clean, attacked = (np.asarray(clip, dtype=np.float64) for clip in (original, adversarial))
    if clean.ndim != 1 or clean.shape != attacked.shape or not clean.size:
        raise StaanetError(f"expected two clips [T] of one length, got {list(clean.shape)} and {list(attacked.shape)}")
    if not (np.isfinite(clean).all() and np.isfinite(attacked).all()):
        raise StaanetError("expected finite samples, got NaN or infinity; remove the damaged clip")
    return clean, attacked


def _power(clip: Floats, size: int) -> Floats:
    frames = np.lib.stride_tricks.sliding_window_view(clip, size)[:: size // 2] * np.hanning(size)
    return np.abs(np.fft.rfft(frames)) ** 2
