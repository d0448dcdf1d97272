"""How much the audio changed."""

import numpy as np

from staanet.metrics.base import metric
from staanet.metrics.outcome import Floats, Outcome


@metric(unit="dB", stronger="higher", over="changed")
def snr_peak_db(outcome: Outcome) -> float | None:
    """20 log10(max |x| / max |delta|), the paper's SNR with absolute values."""
    return _mean(outcome.snr_peak_db)


@metric(unit="dB", stronger="higher", over="fooled")
def snr_peak_db_fooled(outcome: Outcome) -> float | None:
    """The same, over the fooled clips."""
    return _mean(outcome.snr_peak_db[outcome.fooled])


@metric(unit="dB", stronger="higher", over="changed")
def snr_energy_db(outcome: Outcome) -> float | None:
    """10 log10(sum x^2 / sum delta^2), what other fields call SNR."""
    return _mean(outcome.snr_energy_db)


@metric(unit="dB", stronger="higher", over="fooled")
def snr_energy_db_fooled(outcome: Outcome) -> float | None:
    """The same, over the fooled clips."""
    return _mean(outcome.snr_energy_db[outcome.fooled])


@metric(unit="share", stronger="lower")
def sparsity(outcome: Outcome) -> float:
    """The share of a clip's samples that changed."""
    return float((outcome.l0 / outcome.length).mean())


@metric(unit="share", stronger="lower", over="fooled")
def sparsity_fooled(outcome: Outcome) -> float | None:
    """The same, over the fooled clips."""
    return _mean((outcome.l0 / outcome.length)[outcome.fooled])


@metric(unit="full scale", stronger="lower")
def linf(outcome: Outcome) -> float:
    """The largest change of a sample."""
    return float(outcome.linf.mean())


@metric(unit="full scale", stronger="lower")
def l2(outcome: Outcome) -> float:
    """The Euclidean norm of the change."""
    return float(outcome.l2.mean())


@metric(unit="samples", stronger="lower")
def l0(outcome: Outcome) -> float:
    """How many of a clip's samples, or features, changed."""
    return float(outcome.l0.mean())


@metric(unit="full scale", stronger="lower")
def l1(outcome: Outcome) -> float | None:
    """The sum of the absolute changes."""
    return _mean(outcome.l1)


@metric(unit="full scale", stronger="lower")
def mean_change(outcome: Outcome) -> float | None:
    """The absolute change of a sample, or feature, averaged over all of them, changed or not."""
    return _mean(outcome.l1 / outcome.length)


def _mean(values: Floats) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None
