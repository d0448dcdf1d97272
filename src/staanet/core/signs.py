"""Signs that numbers say little about a model: random answers, answers that depend on other clips, and others.

Source: N. Carlini et al., "On Evaluating Adversarial Robustness", arXiv 1902.06705, section 5.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.classifier import CheckedClassifier, as_classifier
from staanet.core.errors import StaanetError
from staanet.core.unwrapping import frozen

CLIPS = 4
"""Number of clips on which signs are looked for."""

NOTABLE = 1e-3
"""Change of a logit, as a share of the spread of the logits, above which it is no rounding error."""

FLAT = 0.1
"""Share of clips without a gradient above which gradients count as masked."""

MEANINGS = {
    "randomised": "the model returned different logits for the same clips; attacks must average over its randomness",
    "batch_dependent": "the logits of a clip depend on the other clips of its batch; check for training mode",
    "padding_dependent": "the logits of a clip depend on the zeros behind it; results depend on the other clips of a "
    "batch; give the model the lengths, or clips of one length",
    "probabilities": "the model returns probabilities instead of logits, which flatten the gradient; return the logits",
    "training_mode": "a part of the model stays in training mode; call eval() in it",
    "zero_gradients": "the gradient of the loss is zero on clips, so that attacks with gradients seem weak; use "
    "attacks without gradients too",
    "nonfinite_gradients": "gradients were not finite at some samples, where they count as zero",
}
"""What each sign means for the reader of a result."""


def shown(signs: Mapping[str, float | bool | None]) -> dict[str, str]:
    """Return the meaning of each sign that a model shows: shares count above a limit.

    >>> list(shown({"zero_gradients": 0.05, "randomised": True, "padding_dependent": None}))
    ['randomised']
    """
    limits = {"zero_gradients": FLAT}
    return {name: text for name, text in MEANINGS.items() if (signs.get(name) or 0) > limits.get(name, 0)}


@dataclass(frozen=True)
class Signs:
    """The signs of a model on some clips; None where a sign could not be looked for.

    Args:
        randomised: Whether a second pass of the same clips returned other logits.
        batch_dependent: Whether a clip by itself had other logits than in a batch.
        padding_dependent: Whether a clip had other logits when zeros were appended.
        probabilities: Whether all answers lie in 0 to 1, as probabilities do.
        training_mode: Whether a module stays in training mode.
        zero_gradients: Share of the clips on which the cross-entropy of the predicted class has a gradient of zero.
        nonfinite_gradients: Share of the clips whose gradient is not finite at some samples.
    """

    randomised: bool
    batch_dependent: bool | None
    padding_dependent: bool | None
    probabilities: bool
    training_mode: bool
    zero_gradients: float | None
    nonfinite_gradients: float | None

    def meanings(self) -> list[tuple[str, str]]:
        """Return the name and the meaning of each sign that the model shows."""
        return list(shown(asdict(self)).items())


def find_signs(model: Callable[..., Any], waveforms: Tensor, lengths: Tensor, clips: int = CLIPS) -> Signs:
    """Return the signs of a model on the first clips of a batch.

    This takes three forward passes of these clips, three of a single one, and one backward pass.

    Args:
        model: Anything that maps waveforms (and lengths) to logits `[B, K]`.
        waveforms: Samples of the clips, `[B, T]`, of one clip or more.
        lengths: Number of valid samples of each clip, `[B]`.
        clips: Largest number of clips to use.

    >>> weights = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> signs = find_signs(lambda waveforms: (waveforms @ weights).softmax(1), torch.ones(2, 2), torch.tensor([2, 2]))
    >>> signs.probabilities, signs.randomised
    (True, False)
    """
    classifier = as_classifier(model)
    waveforms, lengths = waveforms[:clips].detach(), lengths[:clips]
    with torch.inference_mode(False), frozen(classifier):
        with torch.no_grad():
            logits, again = classifier(waveforms, lengths), classifier(waveforms, lengths)
        randomised = _differ(logits, again)
        flat, nonfinite = _gradients(classifier, waveforms, lengths)
        return Signs(
            randomised=randomised,
            batch_dependent=None if randomised else _depends_on_batch(classifier, waveforms, lengths, logits),
            padding_dependent=None if randomised else _depends_on_padding(classifier, waveforms, lengths),
            probabilities=_are_probabilities(logits),
            training_mode=any(part.training for module in classifier.modules for part in module.modules()),
            zero_gradients=flat,
            nonfinite_gradients=nonfinite,
        )


def _differ(logits: Tensor, others: Tensor) -> bool:
    """Return whether logits `[B, K]` differ by more than rounding errors."""
    spread = logits.amax(1) - logits.amin(1)
    return bool(((logits - others).abs().amax(1) > NOTABLE * spread).any())


def _are_probabilities(logits: Tensor) -> bool:
    return bool(((logits >= 0) & (logits <= 1)).all())


def _depends_on_batch(model: CheckedClassifier, waveforms: Tensor, lengths: Tensor, logits: Tensor) -> bool | None:
    """Return whether the first clip has other logits by itself, None if it is alone or the model needs a batch."""
    alone = None if len(waveforms) < 2 else _logits(model, waveforms[:1], lengths[:1])
    return None if alone is None else _differ(logits[:1], alone)


def _depends_on_padding(model: CheckedClassifier, waveforms: Tensor, lengths: Tensor) -> bool | None:
    """Return whether appended zeros change the logits of the first clip, None if the model cannot take them."""
    padded = functional.pad(waveforms[:1], (0, max(1, waveforms.shape[1] // 4)))
    logits, others = (_logits(model, clips, lengths[:1]) for clips in (waveforms[:1], padded))
    return None if logits is None or others is None else _differ(logits, others)


def _logits(model: CheckedClassifier, waveforms: Tensor, lengths: Tensor) -> Tensor | None:
    """Return the logits of clips, None if the model fails for clips of this number or length, however it does."""
    try:
        with torch.no_grad():
            return model(waveforms, lengths)
    except Exception:
        return None


def _gradients(model: CheckedClassifier, waveforms: Tensor, lengths: Tensor) -> tuple[float | None, float | None]:
    """Return the share of clips with a gradient of zero and with one that is not finite, None without gradients."""
    points, before = waveforms.clone().requires_grad_(), model.nonfinite_gradients
    try:
        with torch.enable_grad():
            logits = model(points, lengths)
            loss = functional.cross_entropy(logits, logits.argmax(1), reduction="sum")
            (gradients,) = torch.autograd.grad(loss, points)
    except (RuntimeError, StaanetError):  # a model without gradients, or one that cannot compute them
        return None, None
    nonfinite, model.nonfinite_gradients = model.nonfinite_gradients - before, before
    return float((gradients == 0).all(1).double().mean()), nonfinite / len(points)
