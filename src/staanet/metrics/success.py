"""Metrics of success: how often the predictions of the model changed."""

import numpy as np

from staanet.metrics.base import metric
from staanet.metrics.outcome import Floats, Integers, Outcome


@metric(unit="share", stronger="lower")
def robust_accuracy(outcome: Outcome) -> float:
    """Share of all clips that are classified correctly before and under the attack."""
    return float(outcome.robust.mean())


@metric(unit="share", stronger="lower")
def robust_uar(outcome: Outcome) -> float:
    """Unweighted average recall, where a clip counts if it is classified correctly before and under the attack."""
    return float(np.mean([outcome.robust[outcome.labels == label].mean() for label in np.unique(outcome.labels)]))


def chance(outcome: Outcome) -> float:
    """Return 1/K, the accuracy of guessing one of K classes, below which an accuracy says nothing."""
    return 1 / outcome.classes


@metric(unit="share", stronger="higher")
def asr(outcome: Outcome) -> float:
    """Attack success rate: share of all clips whose prediction changed (arXiv 2402.01227, section 4.3)."""
    return float(outcome.fooled.mean())


@metric(unit="share", stronger="higher", over="correct")
def asr_correct(outcome: Outcome) -> float | None:
    """Attack success rate among the clips whose clean version was classified correctly."""
    return float(outcome.fooled[outcome.correct].mean()) if outcome.correct.any() else None


@metric(unit="share", stronger="higher")
def asr_control(outcome: Outcome) -> float:
    """Success rate of the control: noise with the sizes of the perturbation but random signs and positions."""
    return float(outcome.control.mean())


@metric(unit="share", stronger="higher")
def asr_excess(outcome: Outcome) -> float:
    """Attack success rate minus that of the control, in [-1, 1]: the gain of the attack over noise."""
    return float((outcome.fooled - outcome.control).mean())


@metric(unit="share", stronger="lower")
def accuracy_clean(outcome: Outcome) -> float:
    """Share of the clean clips that are classified correctly."""
    return float(outcome.correct.mean())


@metric(unit="share", stronger="lower")
def accuracy_adv(outcome: Outcome) -> float:
    """Share of the attacked clips that are classified correctly."""
    return float((outcome.predicted_adv == outcome.labels).mean())


@metric(unit="share", stronger="lower")
def uar_clean(outcome: Outcome) -> float:
    """Unweighted average recall on the clean clips, over the classes that occur."""
    return mean_recall(outcome.labels, outcome.predicted_clean)


@metric(unit="share", stronger="lower")
def uar_adv(outcome: Outcome) -> float:
    """Unweighted average recall on the attacked clips, over the classes that occur."""
    return mean_recall(outcome.labels, outcome.predicted_adv)


@metric(unit="share", stronger="lower")
def confidence_clean(outcome: Outcome) -> float | None:
    """Mean probability of the predicted class (the largest softmax) on the clean clips."""
    return _mean(outcome.confidence_clean)


@metric(unit="share", stronger="higher")
def confidence_adv(outcome: Outcome) -> float | None:
    """Mean probability of the predicted class (the largest softmax) on the attacked clips."""
    return _mean(outcome.confidence_adv)


def mean_recall(labels: Integers, predicted: Integers) -> float:
    """Return the recall averaged over the classes that occur in `labels`, all with the same weight."""
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def _mean(values: Floats) -> float | None:
    return None if np.isnan(values).any() else float(values.mean())


def asr_by_class(outcome: Outcome) -> list[float | None]:
    """Return the attack success rate among the clips of each true class, None for a class without clips."""
    shares = (outcome.fooled[outcome.labels == label] for label in range(outcome.classes))
    return [float(share.mean()) if len(share) else None for share in shares]


def asr_by_prediction(outcome: Outcome) -> list[float | None]:
    """Return the attack success rate among the clips of each predicted class, None for a class without clips."""
    shares = (outcome.fooled[outcome.predicted_clean == label] for label in range(outcome.classes))
    return [float(share.mean()) if len(share) else None for share in shares]


def counts(predicted: Integers, classes: int) -> list[int]:
    """Return the number of predictions of each class."""
    return [int(count) for count in np.bincount(predicted, minlength=classes)]
