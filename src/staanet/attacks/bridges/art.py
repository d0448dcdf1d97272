"""Attacks of the Adversarial Robustness Toolbox, ART (https://arxiv.org/abs/1807.01069), as attacks of this library."""

import contextlib
import inspect
import logging
import math
import random as python_random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks.base import Attack
from staanet.attacks.bridges.module import WholeClips
from staanet.attacks.bridges.to_art import EXTRA, art_classifier
from staanet.attacks.components.box import Box
from staanet.attacks.components.objectives import succeeded, value_and_grad
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.extras import import_extra
from staanet.core.seeds import ClipRandom, seeded

TARGETED_ONLY = ("SaliencyMapMethod", "TargetedUniversalPerturbation")
"""Classes that move only towards the labels they are given, although they have no parameter `targeted`."""


@dataclass(frozen=True)
class ArtAttack(Attack):
    """An evasion attack of the Adversarial Robustness Toolbox (ART), by the name of its class; needs the extra `art`.

    Source: M.-I. Nicolae et al., arXiv 1807.01069. ART attacks one clip at a time, unpadded and as an image with one
    row, and its random draws are seeded by the clip, so the result does not depend on the batch.

    As for every attack, the result is cut to the budget. If the class has a parameter `eps` that `parameters` does not
    set, it is the epsilon of the clip; for a norm p it is epsilon times k^(1/p), the norm of the largest change of k
    samples. `eps_step` keeps ART's own ratio to `eps`. With a sparsity below 1, a class that uses the gradient of the
    loss gets a mask of the samples with the largest gain; of the result of any other class the largest changes are
    kept.

    Classes that can only move towards labels move towards the second most likely class if the attack is not targeted.
    Some classes use the decision of the model as the label. If that would undo an existing success, the clip is
    returned unchanged.

    Args:
        attack_class: Name of a class in `art.attacks.evasion`, such as `FastGradientMethod`.
        parameters: Parameters of the class by ART's names, in full scale.
        budget: Limits on the size of a change and on the share of samples that may change.
        targeted: Whether the attack moves towards `labels` instead of away from them.
    """

    name = "art"
    access = "gradient"
    norms = ("l0", "l1", "l2", "linf")
    targetable = True
    reference = "arXiv 1807.01069"
    packages = ("adversarial-robustness-toolbox",)

    attack_class: str
    parameters: dict[str, Any] = field(default_factory=dict)
    budget: Budget = Budget(snr_db=17.0)
    targeted: bool = False

    def __post_init__(self) -> None:
        """Check that the class can attack waveforms and takes these parameters."""
        _, defaults = _class(self.attack_class)
        for key, value in self.parameters.items():
            if key not in defaults or key == "targeted":
                raise StaanetError(
                    f"{self.attack_class}: {unknown_name('parameter', key, defaults.keys() - {'targeted'})}"
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise StaanetError(f'{self.attack_class}: expected a finite {key}, got {value}; write "inf" for a norm')
        if self.targeted and "targeted" not in defaults and self.attack_class not in TARGETED_ONLY:
            raise StaanetError(
                f"expected a class of ART that can be targeted, got {self.attack_class}; remove targeted"
            )
        with _quiet(), _seeded(0):
            stand_in = art_classifier(WholeClips(lambda waveforms: waveforms[:, :4]), (1, 1, 4), 4, (-1.0, 1.0))
            self._built(stand_in, 1.0, 4)

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the adversarial waveforms of ART, `[B, T]`; it attacks clip by clip."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        seeds = (random.uniform(1)[:, 0] * 2**24).long()
        adversarial = waveforms.clone()
        for row, size in enumerate(lengths.tolist()):
            if epsilon[row] > 0:  # ART rejects an eps of 0
                clip, label = waveforms[row : row + 1, :size], labels[row : row + 1]
                with _quiet(), _seeded(int(seeds[row])):
                    adversarial[row, :size] = self._attack_clip(
                        model, clip, label, float(epsilon[row]), int(counts[row])
                    )
        return adversarial

    def _attack_clip(self, model: Classifier, clip: Tensor, label: Tensor, epsilon: float, count: int) -> Tensor:
        """Return the adversarial clip of ART for one clip `[1, T]` with a label `[1]`."""
        lengths, bounds = torch.tensor([clip.shape[1]], device=clip.device), bounds_of(model)
        with torch.no_grad():
            logits = model(clip, lengths)
        goal, mask = label, {}
        if self.attack_class in TARGETED_ONLY and not self.targeted:
            goal = logits.scatter(1, label[:, None], -torch.inf).argmax(1)
        image = clip.float().cpu().numpy()[:, None, None]  # [1, 1, 1, T]
        estimator = art_classifier(WholeClips(model, clip.device), image.shape[1:], logits.shape[1], bounds)
        attack = self._built(estimator, epsilon, count)
        if count < clip.shape[1] and _uses_loss_gradients(attack):
            gradients = value_and_grad(model, clip, label, lengths, targeted=self.targeted).gradients
            positions = Box.of(self.budget, model, clip, lengths).top_by_gain(gradients)
            mask = {"mask": positions.cpu().numpy()[:, None, None]}
        goals = functional.one_hot(goal, logits.shape[1]).float().cpu().numpy()
        try:
            with torch.enable_grad():
                found = attack.generate(image, goals, **mask)
        except StaanetError:
            raise
        except Exception as error:
            raise StaanetError(
                f"{self.attack_class}: expected a class of ART that works on images of one row, got "
                f"{type(error).__name__} on a clip of {clip.shape[1]} samples: {error}"
            ) from error
        changes = self.budget.clamp(torch.from_numpy(found).reshape(clip.shape).to(clip) - clip, clip, lengths)
        adversarial = (clip + changes).clamp(*bounds)
        with torch.no_grad():
            undone = ~succeeded(model(adversarial, lengths), label, self.targeted)
        return torch.where(undone & succeeded(logits, label, self.targeted), clip, adversarial)

    def _built(self, estimator: Any, epsilon: float, count: int) -> Any:
        """Return the attack of ART on an estimator, for a clip of which `count` samples may change by `epsilon`."""
        cls, defaults = _class(self.attack_class)
        chosen = {"verbose": False, **self.parameters, "targeted": self.targeted}
        try:
            if "eps" in defaults and "eps" not in chosen:
                chosen["eps"] = epsilon * count ** (1 / float(chosen.get("norm", defaults.get("norm", "inf"))))
            if "eps" in chosen and "eps_step" in defaults:
                chosen = {"eps_step": chosen["eps"] * defaults["eps_step"] / defaults["eps"], **chosen}
            return cls(estimator, **{key: value for key, value in chosen.items() if key in defaults})
        except Exception as error:
            raise StaanetError(
                f"{self.attack_class}: expected a class of ART and parameters that suit a classifier of waveforms, got "
                f"{self.parameters}: {error}"
            ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress ART's log messages below warnings; it logs some lines for each clip."""
    log = logging.getLogger("art")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


@cache
@_quiet()
def _class(name: str) -> tuple[Any, dict[str, Any]]:
    """Return an evasion attack of ART by name, and its parameters with their defaults."""
    base = import_extra("art.attacks", EXTRA).EvasionAttack
    found = vars(import_extra("art.attacks.evasion", EXTRA)).items()
    classes = {name: cls for name, cls in found if inspect.isclass(cls) and issubclass(cls, base)}
    if name not in classes:
        raise unknown_name("class of ART", name, classes)
    _, *parameters = inspect.signature(classes[name]).parameters.values()  # the first is the estimator
    return classes[name], {parameter.name: parameter.default for parameter in parameters}


def _uses_loss_gradients(attack: Any) -> bool:
    """Return whether an attack of ART uses the gradient of the loss."""
    return import_extra("art.estimators", EXTRA).LossGradientsMixin in attack.estimator_requirements


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the random generators of ART, including those that some classes create, and restore them afterwards."""
    states = np.random.get_state(), python_random.getstate()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    python_random.seed(seed)
    try:
        with seeded(seed), mock.patch.object(np.random, "RandomState", partial(np.random.RandomState, seed)):
            yield
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        python_random.setstate(states[1])
