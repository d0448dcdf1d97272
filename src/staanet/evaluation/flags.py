"""Flags: warnings about the validity of a record; docs/flags.md has a paragraph on each."""

from collections.abc import Callable
from typing import Any

from staanet.metrics import SPEAKERS

ONE_CLASS = 0.6
"""Share of the predictions above which one class dominates."""
COMB = 0.9
"""Comb share above which positions hardly depend on the clip."""
FLAT = 0.1
"""Share of clips without a gradient above which gradients count as masked."""


def one_class(figures: dict[str, Any]) -> bool:
    """More than 60 % of the predictions on the attacked clips are one class."""
    return bool(max(figures["predictions_adv"]) > ONE_CLASS * figures["n"])


def comb(figures: dict[str, Any]) -> bool:
    """The sample index alone explains more than 90 % of the variance of the positions."""
    shares = (figures["comb_share"], figures["comb_share_model"])
    return any(share is not None and share > COMB for share in shares)


def no_excess(figures: dict[str, Any]) -> bool:
    """The attack success rate is inside the interval of the control, or below it."""
    return bool(figures["asr"] <= figures["asr_control_ci"][1])


def chance_model(figures: dict[str, Any]) -> bool:
    """The accuracy of the target model on the clean clips is not above that of always predicting one class."""
    present = max(figures["clips_by_class"])
    low, _ = figures["accuracy_clean_ci"]
    return bool(low <= present / figures["n"])


def empty_perturbation(figures: dict[str, Any]) -> bool:
    """The attack returned at least one clip unchanged."""
    return bool(figures["n_unchanged"] > 0)


def few_speakers(figures: dict[str, Any]) -> bool:
    """There are fewer than eight test speakers, too few for an interval that holds for other speakers."""
    return bool(figures["speakers"] < SPEAKERS)


def zero_gradients(figures: dict[str, Any]) -> bool:
    """The gradient of the target model is zero on more than a tenth of the clips."""
    return (figures.get("zero_gradients") or 0.0) > FLAT


def black_box_ahead(figures: dict[str, Any]) -> bool:
    """The best attack with scores or decisions only fools more clips than the best attack with gradients."""
    return (figures.get("black_box_lead") or 0.0) > 0


def randomised(figures: dict[str, Any]) -> bool:
    """The target model returned different logits for the same clips."""
    return bool(figures.get("randomised"))


def probabilities(figures: dict[str, Any]) -> bool:
    """The target model returns probabilities instead of logits."""
    return bool(figures.get("probabilities"))


FLAGS: dict[str, Callable[[dict[str, Any]], bool]] = {
    flag.__name__: flag
    for flag in (
        *(one_class, comb, no_excess, chance_model, empty_perturbation, few_speakers),
        *(zero_gradients, black_box_ahead, randomised, probabilities),
    )
}


def raised(figures: dict[str, Any]) -> list[str]:
    """Return the names of the flags that are raised by the figures of a case."""
    return [name for name, check in FLAGS.items() if check(figures)]
