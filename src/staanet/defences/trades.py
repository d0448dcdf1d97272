"""TRADES: clean accuracy, and decisions that an attack does not change, are weighed against each other."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from staanet.core.errors import StaanetError
from staanet.core.unwrapping import frozen
from staanet.defences.attacked import AttackedTraining
from staanet.defences.base import Criterion
from staanet.models import Model


@dataclass(frozen=True)
class Trades(AttackedTraining):
    """Cross-entropy of clean clips plus the divergence between the outputs for clean and for attacked clips.

    Source: H. Zhang et al., ICML 2019, equation 5. The attacked clips are those of an attack of the registry that moves
    away from the model's own decision; the paper maximises the divergence itself. With a sparse attack, such as
    `sparse_pgd`, this is sTRADES (X. Zhong et al., arXiv 2405.05075). Training starts from the base model, if there is
    one.

    Args:
        attack: Table with the attack's registry name under the key `attack`, and its settings.
        beta: Weight of the divergence, above 0. The default is the paper's; more is more robust and less accurate.

    >>> Trades(beta=3.0).beta
    3.0
    """

    name = "trades"
    reference = "arXiv 1901.08573"

    attack: dict[str, Any] = field(
        default_factory=lambda: {"attack": "pgd", "steps": 5, "step_size": 0.4, "restarts": 1, "snr_db": 40.0}
    )
    beta: float = 6.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        if not 0 < self.beta < float("inf"):
            raise StaanetError(f"expected a beta above 0, got {self.beta}")
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
        """Return the loss of a batch and of what the attack makes of it."""
        clips = waveforms.clamp(-1, 1)
        with frozen(model):
            with torch.no_grad():
                decided = model.forward_fitted(clips, lengths).argmax(1)
            attacked = self.build()(model.forward_fitted, clips, decided, lengths)
        logits = model.forward_fitted(torch.cat([clips, attacked]), lengths.repeat(2)).float()
        clean, adversarial = logits.chunk(2)
        divergence = functional.kl_div(
            adversarial.log_softmax(1), clean.log_softmax(1), reduction="batchmean", log_target=True
        )
        return criterion(clean, labels) + self.beta * divergence
