"""Training a generator against a frozen model."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from staanet.attacks import Attack, OneGradient, StaaNet
from staanet.attacks.components.objectives import value_and_grad
from staanet.attacks.generator import Generator
from staanet.attacks.generator.base import NO_GOAL
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset
from staanet.metrics import Outcome, asr, asr_control, comb_share, observe, snr_peak_db, sparsity
from staanet.models import MeanLogits, Model
from staanet.training.batch_augmentation import BatchAugmentation
from staanet.training.generator_settings import GENERATOR_PRESETS as GENERATOR_PRESETS
from staanet.training.generator_settings import GeneratorTraining as GeneratorTraining
from staanet.training.generator_settings import generator_training as generator_training
from staanet.training.loop import History, Steps, computing_in, train
from staanet.training.parallel import current


def train_generator(
    generator: Generator,
    model: Model | MeanLogits,
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
        model: Source model, or several as one (`MeanLogits`); it is not changed.
        dataset: Dataset that contains the clips.
        train_clips: Ids of the training clips.
        val_clips: Ids of the validation clips, on which each epoch is measured; they may be empty.
        settings: Training settings.
        progress: File with the state after each epoch, from which an interrupted training resumes.
        seed: Random seed of the selection and the order of the clips and of the quantisation.
        device: Device to train on.

    Raises:
        StaanetError: Several processes train together, and the losses are not means over clips; or the generator knows
            another number of classes than the model has.
    """
    if generator.classes not in (0, len(model.labels)):
        raise StaanetError(
            f"expected a generator for the {len(model.labels)} classes of the source, got {generator.name} for "
            f"{generator.classes}; give it classes = {len(model.labels)} (--size classes={len(model.labels)})"
        )
    if current().size > 1 and settings.losses.reduction == "paper":
        raise StaanetError(
            "expected losses that are means over clips for several processes, got losses.reduction = paper, which "
            "takes norms over a whole batch; train in one process, or with losses.reduction=clip"
        )
    model.to(device).eval()
    generator.to(device).begin(model)
    chosen = _share_of(train_clips, settings.share, seed)
    source = _Source(model, dataset, device)
    averaged = _Averaged(generator, settings.average) if settings.average else None
    learning = _Learning(generator, source, chosen, len(train_clips), settings, averaged)
    validation = _Validation(generator if averaged is None else averaged.mean, source, val_clips, settings, seed)
    with frozen(model):
        history = train(
            generator if averaged is None else averaged,
            epochs=settings.epochs,
            learning_rate=settings.rate,
            one_epoch=learning.one_epoch,
            validate=validation.validate,
            score=lambda figures: figures["excess"],
            keep="last",
            progress=progress,
            seed=seed,
        )
    if averaged is not None:
        generator.load_state_dict(averaged.mean.state_dict())
    return history


