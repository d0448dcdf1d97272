"""Adversarial training: a model is trained on clean and on adversarial clips."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.core.unwrapping import frozen
from staanet.defences.attacked import AttackedTraining
from staanet.defences.base import Criterion
from staanet.models import FeatureView, HasFeatures, Model


@dataclass(frozen=True)
class AdversarialTraining(AttackedTraining):
    """Training on batches in which a share of the clips is attacked on the current model.

    Source: A. Madry et al., ICLR 2018; with FGSM, I. J. Goodfellow et al., ICLR 2015, section 6. Training starts from
    the base model, if there is one. The presets are the two defences of arXiv 2404.18514 for `cnn_lstm`.

    Args:
        attack: Table with the attack's registry name under the key `attack`, and its settings.
        ratio: Share of the clips of each batch that are attacked, in (0, 1], rounded up. The default is that of
            arXiv 2404.18514.
        domain: Input that the attack perturbs: the `waveform`, or the `feature`s of a model that has some, such as
            `cnn_lstm`. Epsilon is then in standard deviations of a feature.

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
        """Validate the settings."""
        if not 0 < self.ratio <= 1:
            raise StaanetError(f"expected ratio in (0, 1], got {self.ratio}")
        super().__post_init__()

    def loss(
        self,
        model: Model,
        base_model: Model | None,  # noqa: ARG002
        waveforms: Tensor,
        lengths: Tensor,
        labels: Tensor,
        criterion: Criterion = functional.cross_entropy,
    ) -> Tensor:
        """Return the loss of a batch after attacking a share of its clips."""
        rows = torch.randperm(len(labels))[: -int(-self.ratio * len(labels) // 1)].to(labels.device)
        if self.domain == "feature":
            return criterion(self._logits_of_features(model, waveforms, lengths, labels, rows), labels)
        clips = waveforms.clamp(-1, 1)
        with frozen(model):
            attacked = self.build()(model.forward_fitted, clips[rows], labels[rows], lengths[rows])
        return criterion(model.forward_fitted(clips.index_copy(0, rows, attacked), lengths).float(), labels)

    def _logits_of_features(
        self, model: Model, waveforms: Tensor, lengths: Tensor, labels: Tensor, rows: Tensor
    ) -> Tensor:
        """Return the logits `[B, K]` of clips after attacking the features of some rows."""
        if not isinstance(model, HasFeatures):
            raise StaanetError(
                f"expected a model with features, such as cnn_lstm, for attacks on features, got {model.name}; "
                'use domain = "waveform"'
            )
        features = model.features(waveforms, lengths)
        with frozen(model):
            view = FeatureView(model)
            features = features.clamp(*view.bounds)
            attacked = self.build()(view, features[rows], labels[rows])
        return model.decide(features.index_copy(0, rows, attacked)).float()
