"""Adversarial training: a model learns from attacked clips too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks import Attack, create_attack
from staanet.core.classifier import frozen
from staanet.core.errors import StaanetError
from staanet.defences.base import Criterion, TrainingDefence
from staanet.models import CnnLstm, FeatureView, Model


@dataclass(frozen=True)
class AdversarialTraining(TrainingDefence):
    """In each step a share of the clips is attacked, on the model as it is then, before it learns their true classes.

    Source: A. Madry et al., ICLR 2018; FGSM examples as I. J. Goodfellow et al., ICLR 2015, section 6. It goes on from
    the model that it is made of, where there is one. The presets are the two that the authors of arXiv 2404.18514
    trained, for `cnn_lstm`; an attack on features counts its epsilon in deviations of a feature.

    Args:
        attack: its name, as `attack`, and its settings.
        ratio: share of the clips of a step that are attacked, rounded up.
        domain: what is attacked: `waveform`, or the `feature`s of a `cnn_lstm`.

    >>> create = AdversarialTraining(attack={"attack": "pgd", "steps": 7, "epsilon": 0.002})
    >>> create.ratio
    0.6
    """

    name = "adversarial_training"
    reference = "arXiv 1706.06083"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "systematic_weak": {"attack": {"attack": "fgsm", "epsilon": 0.25}, "domain": "feature"},
        "systematic": {"attack": {"attack": "fgsm", "epsilon": 1.25}, "domain": "feature"},
    }

    attack: dict[str, Any] = field(default_factory=lambda: {"attack": "fgsm", "snr_db": 30.0, "sparsity": 1.0})
    ratio: float = 0.6
    domain: Literal["waveform", "feature"] = "waveform"

    def __post_init__(self) -> None:
        """Refuse a share that is none, and an attack that cannot be."""
        if not 0 < self.ratio <= 1:
            raise StaanetError(f"expected ratio in (0, 1], got {self.ratio}")
        self.built()

    def built(self) -> Attack:
        """Return the attack."""
        settings = dict(self.attack)
        if "attack" not in settings:
            raise StaanetError(f"expected the name of an attack as attack, got {self.attack}")
        return create_attack(settings.pop("attack"), **settings)

    def begin(self, model: Model, base_model: Model | None) -> None:
        """Give a model the weights that it goes on from."""
        if base_model is not None:
            model.load_state_dict(base_model.state_dict())

    def loss(
        self,
        model: Model,
        base_model: Model | None,  # noqa: ARG002
        waveforms: Tensor,
        lengths: Tensor,
        labels: Tensor,
        criterion: Criterion = functional.cross_entropy,
    ) -> Tensor:
        """Return the loss of a batch of which a share is attacked."""
        rows = torch.randperm(len(labels))[: -int(-self.ratio * len(labels) // 1)].to(labels.device)
        if self.domain == "feature":
            return criterion(self._of_features(model, waveforms, lengths, labels, rows), labels)
        clips = waveforms.clamp(-1, 1)
        with frozen(model):
            attacked = self.built()(model.forward_fitted, clips[rows], labels[rows], lengths[rows])
        return criterion(model.forward_fitted(clips.index_copy(0, rows, attacked), lengths).float(), labels)

    def _of_features(self, model: Model, waveforms: Tensor, lengths: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
        if not isinstance(model, CnnLstm):
            raise StaanetError(f"expected a cnn_lstm for attacks on features, got {model.name}; take the waveform")
        features = model.features(waveforms, lengths)
        with frozen(model):
            view = FeatureView(model)
            features = features.clamp(*view.bounds)
            attacked = self.built()(view, features[rows], labels[rows])
        return model.decide(features.index_copy(0, rows, attacked)).float()
