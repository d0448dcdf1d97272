"""Metrics of distortion: how much the audio changed."""

import numpy as np

from staanet.metrics.base import metric
from staanet.metrics.outcome import Floats, Outcome


@metric(unit="dB", stronger="higher", over="changed")
def snr_peak_db(outcome: Outcome) -> float | None:
    """Peak signal-to-noise ratio 20 log10(max |x| / max |delta|), as in the STAA-Net paper."""
    return _mean(outcome.snr_peak_db)


@metric(unit="dB", stronger="higher", over="fooled")
def snr_peak_db_fooled(outcome: Outcome) -> float | None:
    """Peak signal-to-noise ratio of the fooled clips."""
    return _mean(outcome.snr_peak_db[outcome.fooled])


@metric(unit="dB", stronger="higher", over="changed")
def snr_energy_db(outcome: Outcome) -> float | None:
    """Energy signal-to-noise ratio 10 log10(sum x^2 / sum delta^2), the usual SNR."""
    return _mean(outcome.snr_energy_db)


@metric(unit="dB", stronger="higher", over="fooled")
def snr_energy_db_fooled(outcome: Outcome) -> float | None:
    """Energy signal-to-noise ratio of the fooled clips."""
    return _mean(outcome.snr_energy_db[outcome.fooled])


@metric(unit="share", stronger="lower")
def sparsity(outcome: Outcome) -> float:
    """Share of the samples of a clip that changed."""
    return float((outcome.l0 / outcome.length).mean())


@metric(unit="share", stronger="lower", over="fooled")
def sparsity_fooled(outcome: Outcome) -> float | None:
    """Share of the samples of a fooled clip that changed."""
    return _mean((outcome.l0 / outcome.length)[outcome.fooled])


@metric(unit="full scale", stronger="lower")
def linf(outcome: Outcome) -> float:
    """Largest absolute change of a sample."""
    return float(outcome.linf.mean())


@metric(unit="full scale", stronger="lower")
def l2(outcome: Outcome) -> float:
    """Euclidean norm of the change."""
    return float(outcome.l2.mean())


@metric(unit="samples", stronger="lower")
def l0(outcome: Outcome) -> float:
    """Number of samples (or features) of a clip that changed."""
    return float(outcome.l0.mean())


@metric(unit="full scale", stronger="lower")
def l1(outcome: Outcome) -> float | None:
    """Sum of the absolute changes."""
    return _mean(outcome.l1)


@metric(unit="full scale", stronger="lower")
def mean_change(outcome: Outcome) -> float | None:
    """Mean absolute change over all samples (or features) of a clip, changed or not."""
    return _mean(outcome.l1 / outcome.length)


def _mean(values: Floats) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None
