"""Training a generator against a frozen model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from staanet.attacks import StaaNet
from staanet.attacks.generator import Generator
from staanet.attacks.generator.base import Quantisation
from staanet.attacks.generator.losses import Losses
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.metrics import Outcome, asr, asr_control, comb_share, observe, snr_peak_db, sparsity
from staanet.models import Model
from staanet.training.loop import History, Precision, check_training, computing_in, train


@dataclass(frozen=True)
class GeneratorTraining:
    """Training of a generator with Adam. The preset `paper` has the settings of arXiv 2402.01227.

    Args:
        budget: Largest magnitude of the perturbation and largest share of perturbed samples in training and in
            validation. `sparsity = 1` leaves the share to the losses, as the paper does.
        losses: Weights and reduction of the loss terms.
        quantisation: How the positions become 0 or 1 in training. The default, `straight_through`, makes training see
            the same perturbations as the attack; `element` is that of the paper's code.
        epochs: Number of passes over as many clips as there are training clips; 1 or more.
        batch_size: Clips per optimisation step; 1 or more.
        learning_rate: Learning rate of Adam in the first epochs, above 0.
        halve_every: Number of epochs after which the learning rate is halved.
        clip_gradient: Largest Euclidean norm of the gradient in a step; longer gradients are shortened to it, which
            stabilises training. None: gradients are not clipped, as in the paper.
        share: Share of the training clips that the generator learns from, in (0, 1], to study how much data it needs.
            An epoch has the same number of steps for every share.
        precision: Arithmetic of the attacked model in training: `float32`, or `bfloat16`, which is faster where
            supported.
    """

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    losses: Losses = Losses()
    quantisation: Quantisation = "straight_through"
    epochs: int = 12
    batch_size: int = 8
    learning_rate: float = 1e-3
    halve_every: int = 4
    clip_gradient: float | None = 1.0
    share: float = 1.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if not 0 < self.share <= 1:
            raise StaanetError(f"expected share in (0, 1], got {self.share}; it is a share, not a percentage")

    def rate(self, history: History) -> float:
        """Return the learning rate of the next epoch, given the figures of the epochs so far."""
        return self.learning_rate * 0.5 ** (len(history) // self.halve_every)


GENERATOR_PRESETS = {
    "default": GeneratorTraining(),
    "paper": GeneratorTraining(
        budget=Budget(epsilon=0.05),
        losses=Losses(reduction="paper", confidence=0.0, magnitude=1e-3, sparsity=1e-4, quantisation=1e-4),
        quantisation="element",
        epochs=20,
        learning_rate=1e-4,
        halve_every=5,
        clip_gradient=None,
    ),
}
"""Training presets by name; `paper` is the training on DEMoS in arXiv 2402.01227, section 4.4."""


def train_generator(
    generator: Generator,
    model: Model,
    dataset: Dataset,
    train_clips: Sequence[str],
    val_clips: Sequence[str],
    settings: GeneratorTraining,
    progress: Path,
    seed: int,
    device: torch.device,
) -> History:
    """Train a generator in place against a frozen model and return the figures of each epoch.

    The generator learns to change the model's own predictions, so no labels are needed. Clips are cut to the model's
    trained length, since the model ignores all later samples.

    Args:
        generator: Untrained generator.
        model: Source model; it is not changed.
        dataset: Dataset that contains the clips.
        train_clips: Ids of the training clips.
        val_clips: Ids of the validation clips, on which each epoch is measured; they may be empty.
        settings: Training settings.
        progress: File with the state after each epoch, from which an interrupted training resumes.
        seed: Random seed of the selection and the order of the clips and of the quantisation.
        device: Device to train on.
    """
    generator.to(device)
    model.to(device).eval()
    chosen = _share_of(train_clips, settings.share, seed)
    source = _Source(model, dataset, device)
    learning = _Learning(generator, source, chosen, len(train_clips), settings)
    validation = _Validation(generator, source, val_clips, settings, seed)
    with frozen(model):
        return train(
            generator,
            epochs=settings.epochs,
            learning_rate=settings.rate,
            one_epoch=learning.one_epoch,
            validate=validation.validate,
            score=lambda figures: figures["excess"],
            keep="last",
            progress=progress,
            seed=seed,
        )


def _share_of(clips: Sequence[str], share: float, seed: int) -> list[str]:
    """Return a random share of the clips, at least one, in their order; a larger share contains a smaller one."""
    with seeded(seed, "share"):
        order = torch.randperm(len(clips)).tolist()
    return [clips[i] for i in sorted(order[: max(1, round(share * len(clips)))])]


@dataclass(frozen=True)
class _Source:
    """The attacked model together with the clips that it classifies."""

    model: Model
    dataset: Dataset
    device: torch.device

    def load(self, clips: Sequence[str]) -> Batch:
        """Return clips as one batch, cut to the model's trained length."""
        batch = self.dataset.batch(clips).to(self.device)
        size = min(self.model.trained_length or batch.waveforms.shape[1], batch.waveforms.shape[1])
        return Batch(batch.waveforms[:, :size], batch.lengths.clamp_max(size), batch.labels, batch.ids)

    @torch.no_grad()
    def logits(self, batch: Batch) -> Tensor:
        """Return the model's logits `[B, K]` of a batch of clean clips."""
        logits: Tensor = self.model(batch.waveforms, batch.lengths)
        return logits


