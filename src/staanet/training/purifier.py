"""Training of a purifier: a network learns to give back clips that noise, clicks or attacks have changed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staanet.attacks import Attack, create_attack
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.data.dataset import collate
from staanet.defences.denoiser import Denoiser
from staanet.models import Model
from staanet.training.loop import History, Steps, check_training, train
from staanet.training.parallel import current

LIMIT_DB = 30.0
"""Energy SNR of a purified clip above which closer is hardly better. With a much higher one, a network that leaves all
clips as they are is hard to improve upon, because it keeps the unchanged ones exactly."""

STEEPEST = 1.0
"""Largest Euclidean norm of the gradient in a step."""

PIECE = 1.0
"""Seconds of the pieces from which a purifier learns without a model."""

Range = tuple[float, float]


@dataclass(frozen=True)
class PurifierTraining:
    """Training of a purifier with Adam; the epoch with the lowest validation loss is kept.

    A batch has equal shares of clips that are unchanged, that have noise of random signs, and that have such noise on
    few samples; with a model also of clips that `pgd` and `sparse_pgd` have attacked. Sizes and sparsities are drawn
    for every batch. The loss of a clip is its negative energy SNR after purification in units of 10 dB, limited to 30
    dB (S. Wisdom et al., NeurIPS 2020, arXiv 2006.12701), so that loud and soft changes count alike.

    Args:
        epochs: Number of passes over the training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more.
        learning_rate: Learning rate of Adam in the first epoch, above 0; it decays to zero along a cosine.
        seconds: Length in seconds of the piece of a clip that is used, at a random place, above 0. Default: 1 s; with a
            model, its trained length, or whole clips if it has none.
        snr_db: Range of the size of changes of all samples, in dB below the peak of the clip.
        sparse_snr_db: The same of changes of few samples.
        sparsity: Range, in (0, 1), of the share of samples that such a change concerns, drawn log-uniformly.
        steps: Steps of the attacks on the model, 1 or more.
        guidance: Weight of the distance between the logits of the model for the purified and for the clean clip, 0 or
            more (F. Liao et al., CVPR 2018, arXiv 1712.02976, section 3.3).
    """

    epochs: int = 20
    batch_size: int = 8
    learning_rate: float = 5e-3
    seconds: float | None = None
    snr_db: Range = (20.0, 50.0)
    sparse_snr_db: Range = (0.0, 30.0)
    sparsity: Range = (0.001, 0.05)
    steps: int = 5
    guidance: float = 1.0

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise StaanetError(f"expected seconds above 0, got {self.seconds}")
        for name in ("snr_db", "sparse_snr_db", "sparsity"):
            low, high = getattr(self, name)
            if not -math.inf < low <= high < math.inf or (name == "sparsity" and not 0 < low <= high < 1):
                inside = ", in (0, 1)," if name == "sparsity" else ""
                raise StaanetError(f"expected {name} as a range{inside} from low to high, got {[low, high]}")
        if self.steps < 1 or not 0 <= self.guidance < math.inf:
            raise StaanetError(
                f"expected steps of 1 or more and a guidance of 0 or more, got {self.steps} and {self.guidance}"
            )

    def rate(self, history: History) -> float:
        """Return the learning rate of the next epoch."""
        return self.learning_rate * (1 + math.cos(math.pi * len(history) / self.epochs)) / 2

    def kept(self, history: History) -> int:
        """Return the number, from 1, of the epoch that is kept: of the best ones, the last.

        >>> PurifierTraining().kept([{"val_loss": 2.0}, {"val_loss": 1.0}, {"val_loss": 1.5}])
        2
        """
        losses = [figures["val_loss"] for figures in history]
        return len(losses) - losses[::-1].index(min(losses))

    def changes(self, attacked: bool) -> Sequence[Callable[[], Attack]]:
        """Return the kinds of changes that are learnt, each as a function that draws an attack with its budget.

        Args:
            attacked: Whether there is a model to attack.
        """

        def drawn(name: str, snr_db: Range, sparsity: Range | None, **settings: Any) -> Attack:
            share = 1.0 if sparsity is None else math.exp(_uniform(*map(math.log, sparsity)))
            return create_attack(name, snr_db=_uniform(*snr_db), sparsity=share, **settings)

        dense, sparse = (self.snr_db, None), (self.sparse_snr_db, self.sparsity)
        noise = [partial(drawn, "noise", *dense), partial(drawn, "noise", *sparse)]
        if not attacked:
            return noise
        pgd: dict[str, Any] = {"steps": self.steps, "step_size": min(1.0, 2.0 / self.steps), "restarts": 1}
        return [*noise, partial(drawn, "pgd", *dense, **pgd), partial(drawn, "sparse_pgd", *sparse, steps=self.steps)]


def train_purifier(
    purifier: Denoiser,
    model: Model | None,
    dataset: Dataset,
    train_clips: Sequence[str],
    val_clips: Sequence[str],
    settings: PurifierTraining,
    progress: Path,
    seed: int,
    device: torch.device,
) -> History:
    """Train a purifier in place and return the figures of each epoch.

    Args:
        purifier: Network to train.
        model: Model whose attacks it learns to remove; None for noise only.
        dataset: Prepared dataset of the clips, with the labels of the model.
        train_clips: Ids of the clips to learn from.
        val_clips: Ids of the clips by which an epoch is chosen.
        settings: Settings of the training.
        progress: File from which an interrupted training resumes.
        seed: Random seed.
        device: Device to train on.

    Raises:
        StaanetError: If there are no validation clips, or the training diverges.
    """
    if not val_clips:
        raise StaanetError("expected validation clips, by which an epoch of a purifier is chosen, got none")
    task = _Purification(purifier.to(device), model, dataset, train_clips, val_clips, settings, seed, device)
    return train(
        purifier,
        epochs=settings.epochs,
        learning_rate=settings.rate,
        one_epoch=task.one_epoch,
        validate=task.validate,
        score=lambda figures: -figures["val_loss"],
        keep="best",
        progress=progress,
        seed=seed,
    )


def negative_snr(purified: Tensor, clean: Tensor) -> Tensor:
    """Return the negative energy SNR of purified clips `[B, T]` in units of 10 dB, `[B]`, limited to `LIMIT_DB`.

    >>> negative_snr(torch.full((1, 100), 0.11), torch.full((1, 100), 0.1))
    tensor([-1.9586])
    """
    energy = clean.square().sum(1)
    error = (purified - clean).square().sum(1)
    tiny = 1e-8  # for silence
    return (error + 10 ** (-LIMIT_DB / 10) * energy + tiny).log10() - (energy + tiny).log10()


@dataclass(frozen=True)
class _Purification:
    """The epochs of a purifier's training."""

    purifier: Denoiser
    model: Model | None
    dataset: Dataset
    train_clips: Sequence[str]
    val_clips: Sequence[str]
    settings: PurifierTraining
    seed: int
    device: torch.device

    def one_epoch(self, optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        """Train for one epoch and return the mean loss."""
        order, size = torch.randperm(len(self.train_clips)).tolist(), self.settings.batch_size
        steps = Steps(optimiser, STEEPEST)
        for start in track(range(0, len(order), size), f"purifier, epoch {epoch + 1} of {self.settings.epochs}"):
            batch = self._pieces([self.train_clips[place] for place in order[start : start + size]], at_random=True)
            steps.take(len(batch.ids), lambda rows, batch=batch: self._losses(batch.part(rows)))  # type: ignore[misc]
        return steps.means(len(order))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the loss, the gain of SNR on changed clips and the SNR of unchanged ones, both in dB."""
        found = current().each(self._measured, self._validation)
        before, after, distances = (torch.cat(parts) for parts in zip(*found, strict=True))  # [N, K]
        return {
            "val_loss": float(after.mean() + distances.mean()),
            "gain_db": float(10 * (before - after)[:, 1:].mean()),
            "clean_snr_db": float(-10 * after[:, 0].mean()),
        }

    @cached_property
    def _validation(self) -> Sequence[Batch]:
        groups = self.dataset.batches(self.val_clips, self.settings.batch_size)
        return [self._pieces(group, at_random=False) for group in groups]

    def _measured(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the negative SNR before and after, and the distance of the logits, each `[B, K]` for K versions."""
        with seeded(self.seed, "validation", *batch.ids):
            versions = [batch.waveforms, *(self._changed(batch, drawn()) for drawn in self._changes)]
        before = torch.stack([negative_snr(one, batch.waveforms) for one in versions], 1)
        purified = [self.purifier(one, batch.lengths) for one in versions]
        after = torch.stack([negative_snr(one, batch.waveforms) for one in purified], 1)
        return before, after, torch.stack([self._distances(one, batch) for one in purified], 1)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss terms of a batch, whose clips are changed in turn by nothing and by each kind of attack."""
        every = len(self._changes) + 1
        changed = batch.waveforms.clone()
        for place, drawn in enumerate(self._changes[: len(batch.ids) - 1], start=1):
            changed[place::every] = self._changed(batch.part(slice(place, None, every)), drawn())
        purified = self.purifier(changed, batch.lengths)
        losses = {"loss": negative_snr(purified, batch.waveforms).mean()}
        if self.model is not None and self.settings.guidance:
            losses["guidance"] = self._distances(purified, batch).mean()
        return losses

    @cached_property
    def _changes(self) -> Sequence[Callable[[], Attack]]:
        return self.settings.changes(self.model is not None)

    def _changed(self, batch: Batch, attack: Attack) -> Tensor:
        """Return clips `[B, T]` under an attack, or under noise, which needs no model."""
        model: Classifier = self.model or (lambda waveforms, _: waveforms)
        draw = int(torch.randint(2**31, ()))
        with torch.enable_grad():
            return attack(model, batch.waveforms, batch.labels, batch.lengths, seed=draw)

    def _distances(self, purified: Tensor, batch: Batch) -> Tensor:
        """Return the weighted distance `[B]` between the logits for purified and for clean clips; zeros if unused."""
        if self.model is None or not self.settings.guidance:
            return torch.zeros(len(purified), device=self.device)
        with frozen(self.model):
            with torch.no_grad():
                expected = self.model(batch.waveforms, batch.lengths)
            found = self.model(purified, batch.lengths)
        distances: Tensor = (found - expected).float().abs().mean(1)
        return self.settings.guidance * distances

    def _pieces(self, clips: Sequence[str], at_random: bool) -> Batch:
        """Return a piece of each clip, at a random place or in its middle."""
        pieces = []
        for waveform in map(self.dataset.waveform, clips):
            spare = max(0, len(waveform) - (self._size or len(waveform)))
            start = int(torch.randint(spare + 1, ())) if at_random else spare // 2
            pieces.append(waveform[start : start + (self._size or len(waveform))].clamp(-1, 1))
        return collate(pieces, [self.dataset.label(clip) for clip in clips], clips).to(self.device)

    @property
    def _size(self) -> int | None:
        """Samples of a piece; None for whole clips."""
        if self.settings.seconds is None and self.model is not None:
            return self.model.trained_length
        return max(1, round((self.settings.seconds or PIECE) * self.dataset.sample_rate))


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
