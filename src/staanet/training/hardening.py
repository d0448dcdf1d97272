"""Hardening: training settings by which the most robust epoch is kept, and the validation under attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from staanet.attacks import Attack
from staanet.core.errors import StaanetError
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.metrics.success import mean_recall
from staanet.models import Model
from staanet.training.augmentation import Augmentation
from staanet.training.frozen import FrozenFeatures
from staanet.training.loop import History
from staanet.training.parallel import current
from staanet.training.settings import ModelTraining, Schedule

PENALTY = 1.0
"""What is subtracted from the score of an epoch whose clean UAR fell too far: more than any UAR."""


@dataclass(frozen=True)
class HardeningTraining(ModelTraining):
    """Training of a model that is trained already, which keeps the epoch with the highest robust validation UAR.

    Robustness on training clips rises until the end, on others it falls again (L. Rice et al., ICML 2020), and with
    attacks of one step it may collapse within an epoch while the training loss falls (E. Wong et al., ICLR 2020,
    "catastrophic overfitting"). Both are seen by a validation under an attack of several steps only.

    Args:
        epochs: Largest number of passes over the training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more. A last batch of a single clip is skipped.
        learning_rate: Learning rate of Adam in the first epoch, above 0.
        schedule: Learning rate in later epochs, as in `ModelTraining`.
        keep: Weights to keep: those of the `best` epoch by robust validation UAR, or of the `last` epoch.
        label_smoothing: Share of the target probability that is spread evenly over all classes, in [0, 1].
        augmentation: Random changes of the training clips.
        crop: Length in seconds to which each training clip is repeated or cut. Default: the model's trained length.
        precision: Arithmetic of the network in training, `float32` or `bfloat16`.
        guard: Points of clean validation UAR that robustness may cost; an epoch that costs more is kept only if all
            do. In [0, 1].
        collapse: Training ends when the robust UAR has fallen below this share of the best one. In [0, 1).
        validation_steps: Steps of the attack by which epochs are compared, 1 or more.
    """

    epochs: int = 20
    batch_size: int = 16
    learning_rate: float = 1e-4
    schedule: Schedule = "cosine"
    label_smoothing: float = 0.0
    augmentation: Augmentation = Augmentation()
    guard: float = 0.05
    collapse: float = 0.5
    validation_steps: int = 10

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if not (0 <= self.guard <= 1 and 0 <= self.collapse < 1):
            raise StaanetError(
                f"expected guard in [0, 1] and collapse in [0, 1), as shares, got {self.guard} and {self.collapse}"
            )
        if self.validation_steps < 1:
            raise StaanetError(f"expected validation_steps of 1 or more, got {self.validation_steps}")

    def score(self, figures: dict[str, float]) -> float:
        """Return the robust validation UAR of an epoch, less a penalty if its clean UAR fell too far."""
        guarded = figures["uar"] >= figures["uar_before"] - self.guard
        return figures["robust_uar"] - (0.0 if guarded else PENALTY)

    def ended(self, history: History) -> bool:
        """Return whether the robust UAR has collapsed."""
        return self.collapsed(history) is not None

    def collapsed(self, history: History) -> int | None:
        """Return the number of the first epoch, from 1, whose robust UAR is below the share of the best before."""
        best = 0.0
        for number, figures in enumerate(history, start=1):
            if figures["robust_uar"] < self.collapse * best:
                return number
            best = max(best, figures["robust_uar"])
        return None

    def set_up(
        self, model: Model, dataset: Dataset, train_clips: Sequence[str], frozen: FrozenFeatures | None = None
    ) -> None:
        """Keep the input statistics of the model, which is trained already."""


@dataclass(frozen=True)
class RobustValidation:
    """The validation of an epoch under attack.

    Args:
        attack: Attack of several steps.
        uar_before: Clean validation UAR of the model before training.
    """

    attack: Attack
    uar_before: float

    def __call__(self, model: Model, batches: Sequence[Batch]) -> dict[str, float]:
        """Return the robust UAR of a model on validation clips, and its clean UAR before training."""
        return {"robust_uar": robust_uar(model, [self.attack], batches), "uar_before": self.uar_before}


def robust_uar(model: Model, attacks: Sequence[Attack], batches: Sequence[Batch]) -> float:
    """Return the UAR of a model, where a clip counts if it is right before and under each attack.

    An attack is run on the clips that those before it left right; so a cheap one before a thorough one saves time.
    """
    with frozen(model):
        right = list(current().each(partial(_right, model, attacks), batches))
    known, hits = torch.cat([batch.labels for batch in batches]).cpu(), torch.cat(right).cpu()
    return mean_recall(known.numpy(), torch.where(hits, known, -1).numpy())


def _right(model: Model, attacks: Sequence[Attack], batch: Batch) -> Tensor:
    """Return of which clips `[B]` a model is right before and under each attack."""
    with torch.no_grad():
        kept: Tensor = model(batch.waveforms, batch.lengths).argmax(1) == batch.labels
    for attack in attacks:
        rows = kept.nonzero()[:, 0]
        if len(rows):
            labels, lengths = batch.labels[rows], batch.lengths[rows]
            attacked = attack(model, batch.waveforms[rows], labels, lengths)
            with torch.no_grad():
                kept[rows] = model(attacked, lengths).argmax(1) == labels
    return kept