class _Learning:
    """The training epochs of a generator."""

    def __init__(
        self, generator: Generator, source: _Source, clips: Sequence[str], epoch_size: int, settings: GeneratorTraining
    ) -> None:
        self.generator = generator
        self.source = source
        self.clips = clips
        self.epoch_size = epoch_size
        self.settings = settings
        self.predictions: dict[str, Tensor] = {}
        for group in source.dataset.batches(clips, settings.batch_size):
            self.predictions |= zip(group, source.logits(source.load(group)).argmax(1), strict=True)

    def one_epoch(self, optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        """Train for one epoch and return the mean of each loss term."""
        order = self._order()
        totals: dict[str, Tensor] = {}
        starts = range(0, len(order), self.settings.batch_size)
        for start in track(starts, f"fit {self.generator.name}, epoch {epoch + 1} of {self.settings.epochs}"):
            clips = [self.clips[i] for i in order[start : start + self.settings.batch_size]]
            losses = self._losses(self.source.load(clips))
            optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            if self.settings.clip_gradient is not None:
                torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.settings.clip_gradient)
            optimiser.step()
            for name, value in losses.items():
                totals[name] = totals.get(name, torch.zeros(())) + value.detach().double() * len(clips)
        return {f"loss_{name}": float(total) / len(order) for name, total in totals.items()}

    def _order(self) -> list[int]:
        """Return the indices of an epoch's clips: random permutations, one after the other, up to the epoch's size."""
        passes = -(-self.epoch_size // len(self.clips))
        return [i for _ in range(passes) for i in torch.randperm(len(self.clips)).tolist()][: self.epoch_size]

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss terms of a batch."""
        predictions = torch.stack([self.predictions[clip] for clip in batch.ids])
        epsilon, counts = self.settings.budget.resolve(batch.waveforms, batch.lengths)
        output = self.generator(batch.waveforms, epsilon, batch.lengths, counts, self.settings.quantisation)
        with computing_in(self.settings.precision, self.source.device):
            logits = self.source.model(output.adversarial, batch.lengths)
        return self.settings.losses(logits.float(), predictions, output, epsilon, batch.lengths)


class _Validation:
    """The validation of a generator: its attack on the validation clips."""

    def __init__(
        self, generator: Generator, source: _Source, clips: Sequence[str], settings: GeneratorTraining, seed: int
    ) -> None:
        self.generator = generator
        self.model = source.model
        self.budget = settings.budget
        self.seed = seed
        self.batches = [source.load(group) for group in source.dataset.batches(clips, settings.batch_size)]
        self.clean_logits = [source.logits(batch) for batch in self.batches]

    def validate(self) -> dict[str, float]:
        """Return the success and the size of the attack on the validation clips; nothing if there are none."""
        if not self.batches:
            return {}
        attack = StaaNet(self.generator, budget=self.budget)
        outcomes, combs = [], []
        for batch, logits in zip(self.batches, self.clean_logits, strict=True):
            waveforms, labels, lengths = batch.waveforms, logits.argmax(1), batch.lengths
            adversarial = attack(self.model, waveforms, labels, lengths, seed=self.seed)
            outcomes.append(
                observe(
                    self.model,
                    waveforms,
                    adversarial,
                    labels,
                    lengths,
                    seed=self.seed,
                    ids=batch.ids,
                    clean_logits=logits,
                    draws=1,
                    inspect=False,
                )
            )
            combs.append(comb_share(adversarial != waveforms, lengths, self.generator.stride))
        return _figures(Outcome.join(outcomes), float(torch.cat(combs).nanmean()))


def _figures(outcome: Outcome, comb: float) -> dict[str, float]:
    success, control = asr(outcome), asr_control(outcome)
    assert success is not None and control is not None  # noqa: S101, PT018
    return {
        "asr": success,
        "control": control,
        "excess": success - control,
        "sparsity": sparsity(outcome) or 0.0,
        "snr_peak_db": snr_peak_db(outcome) or 0.0,
        "comb": comb,
    }