class _Averaged(nn.Module):
    """A generator in training together with the running mean of its weights."""

    def __init__(self, generator: Generator, average: float) -> None:
        super().__init__()
        self.generator = generator
        self.mean = copy.deepcopy(generator).requires_grad_(False)
        self.average = average

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after a step, counted from 0, into the mean; the first ones count less, being unlearnt."""
        weight = min(self.average, (1 + step) / (10 + step))
        for mean, last in zip(self.mean.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(last, 1 - weight)


def _share_of(clips: Sequence[str], share: float, seed: int) -> list[str]:
    """Return a random share of the clips, at least one, in their order; a larger share contains a smaller one."""
    with seeded(seed, "share"):
        order = torch.randperm(len(clips)).tolist()
    return [clips[i] for i in sorted(order[: max(1, round(share * len(clips)))])]


@dataclass(frozen=True)
class _Source:
    """The attacked model together with the clips that it classifies."""

    model: Model | MeanLogits
    dataset: Dataset
    device: torch.device

    def load(self, clips: Sequence[str], augmentation: BatchAugmentation | None = None) -> Batch:
        """Return clips as one batch, changed by the augmentation if there is one, cut to the model's trained length."""
        batch = self.dataset.batch(clips).to(self.device)
        if augmentation is not None:
            changed = augmentation(batch.waveforms, batch.lengths, self.model.trained_length)
            return Batch(*changed, batch.labels, batch.ids)
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
        self,
        generator: Generator,
        source: _Source,
        clips: Sequence[str],
        epoch_size: int,
        settings: GeneratorTraining,
        averaged: _Averaged | None,
    ) -> None:
        self.generator = generator
        self.source = source
        self.clips = clips
        self.epoch_size = epoch_size
        self.settings = settings
        self.averaged = averaged
        self.predictions: dict[str, Tensor] = {}
        unchanged = clips if settings.augmentation is None else []
        groups = source.dataset.batches(unchanged, settings.batch_size)
        found = current().each(lambda group: source.logits(source.load(group)).argmax(1), groups)
        for group, decisions in zip(groups, found, strict=True):
            self.predictions |= zip(group, decisions.to(source.device), strict=True)

    def one_epoch(self, optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        """Train for one epoch and return the mean of each loss term."""
        order = self._order()
        steps = Steps(optimiser, self.settings.clip_gradient)
        starts = range(0, len(order), self.settings.batch_size)
        for start in track(starts, f"fit {self.generator.name}, epoch {epoch + 1} of {self.settings.epochs}"):
            clips = [self.clips[i] for i in order[start : start + self.settings.batch_size]]
            if self.settings.schedule == "cosine":
                for group in optimiser.param_groups:
                    group["lr"] = self.settings.rate_at((epoch + start / len(order)) / self.settings.epochs)
            batch = self.source.load(clips, self.settings.augmentation)
            steps.take(len(clips), partial(self._losses, batch, self._budgets(batch), self._shifts(batch)))
            if self.averaged is not None:
                self.averaged.update(epoch * len(starts) + start // self.settings.batch_size)
        return {f"loss_{name}": value for name, value in steps.means(len(order)).items()}

    def _order(self) -> list[int]:
        """Return the indices of an epoch's clips: random permutations, one after the other, up to the epoch's size."""
        passes = -(-self.epoch_size // len(self.clips))
        return [i for _ in range(passes) for i in torch.randperm(len(self.clips)).tolist()][: self.epoch_size]

    def _budgets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the epsilon `[B, 1]` and the count `[B]` of each clip, drawn if the generator is for many budgets."""
        if self.generator.budgets is None:
            return self.settings.budget.resolve(batch.waveforms, batch.lengths)
        return self.generator.budgets.draw(batch.waveforms, batch.lengths)

    def _shifts(self, batch: Batch) -> Tensor | None:
        """Return how many classes beyond its own the goal of each clip lies, `[B]`, 0 for a clip without a goal."""
        if not self.generator.classes:
            return None
        return torch.randint(self.generator.classes, (len(batch.waveforms),)).to(self.source.device)

    def _losses(
        self, whole: Batch, budgets: tuple[Tensor, Tensor], shifts: Tensor | None, rows: slice
    ) -> dict[str, Tensor]:
        """Return the loss terms of some clips of a batch."""
        batch, (epsilon, counts) = whole.part(rows), (budget[rows] for budget in budgets)
        predictions, gradients = self._known(batch)
        goals = None
        if shifts is not None:
            goals = (predictions + shifts[rows]) % self.generator.classes
            goals = torch.where(shifts[rows] == 0, NO_GOAL, goals)
            gradients = self._towards(batch, goals, gradients)
        settings = self.settings
        output = self.generator(
            batch.waveforms, epsilon, batch.lengths, counts, settings.quantisation, gradients, goals
        )
        with computing_in(settings.precision, self.source.device):
            logits = self.source.model(output.adversarial, batch.lengths)
        return settings.losses(logits.float(), predictions, output, epsilon, batch.lengths, goals)

    def _towards(self, batch: Batch, goals: Tensor, gradients: Tensor | None) -> Tensor | None:
        """Return gradients `[B, T]` of which those of clips with a goal are the ones of the margin of the goal."""
        if gradients is None:
            return None
        given = (batch.waveforms, goals.clamp_min(0), batch.lengths)
        targeted = value_and_grad(self.source.model, *given, "margin", targeted=True).gradients
        return torch.where(goals[:, None] == NO_GOAL, gradients, targeted)

    def _known(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Return the source's decisions about clips, `[B]`, and its gradients if the generator uses them, `[B, T]`."""
        if self.generator.uses_gradients:
            found = value_and_grad(self.source.model, batch.waveforms, None, batch.lengths, "margin")
            return found.logits.argmax(1), found.gradients
        if self.settings.augmentation is None:
            return torch.stack([self.predictions[clip] for clip in batch.ids]), None
        return self.source.logits(batch).argmax(1), None


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
        kind = OneGradient if self.generator.uses_gradients else StaaNet
        attack = kind(self.generator, budget=self.budget)
        clean = list(zip(self.batches, self.clean_logits, strict=True))
        found = current().each(partial(self._attacked, attack), clean)
        outcomes, combs = zip(*found, strict=True)
        figures = _figures(Outcome.join(outcomes), float(torch.cat(combs).nanmean()))
        return {**figures, **self._targeted(kind(self.generator, budget=self.budget, targeted=True), clean)}

    def _targeted(self, attack: Attack, clean: Sequence[tuple[Batch, Tensor]]) -> dict[str, float]:
        """Return the success towards every class, over the clips that are not of this class, and its mean."""
        success = {}
        for goal in range(self.generator.classes):
            reached = torch.cat(list(current().each(partial(self._reached, attack, goal), clean)))
            if not reached.isnan().all():
                success[f"reached_{self.model.labels[goal]}"] = float(reached.nanmean())
        return {"reached": sum(success.values()) / len(success), **success} if success else {}

    @torch.no_grad()
    def _reached(self, attack: Attack, goal: int, clean: tuple[Batch, Tensor]) -> Tensor:
        """Return 1 for each clip of a batch that is taken for a class, 0 for others, NaN for those of the class."""
        batch, logits = clean
        goals = torch.full_like(batch.lengths, goal)
        adversarial = attack(self.model, batch.waveforms, goals, batch.lengths, seed=self.seed)
        reached = (self.model(adversarial, batch.lengths).argmax(1) == goal).float()
        return torch.where(logits.argmax(1) == goal, torch.nan, reached)

    def _attacked(self, attack: Attack, clean: tuple[Batch, Tensor]) -> tuple[Outcome, Tensor]:
        """Return the outcome of an attack on a batch with known logits, and the comb shares `[B]` of its changes."""
        (batch, logits), labels = clean, clean[1].argmax(1)
        adversarial = attack(self.model, batch.waveforms, labels, batch.lengths, seed=self.seed)
        outcome = observe(
            self.model,
            batch.waveforms,
            adversarial,
            labels,
            batch.lengths,
            seed=self.seed,
            ids=batch.ids,
            clean_logits=logits,
            draws=1,
            inspect=False,
        )
        return outcome, comb_share(adversarial != batch.waveforms, batch.lengths, self.generator.stride)


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
