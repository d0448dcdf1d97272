"""Training settings of models, and presets of them from the papers."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.settings import from_preset
from staanet.data import Dataset
from staanet.models import MODELS, Model
from staanet.models.frozen import HasEncoder
from staanet.training.augmentation import Augmentation
from staanet.training.frozen import FrozenFeatures
from staanet.training.layers import first_layer
from staanet.training.loop import History, Precision, check_training

logger = logging.getLogger(__name__)

Schedule = Literal["constant", "cosine", "plateau"]


@dataclass(frozen=True)
class ModelTraining:
    """Training of a model with cross-entropy and Adam; one of dimensions is trained with 1 - CCC (`ccc_loss`).

    Args:
        epochs: Number of passes over the training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more. A last batch of a single clip is skipped.
        learning_rate: Learning rate of Adam in the first epoch, above 0. The default, Adam's own, suits random weights;
            for fine-tuning use about 3e-5, as the preset `fine_tune` does.
        schedule: Learning rate in later epochs: `constant`; `cosine`, which decays to zero; or `plateau`, which divides
            by 10 whenever the validation loss has not fallen by 0.0001 for 6 epochs in a row.
        keep: Weights to keep: those of the `best` epoch by validation UAR (unweighted average recall; the mean CCC for
            dimensions), or of the `last` epoch.
        label_smoothing: Share of the target probability that is spread evenly over all classes, in [0, 1]. The default
            is that of C. Szegedy et al., CVPR 2016. Dimensions have no classes and are not smoothed.
        augmentation: Random changes of the training clips. The default varies noise, speed and position, since
            emotional speech corpora are small and a model easily memorises their recordings.
        crop: Length in seconds to which each training clip is repeated or cut. Default: the model's trained length.
        precision: Arithmetic of the network in training: `float32`, or `bfloat16`, which is faster where supported.
    """

    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    keep: Literal["best", "last"] = "best"
    label_smoothing: float = 0.1
    augmentation: Augmentation = Augmentation(noise=0.7, speed=(0.85, 1.15), shift=True)
    crop: float | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if self.crop is not None and not 0 < self.crop < math.inf:
            raise StaanetError(f"expected a crop of some seconds, got {self.crop}; leave it out for whole clips")

    @property
    def validates(self) -> bool:
        """Whether the trained weights depend on the validation clips."""
        return self.keep == "best" or self.schedule == "plateau"

    def rate(self, history: History) -> float:
        """Return the learning rate of the next epoch, given the figures of the epochs so far."""
        if self.schedule == "cosine":
            return self.learning_rate * (1 + math.cos(math.pi * len(history) / self.epochs)) / 2
        if self.schedule == "plateau":
            return self.learning_rate * 0.1 ** stalls(_losses(history))
        return self.learning_rate

    def ended(self, history: History) -> bool:  # noqa: ARG002
        """Return whether training stops early, given the figures of the epochs so far. By default, it does not."""
        return False

    def score(self, figures: dict[str, float]) -> float:
        """Return the score of an epoch by its figures, higher is better: the validation UAR, or the mean CCC."""
        return figures["ccc"] if "ccc" in figures else figures["uar"]

    def kept(self, history: History) -> int:
        """Return the number, from 1 on, of the epoch whose weights are kept: of equally good ones, the last."""
        if self.keep == "last":
            return len(history)
        scores = [self.score(figures) for figures in history]
        return max(range(len(scores)), key=lambda place: (scores[place], place)) + 1

    @property
    def decay(self) -> float:
        """Weight of the squared weights in the loss: none by default."""
        return 0.0

    def set_up(
        self, model: Model, dataset: Dataset, train_clips: Sequence[str], frozen: FrozenFeatures | None = None
    ) -> None:
        """Prepare a model for training: fit its input statistics on the training clips.

        Args:
            model: Model to train.
            dataset: Dataset that contains the clips.
            train_clips: Ids of the training clips.
            frozen: The features of the clips, if the encoder of the model is frozen.
        """
        _fit_statistics(model, dataset, train_clips, self.batch_size, frozen)


@dataclass(frozen=True)
class SystematicTraining(ModelTraining):
    """Training of arXiv 2404.18514: with dropout and early stopping by the validation loss.

    The defaults are the paper's settings for EMO-DB.

    Args:
        epochs: Largest number of passes over the training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more. A last batch of a single clip is skipped.
        learning_rate: Learning rate of Adam in the first epoch, above 0.
        schedule: Learning rate in later epochs, as in `ModelTraining`.
        keep: Weights to keep: those of the `best` epoch by validation loss, or of the `last` epoch.
        label_smoothing: Share of the target probability that is spread evenly over all classes, in [0, 1].
        augmentation: Random changes of the training clips. The paper augments the corpus beforehand instead.
        crop: Length in seconds to which each training clip is repeated or cut. Default: the model's trained length.
        precision: Arithmetic of the network in training, `float32` or `bfloat16`.
        patience: Number of epochs without a lower validation loss after which training stops; 1 or more.
        dropout: Dropout probabilities of the model's dropout layers, in their order, each in [0, 1).
        statistics: Clips on which the model's input statistics are fitted: the `train` clips, or `all` clips, including
            the test clips, as the paper does.
    """

    epochs: int = 100
    batch_size: int = 32
    schedule: Schedule = "plateau"
    label_smoothing: float = 0.0
    augmentation: Augmentation = Augmentation()
    patience: int = 10
    dropout: tuple[float, ...] = (0.3, 0.2)
    statistics: Literal["train", "all"] = "train"

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.patience < 1:
            raise StaanetError(f"expected a patience of 1 epoch or more, got {self.patience}")
        if not all(0 <= share < 1 for share in self.dropout):
            raise StaanetError(f"expected dropout as shares in [0, 1), got {list(self.dropout)}")

    @property
    def validates(self) -> bool:
        """Whether the trained weights depend on the validation clips: always, since patience does."""
        return True

    def ended(self, history: History) -> bool:
        """Return whether the lowest validation loss is `patience` epochs old."""
        losses = _losses(history)
        return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= self.patience

    def score(self, figures: dict[str, float]) -> float:
        """Return the score of an epoch by its figures, higher is better: the negative validation loss."""
        return -_losses([figures])[0]

    def set_up(
        self, model: Model, dataset: Dataset, train_clips: Sequence[str], frozen: FrozenFeatures | None = None
    ) -> None:
        """Prepare a model for training: set its dropout probabilities and fit its input statistics.

        Raises:
            StaanetError: If the number of dropout layers differs from the number of probabilities.
        """
        layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
        if len(layers) != len(self.dropout):
            raise StaanetError(
                f"expected a share for each dropout layer of {model.name}, which has {len(layers)}, "
                f"got {list(self.dropout)}; change the setting dropout"
            )
        for layer, share in zip(layers, self.dropout, strict=True):
            layer.p = share
        clips = train_clips if self.statistics == "train" else list(dataset.utterances)
        _fit_statistics(model, dataset, clips, self.batch_size, frozen)


@dataclass(frozen=True)
class ProbeTraining(ModelTraining):
    """Training of a linear head on a frozen encoder: many short epochs with a strong weight decay.

    Args:
        epochs: Number of passes over the training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more. A last batch of a single clip is skipped.
        learning_rate: Learning rate of Adam in the first epoch, above 0.
        schedule: Learning rate in later epochs, as in `ModelTraining`.
        keep: Weights to keep: those of the `best` epoch by validation UAR, or of the `last` epoch, so that no
            validation clips are needed.
        label_smoothing: Share of the target probability that is spread evenly over all classes, in [0, 1].
        augmentation: Random changes of the training clips. None by default, so that each clip is encoded only once.
        crop: Length in seconds to which each training clip is repeated or cut. Default: the model's trained length.
        precision: Arithmetic of the network in training, `float32` or `bfloat16`.
        weight_decay: Weight of the squared weights in the loss, 0 or more: half of this times their sum is added to the
            cross-entropy.
        groups: Number of groups of training speakers, each held out once to choose the first layer of the encoder that
            the head uses (see `first_layer`); 1 uses all layers, as dimensions always do.
    """

    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-3
    keep: Literal["best", "last"] = "last"
    label_smoothing: float = 0.0
    augmentation: Augmentation = Augmentation()
    weight_decay: float = 0.03
    groups: int = 5

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if not 0 <= self.weight_decay < math.inf:
            raise StaanetError(f"expected weight_decay of 0 or more, got {self.weight_decay}")
        if self.groups < 1:
            raise StaanetError(f"expected groups of 1 or more, got {self.groups}; 1 uses all layers")

    @property
    def decay(self) -> float:
        """Weight of the squared weights in the loss."""
        return self.weight_decay

    def set_up(
        self, model: Model, dataset: Dataset, train_clips: Sequence[str], frozen: FrozenFeatures | None = None
    ) -> None:
        """Prepare a model for training: choose the layers of a frozen encoder, and fit its input statistics."""
        if not isinstance(model, HasEncoder) or not model.is_frozen:
            super().set_up(model, dataset, train_clips, frozen)
            return
        features = frozen.of(train_clips) if frozen else _encoded(model, dataset, train_clips, self.batch_size)
        labels = [dataset.label(clip) for clip in train_clips]
        speakers = [dataset.utterances[clip].speaker for clip in train_clips]
        first = 0 if model.dimensions else first_layer(features, labels, speakers, self.groups)
        logger.info("%s: the head uses the layers from %d on", model.name, first)
        model.fit_features(features, first)


@torch.no_grad()
def _encoded(model: HasEncoder, dataset: Dataset, clips: Sequence[str], batch_size: int) -> Tensor:
    """Return the features `[N, ...]` of clips, which are not kept."""
    device = next(model.parameters()).device
    batches = (dataset.batch(ids).to(device) for ids in dataset.batches(clips, batch_size))
    found = [(batch.ids, model.features(batch.waveforms, batch.lengths)) for batch in batches]
    features = {clip: one for ids, many in found for clip, one in zip(ids, many, strict=True)}
    return torch.stack([features[clip] for clip in clips])


def _fit_statistics(
    model: Model, dataset: Dataset, clips: Sequence[str], batch_size: int, frozen: FrozenFeatures | None
) -> None:
    if frozen is not None:
        frozen.model.fit_features(frozen.of(clips))
        return
    device = next(model.parameters()).device
    batches = (dataset.batch(ids).to(device) for ids in dataset.batches(clips, batch_size))
    model.fit_statistics((batch.waveforms, batch.lengths) for batch in batches)


def stalls(losses: Sequence[float], patience: int = 6, least: float = 1e-4) -> int:
    """Return how often a sequence of losses stalled.

    Args:
        losses: Loss of each epoch.
        patience: Number of epochs in a row without progress that count as one stall.
        least: Smallest decrease below the lowest loss so far that counts as progress.

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
    """Return the validation loss of each epoch; a loss that was not finite is missing and counts as infinite."""
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
    "probe": ProbeTraining(),
    "systematic_emodb": SystematicTraining(),
    "systematic_emovo": SystematicTraining(batch_size=8, learning_rate=1e-4, dropout=(0.3, 0.0)),
    "systematic_ravdess": SystematicTraining(batch_size=128, dropout=(0.6, 0.2)),
    "systematic_defended": SystematicTraining(
        epochs=30, batch_size=128, learning_rate=1e-4, schedule="constant", keep="last", patience=30
    ),
}
"""Training presets by name.

- `scratch`: training from random weights, the default of most models.
- `paper`: training of Emo18 and Zhao19 in arXiv 2402.01227, section 4.4.
- `fine_tune`: training of wav2vec 2.0 and WavLM in the same section.
- `probe`: training of a linear head on a frozen encoder, the default of `whisper`.
- `systematic_*`: training of the CNN-LSTM in arXiv 2404.18514 on each corpus, and its adversarial training.
"""


def model_training(model: str, values: str | Mapping[str, Any], where: str) -> ModelTraining:
    """Return the complete training settings of a model.

    Args:
        model: Registry name of the model, which decides what the preset `default` is.
        values: Name of a preset, or a table of settings with an optional key `preset`.
        where: Place of the values, for error messages.

    Raises:
        StaanetError: If the preset or a setting is unknown, or a value is invalid.

    >>> model_training("wav2vec2", {"preset": "default", "epochs": 3}, "example").learning_rate
    3e-05
    """
    presets = {**MODEL_PRESETS, "default": MODEL_PRESETS[MODELS[model].preset]}
    name = values if isinstance(values, str) else values.get("preset", "default")
    return from_preset(type(presets.get(name, ModelTraining())), presets, values, where)
