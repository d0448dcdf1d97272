"""Training a model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.audio.lengths import fit_length
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.core.settings import from_preset
from staanet.data import Dataset
from staanet.data.dataset import collate
from staanet.defences import TrainingDefence
from staanet.metrics.success import mean_recall
from staanet.models import MODELS, Model
from staanet.training.augmentation import Augmentation
from staanet.training.loop import History, Precision, check_training, computing_in, train


@dataclass(frozen=True)
class ModelTraining:
    """How a model is trained, with cross-entropy and Adam.

    Args:
        epochs: passes over the training clips.
        batch_size: clips per step.
        learning_rate: of the first epoch.
        schedule: `constant`, `cosine` down to zero, or `plateau`: a tenth after every 6 epochs in a row in which the
            validation loss did not fall by 0.0001.
        keep: the weights of the `best` epoch by validation UAR, or of the `last`.
        label_smoothing: share of the target spread over all classes.
        augmentation: of the training clips.
        crop: seconds to which a step repeats or cuts each clip; the model's trained length where left out.
        precision: of the arithmetic in training.
    """

    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    keep: Literal["best", "last"] = "best"
    label_smoothing: float = 0.1
    augmentation: Augmentation = Augmentation(noise=0.7, speed=(0.85, 1.15), shift=True)
    crop: float | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if self.crop is not None and not 0 < self.crop < math.inf:
            raise StaanetError(f"expected a crop of some seconds, got {self.crop}; leave it out for whole clips")

    @property
    def validates(self) -> bool:
        """Whether what comes out depends on validation clips."""
        return self.keep == "best" or self.schedule == "plateau"

    def rate(self, history: History) -> float:
        """Return the learning rate of the next epoch."""
        if self.schedule == "cosine":
            return self.learning_rate * (1 + math.cos(math.pi * len(history) / self.epochs)) / 2
        if self.schedule == "plateau":
            return self.learning_rate * 0.1 ** stalls(_losses(history))
        return self.learning_rate

    def ended(self, history: History) -> bool:  # noqa: ARG002
        """Return whether training ends before its last epoch."""
        return False

    def score(self, figures: dict[str, float]) -> float:
        """Return how good an epoch is, the higher the better."""
        return figures["uar"]

    def set_up(self, model: Model, dataset: Dataset, train_clips: Sequence[str]) -> None:
        """Make a model ready to learn: let it adapt to the training clips."""
        _adapt(model, dataset, train_clips, self.batch_size)


@dataclass(frozen=True)
class SystematicTraining(ModelTraining):
    """How arXiv 2404.18514 trains: with dropout, until the validation loss has not fallen for some epochs.

    Args:
        patience: epochs without a lower validation loss, after which training ends.
        keep: the weights of the `best` epoch by validation loss, or of the `last`.
        dropout: shares that the model's dropout layers leave out, in their order.
        statistics: the clips that the model adapts to: those of training or, as published, `all`, the test's as well.
    """

    epochs: int = 100
    batch_size: int = 32
    schedule: Literal["constant", "cosine", "plateau"] = "plateau"
    label_smoothing: float = 0.0
    augmentation: Augmentation = Augmentation()
    patience: int = 10
    dropout: tuple[float, ...] = (0.3, 0.2)
    statistics: Literal["train", "all"] = "train"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        super().__post_init__()
        if self.patience < 1:
            raise StaanetError(f"expected a patience of 1 epoch or more, got {self.patience}")
        if not all(0 <= share < 1 for share in self.dropout):
            raise StaanetError(f"expected dropout as shares in [0, 1), got {list(self.dropout)}")

    @property
    def validates(self) -> bool:
        """Whether what comes out depends on validation clips: patience does."""
        return True

    def ended(self, history: History) -> bool:
        """Return whether the lowest validation loss lies `patience` epochs back."""
        losses = _losses(history)
        return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= self.patience

    def score(self, figures: dict[str, float]) -> float:
        """Return the negative validation loss."""
        return -_losses([figures])[0]

    def set_up(self, model: Model, dataset: Dataset, train_clips: Sequence[str]) -> None:
        """Make a model ready to learn: give its dropout layers their shares, and let it adapt.

        Raises:
            StaanetError: it has another number of them.
        """
        layers = [part for part in model.modules() if isinstance(part, nn.Dropout)]
        if len(layers) != len(self.dropout):
            raise StaanetError(
                f"expected a share for each dropout layer of {model.name}, which has {len(layers)}, "
                f"got {list(self.dropout)}; change the setting dropout"
            )
        for layer, share in zip(layers, self.dropout, strict=True):
            layer.p = share
        clips = train_clips if self.statistics == "train" else list(dataset.utterances)
        _adapt(model, dataset, clips, self.batch_size)


def _adapt(model: Model, dataset: Dataset, clips: Sequence[str], batch_size: int) -> None:
    device = next(model.parameters()).device
    batches = (dataset.batch(ids).to(device) for ids in dataset.batches(clips, batch_size))
    model.fit_statistics((batch.waveforms, batch.lengths) for batch in batches)


def stalls(losses: Sequence[float], patience: int = 6, least: float = 1e-4) -> int:
    """Return how often losses stalled: `patience` in a row not lower by `least` than the lowest before.

    >>> stalls([1.0, 0.5, 0.6, 0.5, 0.5], patience=3)
    1
    """
    count, waited, lowest = 0, 0, math.inf
    for loss in losses:
        waited = 0 if loss < lowest - least else waited + 1
        if waited == 0:
            lowest = loss
        elif waited == patience:
            count, waited = count + 1, 0
    return count


def _losses(history: History) -> list[float]:
    """Return the validation loss of each epoch, infinite where it was not finite."""
    return [figures.get("val_loss", math.inf) for figures in history]


MODEL_PRESETS: dict[str, ModelTraining] = {
    "default": ModelTraining(),
    "scratch": ModelTraining(),
    "paper": ModelTraining(
        epochs=30,
        batch_size=8,
        schedule="constant",
        keep="last",
        label_smoothing=0.0,
        augmentation=Augmentation(),
    ),
    "fine_tune": ModelTraining(
        epochs=20,
        batch_size=8,
        learning_rate=3e-5,
        schedule="constant",
        keep="last",
        label_smoothing=0.0,
        augmentation=Augmentation(),
    ),
    "systematic_emodb": SystematicTraining(),
    "systematic_emovo": SystematicTraining(batch_size=8, learning_rate=1e-4, dropout=(0.3, 0.0)),
    "systematic_ravdess": SystematicTraining(batch_size=128, dropout=(0.6, 0.2)),
    "systematic_defended": SystematicTraining(
        epochs=30, batch_size=128, learning_rate=1e-4, schedule="constant", keep="last", patience=30
    ),
}
"""`scratch` starts from random weights, and is the default of most models; `paper` is how arXiv 2402.01227, section
4.4, trains Emo18 and Zhao19, `fine_tune` how wav2vec 2.0 and WavLM; the `systematic` ones are how arXiv 2404.18514
trains its CNN-LSTM on each corpus, and how it goes on with adversarial training."""


def model_training(model: str, values: str | Mapping[str, Any], where: str) -> ModelTraining:
    """Return a model's training in full: a preset by name, or one with changes; `default` is the model's own.

    >>> model_training("wav2vec2", {"preset": "default", "epochs": 3}, "example").learning_rate
    3e-05
    """
    presets = {**MODEL_PRESETS, "default": MODEL_PRESETS[MODELS[model].preset]}
    name = values if isinstance(values, str) else values.get("preset", "default")
    return from_preset(type(presets.get(name, ModelTraining())), presets, values, where)


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
) -> History:
    """Train a model in place; return the figures of each epoch.

    Args:
        model: untrained.
        dataset: where the clips are.
        train_clips: ids of the clips to learn from.
        val_clips: ids of the clips by which epochs are compared; none where that decides nothing.
        settings: how.
        progress: the file by which an interrupted training goes on.
        seed: of order and augmentation.
        device: to train on.
        defence: how it is made harder to fool; what it teaches takes the place of the clips and their classes.
        base_model: the model that the defence makes it of.

    Raises:
        StaanetError: a crop that is too short, or no validation clips where they decide.
    """
    if settings.validates and not val_clips:
        raise StaanetError(
            "expected validation clips, by which epochs are compared, got none; keep the last epoch of a schedule "
            "that does not wait for them, as the preset paper does"
        )
    model.to(device)
    size = model.trained_length if settings.crop is None else round(settings.crop * model.sample_rate)
    if size is not None and size < model.min_samples:
        raise StaanetError(
            f"expected a crop of {model.min_samples / model.sample_rate:g} s or more for {model.name}, got {settings.crop}"
        )
    settings.set_up(model, dataset, train_clips)
    if defence is not None:
        defence.begin(model, base_model)
    if base_model is not None:
        base_model.to(device).eval()
    batches = [dataset.batch(clips).to(device) for clips in dataset.batches(val_clips, settings.batch_size)]

    criterion = partial(functional.cross_entropy, label_smoothing=settings.label_smoothing)

    def taught(waveforms: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        if defence is not None:
            return defence.loss(model, base_model, waveforms, lengths, labels, criterion)
        return criterion(model.forward_fitted(waveforms, lengths).float(), labels)

    def one_epoch(optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        order = torch.randperm(len(train_clips)).tolist()
        steps = range(0, len(order), settings.batch_size)
        total = torch.zeros((), dtype=torch.float64, device=device)
        for start in track(steps, f"train {model.name}, epoch {epoch + 1} of {settings.epochs}"):
            clips = [train_clips[i] for i in order[start : start + settings.batch_size]]
            if len(clips) < 2:
                continue  # batch normalisation has no variance to learn from
            changed = [settings.augmentation(dataset.waveform(clip)) for clip in clips]
            batch = collate(changed, [dataset.label(clip) for clip in clips], clips).to(device)
            waveforms, lengths = batch.waveforms, batch.lengths
            if size is not None:
                waveforms, lengths = fit_length(waveforms, lengths, size), torch.full_like(lengths, size)
            with computing_in(settings.precision, device):
                loss = taught(waveforms, lengths, batch.labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.detach().double() * len(clips)
        return {"loss": float(total) / len(order)}

    def validate() -> dict[str, float]:
        if not batches:
            return {}
        with torch.no_grad():
            logits = torch.cat([model(batch.waveforms, batch.lengths) for batch in batches])
        labels = torch.cat([batch.labels for batch in batches])
        predicted = logits.argmax(1)
        return {
            "val_loss": float(functional.cross_entropy(logits, labels)),
            "accuracy": float((predicted == labels).float().mean()),
            "uar": mean_recall(labels.cpu().numpy(), predicted.cpu().numpy()),
        }

    return train(
        model,
        epochs=settings.epochs,
        learning_rate=settings.rate,
        one_epoch=one_epoch,
        validate=validate,
        score=settings.score,
        keep=settings.keep,
        progress=progress,
        seed=seed,
        ended=settings.ended,
    )
