"""How often the decision changed."""

import numpy as np

from staanet.metrics.base import metric
from staanet.metrics.outcome import Floats, Integers, Outcome


@metric(unit="share", stronger="higher")
def asr(outcome: Outcome) -> float:
    """Attack success rate: the share of all clips whose prediction changed (arXiv 2402.01227, section 4.3)."""
    return float(outcome.fooled.mean())


@metric(unit="share", stronger="higher", over="correct")
def asr_correct(outcome: Outcome) -> float | None:
    """Attack success rate among the clips that were classified correctly."""
    return float(outcome.fooled[outcome.correct].mean()) if outcome.correct.any() else None


@metric(unit="share", stronger="higher")
def asr_control(outcome: Outcome) -> float:
    """What random signs of the attack's own sizes, at as many random places, change (mean over the draws)."""
    return float(outcome.control.mean())


@metric(unit="share", stronger="higher")
def asr_excess(outcome: Outcome) -> float:
    """Attack success rate less the control's, in [-1, 1]: what the attack adds to noise."""
    return float((outcome.fooled - outcome.control).mean())


@metric(unit="share", stronger="lower")
def accuracy_clean(outcome: Outcome) -> float:
    """The share of clean clips classified correctly."""
    return float(outcome.correct.mean())


@metric(unit="share", stronger="lower")
def accuracy_adv(outcome: Outcome) -> float:
    """The share of attacked clips classified correctly."""
    return float((outcome.predicted_adv == outcome.labels).mean())


@metric(unit="share", stronger="lower")
def uar_clean(outcome: Outcome) -> float:
    """Unweighted average recall on the clean clips: mean over the classes present."""
    return mean_recall(outcome.labels, outcome.predicted_clean)


@metric(unit="share", stronger="lower")
def uar_adv(outcome: Outcome) -> float:
    """Unweighted average recall on the attacked clips: mean over the classes present."""
    return mean_recall(outcome.labels, outcome.predicted_adv)


@metric(unit="share", stronger="lower")
def confidence_clean(outcome: Outcome) -> float | None:
    """The largest softmax of the logits on the clean clips."""
    return _mean(outcome.confidence_clean)


@metric(unit="share", stronger="higher")
def confidence_adv(outcome: Outcome) -> float | None:
    """The largest softmax of the logits on the attacked clips."""
    return _mean(outcome.confidence_adv)


def mean_recall(labels: Integers, predicted: Integers) -> float:
    """Return the recall averaged over the classes present in `labels`, each counting the same."""
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def _mean(values: Floats) -> float | None:
    return None if np.isnan(values).any() else float(values.mean())


def asr_by_class(outcome: Outcome) -> list[float | None]:
    """Return the attack success rate among the clips of each class, None where there are none."""
    shares = (outcome.fooled[outcome.labels == label] for label in range(outcome.classes))
    return [float(share.mean()) if len(share) else None for share in shares]


def asr_by_prediction(outcome: Outcome) -> list[float | None]:
    """Return the attack success rate among the clips that the model puts into each class, None where it puts none."""
    shares = (outcome.fooled[outcome.predicted_clean == label] for label in range(outcome.classes))
    return [float(share.mean()) if len(share) else None for share in shares]


def counts(predicted: Integers, classes: int) -> list[int]:
    """Return how often each class was predicted."""
    return [int(count) for count in np.bincount(predicted, minlength=classes)]
