"""Training a victim."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch.nn import functional

from staanet.audio.lengths import fit_length, standardise
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.corpora import Store
from staanet.corpora.store import collate
from staanet.metrics.success import mean_recall
from staanet.models import Victim
from staanet.training.augmentation import Augmentation
from staanet.training.loop import History, Precision, check_training, computing_in, train


@dataclass(frozen=True)
class VictimTraining:
    """How a victim is trained, with cross-entropy and Adam.

    Args:
        epochs: passes over the training clips.
        batch_size: clips per step.
        learning_rate: of the first epoch.
        schedule: `constant`, or `cosine` down to zero.
        keep: the weights of the `best` epoch by validation UAR, or of the `last`.
        label_smoothing: share of the target spread over all classes.
        augmentation: of the training clips.
        crop: seconds of each clip that a step hears; the victim's trained length where left out.
        precision: of the arithmetic in training.
    """

    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    keep: Literal["best", "last"] = "best"
    label_smoothing: float = 0.1
    augmentation: Augmentation = Augmentation(noise=0.7, speed=(0.85, 1.15), shift=True)
    crop: float | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if self.crop is not None and not self.crop > 0:
            raise StaanetError(f"expected a crop of some seconds, got {self.crop}; leave it out for whole clips")


VICTIM_PRESETS = {
    "default": VictimTraining(),
    "paper": VictimTraining(
        epochs=30,
        batch_size=8,
        schedule="constant",
        keep="last",
        label_smoothing=0.0,
        augmentation=Augmentation(),
    ),
}
"""`paper` is how arXiv 2402.01227, section 4.4, trains Emo18 and Zhao19."""


def train_victim(
    victim: Victim,
    store: Store,
    train_clips: Sequence[str],
    val_clips: Sequence[str],
    settings: VictimTraining,
    progress: Path,
    seed: int,
    device: torch.device,
) -> History:
    """Train a victim in place; return the figures of each epoch.

    Args:
        victim: untrained.
        store: where the clips are.
        train_clips: ids of the clips to learn from.
        val_clips: ids of the clips by which epochs are compared.
        settings: how.
        progress: the file by which an interrupted training goes on.
        seed: of order and augmentation.
        device: to train on.
    """
    victim.to(device)
    size = victim.trained_length if settings.crop is None else round(settings.crop * victim.sample_rate)
    batches = [store.batch(clips).to(device) for clips in store.batches(val_clips, settings.batch_size)]

    def one_epoch(optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        order = torch.randperm(len(train_clips)).tolist()
        steps = range(0, len(order), settings.batch_size)
        total = 0.0
        for start in track(steps, f"train {victim.name}, epoch {epoch + 1} of {settings.epochs}"):
            clips = [train_clips[i] for i in order[start : start + settings.batch_size]]
            if len(clips) < 2:
                continue  # batch normalisation has no variance to learn from
            changed = [settings.augmentation(store.waveform(clip)) for clip in clips]
            batch = collate(changed, [store.label(clip) for clip in clips], clips).to(device)
            waveforms = fit_length(batch.waveforms, batch.lengths, size)
            with computing_in(settings.precision, device):
                logits = victim.classify(standardise(waveforms))
            loss = functional.cross_entropy(logits.float(), batch.labels, label_smoothing=settings.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(clips)
        return {"loss": total / len(order)}

    def validate() -> dict[str, float]:
        with torch.no_grad():
            predicted = torch.cat([victim(batch.waveforms, batch.lengths).argmax(1) for batch in batches])
        labels = torch.cat([batch.labels for batch in batches])
        accuracy = (predicted == labels).float().mean()
        return {"accuracy": float(accuracy), "uar": mean_recall(labels.cpu().numpy(), predicted.cpu().numpy())}

    def learning_rate(epoch: int) -> float:
        if settings.schedule == "constant":
            return settings.learning_rate
        return settings.learning_rate * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2

    return train(
        victim,
        epochs=settings.epochs,
        learning_rate=learning_rate,
        one_epoch=one_epoch,
        validate=validate,
        score="uar",
        keep=settings.keep,
        progress=progress,
        seed=seed,
    )
