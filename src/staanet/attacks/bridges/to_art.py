"""Models and attacks of this library for the Adversarial Robustness Toolbox, ART (https://arxiv.org/abs/1807.01069)."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from staanet.attacks.base import Attack
from staanet.attacks.bridges.module import WholeClips
from staanet.core.classifier import bounds_of
from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra

EXTRA = "art"


def as_art_classifier(model: Callable[..., Tensor], size: int | None = None) -> Any:
    """Return a model as a `PyTorchClassifier` of ART, which maps waveforms in the model's bounds to logits.

    It takes unpadded clips `[B, T]` of one length, or `[B, 1, T]` and `[B, 1, 1, T]` as some attacks of ART need them.
    It stays on the model's device, and ART cannot train it. No budget of this library limits ART's attacks.

    Source: M.-I. Nicolae et al., arXiv 1807.01069.

    Args:
        model: Any callable that maps waveforms, and optionally lengths, to logits `[B, K]`.
        size: Number of samples of a clip. Default: the trained length of the model.

    Raises:
        StaanetError: There is no size, or the extra `art` is not installed.
    """
    size = getattr(model, "trained_length", None) if size is None else size
    if size is None:
        raise StaanetError("expected the samples of a clip for a model without a trained length, got none; give size")
    module = WholeClips(model)
    with torch.no_grad():
        classes = module(torch.zeros(1, size)).shape[1]
    return art_classifier(module, (size,), classes, bounds_of(model))


def art_classifier(module: WholeClips, shape: tuple[int, ...], classes: int, bounds: tuple[float, float]) -> Any:
    """Return a module as a classifier of ART for clips of a shape, without the batch dimension."""
    return import_extra("art.estimators.classification", EXTRA).PyTorchClassifier(
        module,
        nn.CrossEntropyLoss(),
        shape,
        classes,
        clip_values=bounds,
        preprocessing=None,
        device_type="gpu" if module.device.type == "cuda" else "cpu",
    )


def as_art_attack(attack: Attack, estimator: Any, *, seed: int = 0, batch_size: int = 32) -> Any:
    """Return an attack of this library as an `EvasionAttack` of ART.

    Its `generate(x, y)` takes clips of one length in any shape `[B, ...]`, and labels `[B]` or one-hot `[B, K]`. It
    moves away from the labels or, if targeted, towards them. As with ART's own attacks, `y` defaults to the decisions
    of the classifier. The attack sees the estimator including its preprocessing.

    Source: M.-I. Nicolae et al., arXiv 1807.01069.

    Args:
        attack: Attack to wrap; its budget stays in force.
        estimator: A `PyTorchClassifier` of ART with `clip_values`, such as `as_art_classifier` returns.
        seed: Seed of the random draws.
        batch_size: Number of clips per batch.

    Raises:
        StaanetError: The estimator is not suitable, or the extra `art` is not installed.
    """
    wanted = import_extra("art.estimators.classification", EXTRA).PyTorchClassifier
    if not isinstance(estimator, wanted):
        raise StaanetError(
            f"expected a PyTorchClassifier of ART, got {type(estimator).__name__}; see as_art_classifier"
        )
    if estimator.clip_values is None:
        raise StaanetError("expected an estimator with clip_values, got one without; give it the range of its input")
    return _bridge()(attack, estimator, seed, batch_size)


class _Estimated:
    """The network of an estimator as a classifier of waveforms `[B, T]`."""

    def __init__(self, estimator: Any, shape: tuple[int, ...]) -> None:
        self._estimator, self._shape = estimator, shape
        self.bounds = tuple(float(value) for value in estimator.clip_values)

    def __call__(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]`."""
        logits: Tensor
        logits, _ = self._estimator._predict_framework(waveforms.reshape(len(waveforms), *self._shape))
        return logits


@cache
def _bridge() -> Any:
    """Return the subclass of ART's `EvasionAttack`, which can be defined only if ART is installed."""
    base = import_extra("art.attacks", EXTRA).EvasionAttack

    class Bridge(base):  # type: ignore[misc, valid-type]
        attack_params = (*base.attack_params, "attack", "seed", "batch_size")
        _estimator_requirements = (import_extra("art.estimators.classification", EXTRA).PyTorchClassifier,)

        def __init__(self, attack: Attack, estimator: Any, seed: int, batch_size: int) -> None:
            super().__init__(estimator=estimator)
            self.attack, self.seed, self.batch_size = attack, seed, batch_size
            self._targeted = getattr(attack, "targeted", False)

        def generate(self, x: NDArray[Any], y: NDArray[Any] | None = None, **_: Any) -> NDArray[Any]:
            if y is None and self.targeted:
                raise StaanetError("expected labels y for a targeted attack, got none; give the classes to reach")
            y = self.estimator.predict(x, batch_size=self.batch_size) if y is None else y
            labels = y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
            batches = [slice(start, start + self.batch_size) for start in range(0, len(x), self.batch_size)]
            return np.concatenate([self._attacked(x[batch], labels[batch]) for batch in batches])

        def _attacked(self, x: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
            clips = torch.from_numpy(x).to(self.estimator.device, torch.float32).flatten(1)
            known = torch.from_numpy(labels).to(self.estimator.device, torch.int64)
            found = self.attack(_Estimated(self.estimator, x.shape[1:]), clips, known, seed=self.seed)
            return found.cpu().numpy().reshape(x.shape).astype(x.dtype)

    return Bridge
