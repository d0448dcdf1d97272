"""Flags: warnings about the validity of a record; docs/flags.md has a paragraph on each."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from staanet.attacks import ATTACKS
from staanet.core.signs import FLAT, Signs
from staanet.metrics import SPEAKERS

ONE_CLASS = 0.6
"""Share of the predictions above which one class dominates."""
COMB = 0.9
"""Comb share above which positions hardly depend on the clip."""
NOISE_SENSITIVE = 0.25
"""Share of the predictions that the control changes above which noise alone is an attack."""

SIGNS = tuple(field.name for field in fields(Signs))
"""Fields of a record that hold signs of the target model, by which a model only seems robust; None if not measured."""


def one_class(figures: Mapping[str, Any]) -> bool:
    """More than 60 % of the predictions on the attacked clips are one class."""
    return bool(figures["one_class_share"] > ONE_CLASS)


def comb(figures: Mapping[str, Any]) -> bool:
    """The sample index alone explains more than 90 % of the variance of the positions."""
    shares = (figures["comb_share"], figures["comb_share_model"])
    return any(share is not None and share > COMB for share in shares)


def no_excess(figures: Mapping[str, Any]) -> bool:
    """The attack success rate is inside the interval of the control, or below it, and the attack is no control."""
    return bool(figures["asr"] <= figures["asr_control_ci"][1]) and not is_control(figures)


def noise_sensitive(figures: Mapping[str, Any]) -> bool:
    """The control changes more than a quarter of the predictions."""
    return bool(figures["asr_control"] > NOISE_SENSITIVE)


def chance_model(figures: Mapping[str, Any]) -> bool:
    """The accuracy of the target model on the clean clips is not above that of always predicting one class."""
    present = max(figures["clips_by_class"])
    low, _ = figures["accuracy_clean_ci"]
    return bool(low <= present / figures["n"])


def empty_perturbation(figures: Mapping[str, Any]) -> bool:
    """The attack returned at least one clip unchanged."""
    return bool(figures["n_unchanged"] > 0)


def few_speakers(figures: Mapping[str, Any]) -> bool:
    """There are fewer than eight test speakers, too few for an interval that holds for other speakers."""
    return bool(figures["speakers"] < SPEAKERS)


def zero_gradients(figures: Mapping[str, Any]) -> bool:
    """The gradient of the target model is zero on more than a tenth of the clips."""
    return (figures.get("zero_gradients") or 0.0) > FLAT


def black_box_ahead(figures: Mapping[str, Any]) -> bool:
    """The best attack with scores or decisions only fools more clips than the best attack with gradients."""
    return (figures.get("black_box_lead") or 0.0) > 0


def randomised(figures: Mapping[str, Any]) -> bool:
    """The target model returned different logits for the same clips."""
    return bool(figures.get("randomised"))


def probabilities(figures: Mapping[str, Any]) -> bool:
    """The target model returns probabilities instead of logits."""
    return bool(figures.get("probabilities"))


def batch_dependent(figures: Mapping[str, Any]) -> bool:
    """The logits of the target model for a clip depend on the other clips of the batch."""
    return bool(figures.get("batch_dependent"))


def padding_dependent(figures: Mapping[str, Any]) -> bool:
    """The logits of the target model for a clip depend on the padding behind it."""
    return bool(figures.get("padding_dependent"))


def training_mode(figures: Mapping[str, Any]) -> bool:
    """The target model, or a part of it, was in training mode."""
    return bool(figures.get("training_mode"))


def nonfinite_gradients(figures: Mapping[str, Any]) -> bool:
    """Gradients of the attack were not finite and counted as zero."""
    return (figures.get("nonfinite_gradients") or 0.0) > 0


FLAGS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    flag.__name__: flag
    for flag in (
        *(one_class, comb, no_excess, noise_sensitive, chance_model, empty_perturbation, few_speakers),
        *(zero_gradients, black_box_ahead, randomised, probabilities),
        *(batch_dependent, padding_dependent, training_mode, nonfinite_gradients),
    )
}

PER_MODEL = ("one_class", "comb", *SIGNS)
"""Flags that belong to one model: a pooled record shows them if any of its folds raised them."""


def is_control(figures: Mapping[str, Any]) -> bool:
    """Return whether the attack of a case is itself a control, such as noise, according to its settings."""
    settings = figures.get("settings", {}).get("attack", {})
    name = settings.get("name", figures.get("attack"))
    return name in ATTACKS and ATTACKS[name].reference == "control"


def raised(figures: Mapping[str, Any]) -> list[str]:
    """Return the names of the flags that a case raises.

    Args:
        figures: Fields of its record by name, or only the figures, from which nothing is known of the attack.
    """
    return [name for name, check in FLAGS.items() if check(figures)]
