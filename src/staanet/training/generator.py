"""Training a generator against a frozen model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from staanet.attacks import StaaNet
from staanet.attacks.generator import Generator
from staanet.attacks.generator.base import Quantisation
from staanet.attacks.generator.losses import Losses
from staanet.core.budget import Budget
from staanet.core.classifier import frozen
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.core.seeds import seeded
from staanet.data import Batch, Dataset
from staanet.metrics import Outcome, asr, asr_control, comb_share, observe, snr_peak_db, sparsity
from staanet.models import Model
from staanet.training.loop import History, Precision, check_training, computing_in, train


@dataclass(frozen=True)
class GeneratorTraining:
    """How a generator is trained, with Adam.

    Args:
        budget: size and share of the samples; `sparsity = 1` leaves the share to the losses, as the paper does.
        losses: their weights and reduction.
        quantisation: of the positions in training.
        epochs: passes over the training clips.
        batch_size: clips per step.
        learning_rate: of the first epochs.
        halve_every: epochs after which the learning rate is halved.
        clip_gradient: largest norm of a step's gradient; none where left out.
        share: of the training clips that it learns from; an epoch has as many steps whatever the share.
        precision: of the model's arithmetic in training.
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
        """Refuse what cannot be trained with."""
        check_training(self.epochs, self.batch_size, self.learning_rate)
        if not 0 < self.share <= 1:
            raise StaanetError(f"expected share in (0, 1], got {self.share}; it is a share, not a percentage")


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
"""`paper` is how arXiv 2402.01227, section 4.4, trains its generator on DEMoS."""


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
    """Train a generator in place to change what a frozen model decides; return the figures of each epoch.

    Clips are cut to the model's trained length, beyond which it hears nothing. Labels are not needed: a clip
    is to leave the class that the model gives it.

    Args:
        generator: untrained.
        model: the source; it is not changed.
        dataset: where the clips are.
        train_clips: ids of the clips to learn from.
        val_clips: ids of the clips that each epoch is tried on; there may be none.
        settings: how.
        progress: the file by which an interrupted training goes on.
        seed: of order and quantisation.
        device: to train on.
    """
    generator.to(device)
    model.to(device).eval()

    def load(clips: Sequence[str]) -> Batch:
        batch = dataset.batch(clips).to(device)
        size = min(model.trained_length or batch.waveforms.shape[1], batch.waveforms.shape[1])
        return Batch(batch.waveforms[:, :size], batch.lengths.clamp_max(size), batch.labels, batch.ids)

    def decide(clips: Sequence[str]) -> torch.Tensor:
        batch = load(clips)
        with torch.no_grad():
            decided: torch.Tensor = model(batch.waveforms, batch.lengths).argmax(1)
        return decided

    with seeded(seed, "share"):
        order = torch.randperm(len(train_clips)).tolist()
    heard = [train_clips[i] for i in sorted(order[: max(1, round(settings.share * len(train_clips)))])]
    groups = dataset.batches(heard, settings.batch_size)
    predictions = {clip: label for group in groups for clip, label in zip(group, decide(group), strict=True)}
    validation = [load(clips) for clips in dataset.batches(val_clips, settings.batch_size)]
    with torch.no_grad():
        clean = [model(batch.waveforms, batch.lengths) for batch in validation]

    def one_epoch(optimiser: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
        passes = -(-len(train_clips) // len(heard))
        order = [i for _ in range(passes) for i in torch.randperm(len(heard)).tolist()][: len(train_clips)]
        totals: dict[str, torch.Tensor] = {}
        steps = range(0, len(order), settings.batch_size)
        for start in track(steps, f"fit {generator.name}, epoch {epoch + 1} of {settings.epochs}"):
            batch = load([heard[i] for i in order[start : start + settings.batch_size]])
            labels = torch.stack([predictions[clip] for clip in batch.ids])
            epsilon, counts = settings.budget.resolve(batch.waveforms, batch.lengths)
            output = generator(batch.waveforms, epsilon, batch.lengths, counts, settings.quantisation)
            with computing_in(settings.precision, device):
                logits = model(output.adversarial, batch.lengths)
            losses = settings.losses(logits.float(), labels, output, epsilon, batch.lengths)
            optimiser.zero_grad()
            torch.stack(list(losses.values())).sum().backward()
            if settings.clip_gradient is not None:
                torch.nn.utils.clip_grad_norm_(generator.parameters(), settings.clip_gradient)
            optimiser.step()
            for name, value in losses.items():
                totals[name] = totals.get(name, torch.zeros(())) + value.detach().double() * len(labels)
        return {f"loss_{name}": float(total) / len(order) for name, total in totals.items()}

    def validate() -> dict[str, float]:
        if not validation:
            return {}
        attack = StaaNet(generator, budget=settings.budget)
        outcomes, combs = [], []
        for batch, logits in zip(validation, clean, strict=True):
            waveforms, lengths = batch.waveforms, batch.lengths
            adversarial = attack(model, waveforms, batch.labels, lengths, seed=seed)
            heard = observe(
                model,
                waveforms,
                adversarial,
                batch.labels,
                lengths,
                seed=seed,
                ids=batch.ids,
                clean_logits=logits,
                draws=1,
            )
            outcomes.append(heard)
            combs.append(comb_share(adversarial != batch.waveforms, batch.lengths, generator.stride))
        outcome = Outcome.join(outcomes)
        success, control = asr(outcome), asr_control(outcome)
        assert success is not None and control is not None  # noqa: S101, PT018
        return {
            "asr": success,
            "control": control,
            "excess": success - control,
            "sparsity": sparsity(outcome) or 0.0,
            "snr_peak_db": snr_peak_db(outcome) or 0.0,
            "comb": float(torch.cat(combs).nanmean()),
        }

    with frozen(model):
        return train(
            generator,
            epochs=settings.epochs,
            learning_rate=lambda history: settings.learning_rate * 0.5 ** (len(history) // settings.halve_every),
            one_epoch=one_epoch,
            validate=validate,
            score=lambda figures: figures["excess"],
            keep="last",
            progress=progress,
            seed=seed,
        )
