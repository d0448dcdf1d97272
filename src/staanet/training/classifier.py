"""Training a model on the clips and labels, or ratings, of a prepared dataset."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.audio.lengths import fit_length
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.data import Batch, Dataset
from staanet.data.dataset import collate
from staanet.defences import TrainingDefence
from staanet.defences.base import Criterion
from staanet.metrics.success import mean_recall
from staanet.models import Model
from staanet.models.frozen import HasEncoder
from staanet.training.augmentation import Augmentation
from staanet.training.dimensions import agreement, ccc_loss, check_rated
from staanet.training.frozen import FrozenFeatures
from staanet.training.loop import History, Steps, computing_in, train
from staanet.training.parallel import current
from staanet.training.settings import ModelTraining


def train_model(
    model: Model,
    dataset: Dataset,
    train_clips: Sequence[str],
    val_clips: Sequence[str],
    settings: ModelTraining,
    progress: Path,
    seed: int,
    device: torch.device,
    *,
    defence: TrainingDefence | None = None,
    base_model: Model | None = None,
    under_attack: Callable[[Model, Sequence[Batch]], dict[str, float]] | None = None,
) -> History:
    """Train a model in place and return the figures of each epoch.

    If the encoder of the model is frozen, only its head is trained. Without augmentation and defence, the encoder is
    then applied once to each clip (see `FrozenFeatures`).

    Args:
        model: Untrained model.
        dataset: Dataset that contains the clips.
        train_clips: Ids of the training clips.
        val_clips: Ids of the validation clips, on which each epoch is measured. They may be empty if the settings
            neither select an epoch nor adapt the learning rate by them.
        settings: Training settings.
        progress: File with the state after each epoch, from which an interrupted training resumes.
        seed: Random seed of the order of the clips and of their augmentation.
        device: Device to train on.
        defence: Training defence, whose loss replaces the cross-entropy of the clean clips.
        base_model: Trained model from which the defence starts or learns, if it needs one.
        under_attack: Function of the model and the validation clips that returns further figures of each epoch.

    Raises:
        StaanetError: If the crop is too short for the model, or validation clips are needed and missing; for a model
            of dimensions, if the clips have no ratings for which a CCC is defined, or there is a defence.
    """
    if settings.validates and not val_clips:
        raise StaanetError(
            "expected validation clips, by which epochs are compared, got none; keep the last epoch of a schedule "
            "that does not wait for them, as the preset paper does"
        )
    if model.dimensions:
        if defence is not None:
            raise StaanetError(f"expected no {defence.name} for a model of dimensions, because it is about classes")
        subsets = {"training": train_clips, "validation": val_clips}
        check_rated(dataset, subsets, model.dimensions, current().size)
    size = _training_length(model, settings)
    model.to(device)
    frozen = FrozenFeatures(model, dataset, device) if _encodes_once(model, settings, defence) else None
    if frozen is not None:
        frozen.compute([*train_clips, *val_clips])
    settings.set_up(model, dataset, train_clips, frozen)
    if defence is not None:
        defence.begin(model, base_model)
    if base_model is not None:
        base_model.to(device).eval()
    kind = _Regression if model.dimensions else _Classification
    task = kind(
        model, dataset, train_clips, val_clips, settings, size, device, defence, base_model, frozen, under_attack
    )
    learner: nn.Module = model.head if isinstance(model, HasEncoder) and model.is_frozen else model
    companion = None if defence is None else defence.companion()
    return train(
        learner if companion is None else nn.ModuleList([learner, companion.network.to(device)]),
        epochs=settings.epochs,
        learning_rate=settings.rate,
        one_epoch=task.one_epoch,
        validate=task.validate,
        score=settings.score,
        keep=settings.keep,
        progress=progress,
        seed=seed,
        ended=settings.ended,
        weight_decay=settings.decay,
        faster=companion,
    )


def _encodes_once(model: Model, settings: ModelTraining, defence: TrainingDefence | None) -> TypeGuard[HasEncoder]:
    """Return whether the training clips are the same in every epoch and are encoded by a frozen encoder."""
    unchanged = defence is None and settings.crop is None and settings.augmentation == Augmentation()
    return isinstance(model, HasEncoder) and model.is_frozen and unchanged


def _training_length(model: Model, settings: ModelTraining) -> int | None:
    """Return the samples to which training clips are repeated or cut; None if each clip keeps its own length."""
    size = model.trained_length if settings.crop is None else round(settings.crop * model.sample_rate)
    if size is not None and size < model.min_samples:
        raise StaanetError(
            f"expected a crop of {model.min_samples / model.sample_rate:g} s or more for {model.name}, "
            f"got {settings.crop}"
        )
    return size


@dataclass(frozen=True)
class _Classification:
    """The epochs of a model's training: learning from the training clips, measuring on the validation clips."""

    model: Model
    dataset: Dataset
    train_clips: Sequence[str]
    val_clips: Sequence[str]
    settings: ModelTraining
    size: int | None
    device: torch.device
    defence: TrainingDefence | None
    base_model: Model | None
    frozen: FrozenFeatures | None
    under_attack: Callable[[Model, Sequence[Batch]], dict[str, float]] | None

    @cached_property
    def validation(self) -> Sequence[Batch]:
        """The validation clips in batches on the device."""
        batches = self.dataset.batches(self.val_clips, self.settings.batch_size)
        return [self.dataset.batch(clips).to(self.device) for clips in batches]

    def one_epoch(self, optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        """Train for one epoch and return the mean loss."""
        order = torch.randperm(len(self.train_clips)).tolist()
        starts = range(0, len(order), self.settings.batch_size)
        steps = Steps(optimiser)
        for start in track(starts, f"train {self.model.name}, epoch {epoch + 1} of {self.settings.epochs}"):
            clips = [self.train_clips[i] for i in order[start : start + self.settings.batch_size]]
            if len(clips) < 2:
                continue  # batch normalisation needs a variance over two clips or more
            batch = None if self.frozen else self._augmented(clips)
            steps.take(len(clips), partial(self._losses, clips, batch))
        return steps.means(len(order))

    def _losses(self, clips: Sequence[str], batch: Batch | None, rows: slice) -> dict[str, Tensor]:
        """Return the loss of some clips of a batch, which is None if the features of its clips are known."""
        with computing_in(self.settings.precision, self.device):
            return {"loss": self._loss_of_features(clips[rows]) if batch is None else self._loss(batch.part(rows))}

    def validate(self) -> dict[str, float]:
        """Return the loss, the accuracy and the UAR on the validation clips; nothing if there are none."""
        if not self.val_clips:
            return {}
        with torch.no_grad():
            logits, labels = self._validation_logits()
        predicted = logits.argmax(1)
        return {
            "val_loss": float(functional.cross_entropy(logits, labels)),
            "accuracy": float((predicted == labels).float().mean()),
            "uar": mean_recall(labels.cpu().numpy(), predicted.cpu().numpy()),
            **({} if self.under_attack is None else self.under_attack(self.model, self.validation)),
        }

    def _validation_logits(self) -> tuple[Tensor, Tensor]:
        """Return the logits and the labels of the validation clips."""
        if self.frozen:
            return self.frozen.model.decide(self.frozen.of(self.val_clips)), self._labels(self.val_clips)
        found = current().each(lambda batch: self.model(batch.waveforms, batch.lengths), self.validation)
        return torch.cat(list(found)).to(self.device), torch.cat([batch.labels for batch in self.validation])

    def _labels(self, clips: Sequence[str]) -> Tensor:
        return torch.tensor([self.dataset.label(clip) for clip in clips], device=self.device)

    def _augmented(self, clips: Sequence[str]) -> Batch:
        """Return augmented training clips as one batch, repeated or cut to the training length."""
        waveforms = [self.settings.augmentation(self.dataset.waveform(clip)) for clip in clips]
        batch = collate(waveforms, [self.dataset.label(clip) for clip in clips], clips).to(self.device)
        if self.size is None:
            return batch
        fitted = fit_length(batch.waveforms, batch.lengths, self.size)
        return Batch(fitted, torch.full_like(batch.lengths, self.size), batch.labels, batch.ids)

    def _loss(self, batch: Batch) -> Tensor:
        """Return the loss of a training batch: that of the defence, or the cross-entropy."""
        waveforms, lengths, labels = batch.waveforms, batch.lengths, batch.labels
        if self.defence is not None:
            return self.defence.loss(self.model, self.base_model, waveforms, lengths, labels, self._criterion)
        return self._criterion(self.model.forward_fitted(waveforms, lengths).float(), labels)

    def _loss_of_features(self, clips: Sequence[str]) -> Tensor:
        """Return the cross-entropy of training clips, of which only the head is computed."""
        assert self.frozen is not None  # noqa: S101
        return self._criterion(self.frozen.model.decide(self.frozen.of(clips)).float(), self._labels(clips))

    @property
    def _criterion(self) -> Criterion:
        return partial(functional.cross_entropy, label_smoothing=self.settings.label_smoothing)


class _Regression(_Classification):
    """The epochs of a model of emotional dimensions, which learns the ratings of the clips instead of their labels."""

    def validate(self) -> dict[str, float]:
        """Return the loss, the CCC and the RMSE on the validation clips; nothing if there are none."""
        if not self.val_clips:
            return {}
        with torch.no_grad():
            outputs, _ = self._validation_logits()
        clips = self.val_clips if self.frozen else [clip for batch in self.validation for clip in batch.ids]
        return agreement(outputs, self._ratings(clips), self.model.dimensions)

    def _loss(self, batch: Batch) -> Tensor:
        """Return the loss of a training batch."""
        outputs = self.model.forward_fitted(batch.waveforms, batch.lengths)
        return ccc_loss(outputs.float(), self._ratings(batch.ids))

    def _loss_of_features(self, clips: Sequence[str]) -> Tensor:
        """Return the loss of training clips, of which only the head is computed."""
        assert self.frozen is not None  # noqa: S101
        return ccc_loss(self.frozen.model.decide(self.frozen.of(clips)).float(), self._ratings(clips))

    def _ratings(self, clips: Sequence[str]) -> Tensor:
        return self.dataset.ratings(clips, self.model.dimensions).to(self.device)
