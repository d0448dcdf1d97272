"""The Adversarial Robustness Toolbox, ART (https://arxiv.org/abs/1807.01069): its attacks as ours."""

import contextlib
import inspect
import logging
import math
import random as everyday
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
from staanet.attacks.components.objectives import ascent, reached
from staanet.attacks.components.search import Room
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.extras import import_extra
from staanet.core.seeds import ClipRandom, seeded

TOWARDS = ("SaliencyMapMethod", "TargetedUniversalPerturbation")
"""Classes that only go towards the labels they are given, and do not say so."""


@dataclass(frozen=True)
class ArtAttack(Attack):
    """An evasion attack of the Adversarial Robustness Toolbox (ART), by the name of its class; needs the extra `art`.

    Source: M.-I. Nicolae et al., arXiv 1807.01069. ART sees one clip at a time, as long as it is, as a picture of one
    row, with its label, bounds and logits; what it draws is seeded by the clip. So nothing depends on the batch.

    What it finds is cut to the budget by the caller, as of any attack. Where the class has an `eps` that `parameters`
    does not name, it is the clip's epsilon (for a norm p, epsilon times k^(1/p), that of the largest change of k
    samples); `eps_step` keeps ART's own share of `eps`. With a sparsity below 1, a class that looks at the gradient of
    the loss gets the samples where it is largest as a mask; of what another class changes, the largest changes stay.

    Classes that only go towards labels go to the second guess where they are to leave one. Some take the model's own
    decision for the label: a clip that is decided as wanted already stays as it is where ART would undo that.

    Args:
        attack_class: from `art.attacks.evasion`, such as `FastGradientMethod`.
        parameters: what the class takes, in its own words and in full scale.
        budget: size and share of the samples.
        targeted: go towards `labels` instead of away from them.
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
        """Refuse, before any work, a class that cannot attack waveforms and parameters that it does not take."""
        _, defaults = _class(self.attack_class)
        for key, value in self.parameters.items():
            if key not in defaults or key == "targeted":
                raise StaanetError(
                    f"{self.attack_class}: {unknown_name('parameter', key, defaults.keys() - {'targeted'})}"
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise StaanetError(f'{self.attack_class}: expected a finite {key}, got {value}; write "inf" for a norm')
        if self.targeted and "targeted" not in defaults and self.attack_class not in TOWARDS:
            raise StaanetError(
                f"expected a class of ART that can be targeted, got {self.attack_class}; leave targeted out"
            )
        with _quiet(), _drawing(0):
            stand_in = art_classifier(WholeClips(lambda waveforms: waveforms[:, :4]), (1, 1, 4), 4, (-1.0, 1.0))
            self._built(stand_in, 1.0, 4)

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return what ART makes of the waveforms `[B, T]`, clip by clip."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        seeds = (random.uniform(1)[:, 0] * 2**24).long()
        adversarial = waveforms.clone()
        for row, size in enumerate(lengths.tolist()):
            if epsilon[row] > 0:  # ART refuses an eps of 0
                clip, label = waveforms[row : row + 1, :size], labels[row : row + 1]
                with _quiet(), _drawing(int(seeds[row])):
                    adversarial[row, :size] = self._alone(model, clip, label, float(epsilon[row]), int(counts[row]))
        return adversarial

    def _alone(self, model: Classifier, clip: Tensor, label: Tensor, epsilon: float, count: int) -> Tensor:
        """Return what ART makes of one clip `[1, T]` of label `[1]`."""
        lengths, bounds = torch.tensor([clip.shape[1]], device=clip.device), bounds_of(model)
        with torch.no_grad():
            logits = model(clip, lengths)
        goal, mask = label, {}
        if self.attack_class in TOWARDS and not self.targeted:
            goal = logits.scatter(1, label[:, None], -torch.inf).argmax(1)
        picture = clip.float().cpu().numpy()[:, None, None]  # [1, 1, 1, T]
        estimator = art_classifier(WholeClips(model, clip.device), picture.shape[1:], logits.shape[1], bounds)
        attack = self._built(estimator, epsilon, count)
        if count < clip.shape[1] and _climbs(attack):
            gradients = ascent(model, clip, label, lengths, targeted=self.targeted).gradients
            positions = Room.of(self.budget, model, clip, lengths).promising(gradients)
            mask = {"mask": positions.cpu().numpy()[:, None, None]}
        goals = functional.one_hot(goal, logits.shape[1]).float().cpu().numpy()
        try:
            with torch.enable_grad():
                found = attack.generate(picture, goals, **mask)
        except StaanetError:
            raise
        except Exception as error:
            raise StaanetError(
                f"{self.attack_class}: expected a class of ART that works on pictures of one row, got "
                f"{type(error).__name__} on a clip of {clip.shape[1]} samples: {error}"
            ) from error
        changes = self.budget.clamp(torch.from_numpy(found).reshape(clip.shape).to(clip) - clip, clip, lengths)
        adversarial = (clip + changes).clamp(*bounds)
        with torch.no_grad():
            undone = ~reached(model(adversarial, lengths), label, self.targeted)
        return torch.where(undone & reached(logits, label, self.targeted), clip, adversarial)

    def _built(self, estimator: Any, epsilon: float, count: int) -> Any:
        """Return ART's attack on an estimator, for a clip of which `count` samples may change by `epsilon`."""
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
    """Leave of what ART logs, some lines per clip, the warnings."""
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
    """Return a class of evasion attacks and its parameters with their defaults."""
    base = import_extra("art.attacks", EXTRA).EvasionAttack
    found = vars(import_extra("art.attacks.evasion", EXTRA)).items()
    classes = {name: cls for name, cls in found if inspect.isclass(cls) and issubclass(cls, base)}
    if name not in classes:
        raise unknown_name("class of ART", name, classes)
    _, *parameters = inspect.signature(classes[name]).parameters.values()  # the first one is the estimator
    return classes[name], {parameter.name: parameter.default for parameter in parameters}


def _climbs(attack: Any) -> bool:
    """Return whether an attack looks at the gradient of the loss."""
    return import_extra("art.estimators", EXTRA).LossGradientsMixin in attack.estimator_requirements


@contextlib.contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Seed the generators that ART draws from, and give them back as they were; some classes make one of their own."""
    states = np.random.get_state(), everyday.getstate()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    everyday.seed(seed)
    try:
        with seeded(seed), mock.patch.object(np.random, "RandomState", partial(np.random.RandomState, seed)):
            yield
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        everyday.setstate(states[1])
