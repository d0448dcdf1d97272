"""The course of a hardening: measured before, trained, and measured after, on clips of other speakers."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from staanet.attacks import Attack, create_attack
from staanet.certificates import count_votes
from staanet.core.budget import Budget
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.data import Batch, Dataset, Split
from staanet.defences import Smoothing, TrainingDefence
from staanet.metrics.success import mean_recall
from staanet.models import Model
from staanet.report.wording import percent
from staanet.training.classifier import train_model
from staanet.training.hardening import HardeningTraining, RobustValidation, robust_uar
from staanet.training.loop import History

logger = logging.getLogger(__name__)

TEST_STEPS = (5, 50)
"""Steps of the attacks by which the result is measured: few, then many on the clips that are still right."""

VOTES = 16
"""Votes for each clip by which an epoch of a smoothed model is chosen."""


@dataclass(frozen=True)
class Hardening:
    """What hardening achieved on clips of other speakers.

    Args:
        method: How the model was hardened.
        budget: Budget of the attack of the training, of the validation and of the test.
        n: Number of test clips.
        uar_before: UAR of the model before, without an attack.
        uar_after: UAR of the hardened model, without an attack.
        robust_uar_before: UAR of the model before under the attack of the test; None if the model is smoothed, for
            which `uar_before` and `uar_after` are those of a few votes.
        robust_uar_after: UAR of the hardened model under this attack.
        chance: UAR of a guess.
        epochs: Number of epochs that were trained.
        kept: Number of the epoch that was kept, from 1.
        collapsed: Number of the epoch in which robustness collapsed (catastrophic overfitting); None if it did not.
        guarded: Whether the clean validation UAR of the kept epoch stayed within the guard.
        cost: Time of a training step as a multiple of one without a defence.
    """

    method: str
    budget: dict[str, Any]
    n: int
    uar_before: float
    uar_after: float
    robust_uar_before: float | None
    robust_uar_after: float | None
    chance: float
    epochs: int
    kept: int
    collapsed: int | None
    guarded: bool
    cost: float

    def lines(self) -> list[str]:
        """Return the result as a terminal shows it."""
        clean = f"UAR {percent(self.uar_before)} % before, {percent(self.uar_after)} % after"
        lines = [f"{self.method}: {self.n} test clips, {clean} (guessing {percent(self.chance)} %)"]
        if self.robust_uar_before is None or self.robust_uar_after is None:
            lines.append("these are decisions of a few votes; measure what is proven with staanet certify")
        else:
            lines.append(
                f"under attack: UAR {percent(self.robust_uar_before)} % before, {percent(self.robust_uar_after)} % "
                "after; measure it with more attacks with staanet evaluate"
            )
        lines.append(f"epoch {self.kept} of {self.epochs} was kept; a step cost {self.cost:.1f} times a plain one")
        if self.collapsed is not None:
            lines.append(
                f"robustness collapsed in epoch {self.collapsed} (catastrophic overfitting), where training ended; "
                "use more steps or a smaller budget"
            )
        if not self.guarded:
            lines.append("every epoch lost more clean UAR than the guard allows; raise guard, or use a smaller budget")
        return lines


def measuring_attack(budget: Budget, steps: int) -> Attack:
    """Return the attack by which a model is validated or tested: dense, or on few samples."""
    if budget.sparsity < 1:
        return create_attack("spgd", budget=budget, steps=steps)
    return create_attack("apgd", budget=budget, steps=steps, restarts=1)


@dataclass(frozen=True)
class Course:
    """The course of a hardening: measured before, trained, and measured after, on clips of other speakers."""

    learner: Model
    dataset: Dataset
    split: Split
    defence: TrainingDefence
    budget: Budget
    settings: HardeningTraining
    seed: int
    device: torch.device

    def run(self, method: str, progress: Path) -> tuple[Hardening, History]:
        """Train, and return what was achieved and the figures of each epoch."""
        before, cost = self._measured(), self._cost()
        logger.info("%s: a step costs %.1f times as much as plain training", method, cost)
        history = train_model(
            self.learner,
            self.dataset,
            self.split.train,
            self.split.val,
            self.settings,
            progress,
            self.seed,
            self.device,
            defence=self.defence,
            under_attack=self._validation(),
        )
        after, kept = self._measured(), self.settings.kept(history)
        figures = history[kept - 1]
        found = Hardening(
            method=method,
            budget={key: value for key, value in asdict(self.budget).items() if value is not None},
            n=len(self.split.test),
            uar_before=before[0],
            uar_after=after[0],
            robust_uar_before=before[1],
            robust_uar_after=after[1],
            chance=1 / len(self.dataset.labels),
            epochs=len(history),
            kept=kept,
            collapsed=self.settings.collapsed(history),
            guarded=figures["uar"] >= figures["uar_before"] - self.settings.guard,
            cost=cost,
        )
        return found, history

    def _measured(self) -> tuple[float, float | None]:
        """Return the UAR on the test clips without and under attack; that of the votes if the model is smoothed."""
        batches = self._batches(self.split.test)
        if isinstance(self.defence, Smoothing):
            return self._smoothed_uar(self.defence, batches), None
        attacks = [measuring_attack(self.budget, steps) for steps in TEST_STEPS]
        return robust_uar(self.learner, [], batches), robust_uar(self.learner, attacks, batches)

    def _validation(self) -> Callable[[Model, Sequence[Batch]], dict[str, float]]:
        """Return the function that validates an epoch: under attack or, of a smoothed model, by its votes."""
        smoothing = self.defence
        if isinstance(smoothing, Smoothing):

            def by_votes(_: Model, batches: Sequence[Batch]) -> dict[str, float]:
                uar = self._smoothed_uar(smoothing, batches)
                return {"uar": uar, "robust_uar": uar, "uar_before": 0.0}

            return by_votes
        before = robust_uar(self.learner, [], self._batches(self.split.val))
        return RobustValidation(measuring_attack(self.budget, self.settings.validation_steps), before)

    def _smoothed_uar(self, smoothing: Smoothing, batches: Sequence[Batch]) -> float:
        """Return the UAR of few votes."""
        classes, labels, decided = len(self.dataset.labels), [], []
        with frozen(self.learner):
            for batch in batches:
                for clip, length, label in zip(batch.waveforms, batch.lengths, batch.labels.tolist(), strict=True):
                    votes = count_votes(self.learner, smoothing, clip[: int(length)], classes, VOTES, self.seed)
                    labels.append(label)
                    decided.append(votes.index(max(votes)))
        return mean_recall(np.array(labels), np.array(decided))

    def _batches(self, clips: Sequence[str]) -> list[Batch]:
        groups = self.dataset.batches(clips, self.settings.batch_size)
        return [self.dataset.batch(group).to(self.device) for group in groups]

    def _cost(self) -> float:
        """Return the time of a step of training as a multiple of one without the defence; no weight changes."""
        batch = self._batches(self.split.train)[0]
        clips, lengths = self.learner.fit_length(batch.waveforms, batch.lengths)

        def plain() -> Tensor:
            return functional.cross_entropy(self.learner.forward_fitted(clips, lengths).float(), batch.labels)

        def defended() -> Tensor:
            return self.defence.loss(self.learner, None, clips, lengths, batch.labels)

        with seeded(self.seed, "cost"):
            times = [min(self._seconds(step) for _ in range(3)) for step in (plain, defended)]
        return times[1] / times[0]

    def _seconds(self, step: Callable[[], Tensor]) -> float:
        started = time.perf_counter()
        companion = self.defence.companion()
        networks = [self.learner] if companion is None else [self.learner, companion.network]
        weights = [weight for network in networks for weight in network.parameters() if weight.requires_grad]
        torch.autograd.grad(step(), weights, allow_unused=True)
        return time.perf_counter() - started
