"""What a reader must know before believing a number; docs/flags.md has a paragraph on each."""

from collections.abc import Callable
from typing import Any

from staanet.metrics import SPEAKERS

ONE_CLASS = 0.6
COMB = 0.9
FLAT = 0.1


def one_class(figures: dict[str, Any]) -> bool:
    """One class takes more than 60 % of the predictions on the attacked clips."""
    return bool(max(figures["predictions_adv"]) > ONE_CLASS * figures["n"])


def comb(figures: dict[str, Any]) -> bool:
    """The sample index alone explains more than 90 % of the positions."""
    shares = (figures["comb_share"], figures["comb_share_model"])
    return any(share is not None and share > COMB for share in shares)


def no_excess(figures: dict[str, Any]) -> bool:
    """The attack success rate lies inside the control's interval, or below it."""
    return bool(figures["asr"] <= figures["asr_control_ci"][1])


def chance_model(figures: dict[str, Any]) -> bool:
    """The target's accuracy on the clean clips cannot be told from always saying one class."""
    present = max(figures["clips_by_class"])
    low, _ = figures["accuracy_clean_ci"]
    return bool(low <= present / figures["n"])


def empty_perturbation(figures: dict[str, Any]) -> bool:
    """Some clip came back unchanged."""
    return bool(figures["n_unchanged"] > 0)


def few_speakers(figures: dict[str, Any]) -> bool:
    """Fewer than eight test speakers: no interval can say how others would fare."""
    return bool(figures["speakers"] < SPEAKERS)


def zero_gradients(figures: dict[str, Any]) -> bool:
    """At more than a tenth of the clips the target has no gradient to follow."""
    return (figures.get("zero_gradients") or 0.0) > FLAT


def black_box_ahead(figures: dict[str, Any]) -> bool:
    """The best attack that asks for scores or decisions fools more clips than the best that sees gradients."""
    return (figures.get("black_box_lead") or 0.0) > 0


def randomised(figures: dict[str, Any]) -> bool:
    """The target gave other logits when it was asked again."""
    return bool(figures.get("randomised"))


def probabilities(figures: dict[str, Any]) -> bool:
    """The target gives probabilities where logits are expected."""
    return bool(figures.get("probabilities"))


FLAGS: dict[str, Callable[[dict[str, Any]], bool]] = {
    flag.__name__: flag
    for flag in (
        *(one_class, comb, no_excess, chance_model, empty_perturbation, few_speakers),
        *(zero_gradients, black_box_ahead, randomised, probabilities),
    )
}


def raised(figures: dict[str, Any]) -> list[str]:
    """Return the names of the flags that the figures of a case raise."""
    return [name for name, check in FLAGS.items() if check(figures)]
