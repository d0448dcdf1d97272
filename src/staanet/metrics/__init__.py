"""Metrics of attacks: functions of an outcome; a metric is registered by importing it here."""

from staanet.core.registry import collect
from staanet.metrics.base import Metric as Metric
from staanet.metrics.comb import comb_share as comb_share
from staanet.metrics.distortion import l0 as l0
from staanet.metrics.distortion import l1 as l1
from staanet.metrics.distortion import l2 as l2
from staanet.metrics.distortion import linf as linf
from staanet.metrics.distortion import mean_change as mean_change
from staanet.metrics.distortion import snr_energy_db as snr_energy_db
from staanet.metrics.distortion import snr_energy_db_fooled as snr_energy_db_fooled
from staanet.metrics.distortion import snr_peak_db as snr_peak_db
from staanet.metrics.distortion import snr_peak_db_fooled as snr_peak_db_fooled
from staanet.metrics.distortion import sparsity as sparsity
from staanet.metrics.distortion import sparsity_fooled as sparsity_fooled
from staanet.metrics.groups import LargestGap as LargestGap
from staanet.metrics.groups import largest_gap as largest_gap
from staanet.metrics.intervals import SPEAKERS as SPEAKERS
from staanet.metrics.intervals import beyond_clips as beyond_clips
from staanet.metrics.intervals import by_fold as by_fold
from staanet.metrics.intervals import detectable as detectable
from staanet.metrics.intervals import paired as paired
from staanet.metrics.intervals import sign_test as sign_test
from staanet.metrics.intervals import wilson as wilson
from staanet.metrics.outcome import Integers as Integers
from staanet.metrics.outcome import Outcome as Outcome
from staanet.metrics.outcome import observe as observe
from staanet.metrics.success import accuracy_adv as accuracy_adv
from staanet.metrics.success import accuracy_clean as accuracy_clean
from staanet.metrics.success import asr as asr
from staanet.metrics.success import asr_by_class as asr_by_class
from staanet.metrics.success import asr_by_prediction as asr_by_prediction
from staanet.metrics.success import asr_control as asr_control
from staanet.metrics.success import asr_correct as asr_correct
from staanet.metrics.success import asr_excess as asr_excess
from staanet.metrics.success import chance as chance
from staanet.metrics.success import confidence_adv as confidence_adv
from staanet.metrics.success import confidence_clean as confidence_clean
from staanet.metrics.success import counts as counts
from staanet.metrics.success import robust_accuracy as robust_accuracy
from staanet.metrics.success import robust_uar as robust_uar
from staanet.metrics.success import uar_adv as uar_adv
from staanet.metrics.success import uar_clean as uar_clean

METRICS = collect(
    "metric",
    globals(),
    Metric,
    first=("robust_accuracy", "robust_uar", "asr", "asr_control", "asr_excess"),
)


def summary(outcome: Outcome) -> dict[str, float | None]:
    """Return the value of every metric by its name, None where a metric is undefined.

    Robust accuracy and robust UAR come first, followed by `chance`, the accuracy of guessing (1/K), and the success
    rates of the attack and of its control.

    >>> import torch
    >>> clips = torch.tensor([[0.5, -0.5], [-0.5, 0.5]])
    >>> summary(observe(lambda clips: clips, clips, clips, torch.tensor([0, 1])))["asr"]
    0.0
    """
    values: dict[str, float | None] = {}
    for name, metric in METRICS.items():
        values[name] = metric(outcome)
        if name == "robust_uar":
            values["chance"] = chance(outcome)
    return values
