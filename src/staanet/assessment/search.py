"""The smallest budget of a list at which any attack of an ensemble fools a model, for each clip."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from staanet.assessment.saving import BITS, TOLERANCE
from staanet.assessment.saving import Saved as Saved
from staanet.assessment.settings import Curves, Member
from staanet.attacks import create_attack
from staanet.core.budget import Budget
from staanet.core.classifier import CheckedClassifier
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.data import Batch, Dataset


class Search:
    """A search for the smallest budget at which each clip of a batch is fooled.

    The first entry of the result is `len(points)` for a clip that is not fooled at any budget.

    Args:
        model: The model.
        batch: Clips as they are saved, which the model classifies correctly.
        points: Budgets, from the smallest to the largest.
        saved: How adversarial clips are saved; only what is saved counts.
        seed: Random seed of the attacks.
        source: What is attacked, if that is not the model: the model as an attacker sees it.
        reference: Number of the smallest budget at which attacks of last resort are run.
    """

    def __init__(
        self,
        model: CheckedClassifier,
        batch: Batch,
        points: Sequence[Budget],
        saved: Saved,
        seed: int,
        source: CheckedClassifier | None = None,
        reference: int = 0,
    ) -> None:
        self.reference = reference
        self.model, self.batch, self.points, self.saved, self.seed = model, batch, points, saved, seed
        self.source = model if source is None else source
        self.smallest = [len(points)] * len(batch.ids)
        """Number of the smallest budget at which each clip is fooled."""
        self.attacks: list[str | None] = [None] * len(batch.ids)
        """Attack that found it."""
        self.decided: list[int | None] = [None] * len(batch.ids)
        """Class that the model decides on for the adversarial clip."""
        self.adversarial: list[Tensor | None] = [None] * len(batch.ids)
        """The adversarial clip `[T]` at that budget."""
        with quietly():
            resolved = [point.resolve(batch.waveforms, batch.lengths) for point in points]
        self._epsilons = torch.stack([epsilon[:, 0] for epsilon, _ in resolved], 1)  # [B, points]
        self._counts = torch.stack([counts for _, counts in resolved], 1)  # [B, points]

    def run(self, member: Member) -> None:
        """Run an attack: once at the largest budget if it is minimal, else at ever smaller budgets while it fools."""
        if member.minimal:
            self._attack(member, list(range(len(self.batch.ids))), [len(self.points) - 1] * len(self.batch.ids))
            return
        active, floor = list(range(len(self.batch.ids))), self.reference if member.last_resort else 0
        while active := [row for row in active if self.smallest[row] > floor]:
            targets = [self.smallest[row] - 1 for row in active]
            active = self._attack(member, active, targets)

    def _attack(self, member: Member, rows: list[int], targets: list[int]) -> list[int]:
        """Attack some clips, each at a budget, and return those that are fooled there."""
        fooled: list[int] = []
        for target in sorted(set(targets)):
            group = [row for row, own in zip(rows, targets, strict=True) if own == target]
            with quietly():
                fooled += self._attack_group(member, group, target)
        return fooled

    def _attack_group(self, member: Member, rows: list[int], target: int) -> list[int]:
        clean, lengths, labels = self.batch.waveforms[rows], self.batch.lengths[rows], self.batch.labels[rows]
        attack = create_attack(member.attack, **member.settings, budget=self.points[target])
        adversarial = attack(self.source, clean, labels, lengths, seed=self.seed)
        adversarial = self.saved.perturbed(clean, adversarial.detach(), self._epsilons[rows, target][:, None])
        received = self.saved.received(adversarial, lengths)
        with torch.no_grad():
            decided = self.model(received, lengths).argmax(1)
        wrong = decided != labels
        change = (adversarial - clean).abs()
        sizes, counts = change.amax(1), (change > 0).sum(1)
        fits = (sizes[:, None] <= self._epsilons[rows] + TOLERANCE) & (counts[:, None] <= self._counts[rows])
        fooled = []
        for place, row in enumerate(rows):
            if not wrong[place]:
                continue
            reached = next((point for point in range(target + 1) if fits[place, point]), target)
            if reached < self.smallest[row]:
                self.smallest[row], self.attacks[row] = reached, member.attack
                self.decided[row] = int(decided[place])
                self.adversarial[row] = received[place, : int(lengths[place])].cpu()
            fooled.append(row)
        return fooled


@contextmanager
def quietly() -> Iterator[None]:
    """Ignore the warning that a budget of one sample is less than a sample of a short clip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        yield


def check_steps(dataset: Dataset, clips: Sequence[str], curves: Curves, saved: Saved) -> None:
    """Check that the smallest budgets allow a change of one step of the format in which clips are saved.

    Raises:
        StaanetError: If a budget is below one step in every clip.

    Warns:
        StaanetWarning: If it is below one step in some clips, which it therefore leaves unchanged.
    """
    if saved.step is None:
        return
    step = f"one step of {BITS[saved.name]}-bit audio"
    peaks = [float(dataset.waveform(clip).abs().max()) for clip in clips]
    for snr in (*curves.dense, *((curves.sparse_snr_db,) if curves.sparse else ())):
        below = sum(peak * 10 ** (-snr / 20) < saved.step for peak in peaks)
        text = f"budget {snr:g} dB: expected changes of {step} or more, got less in"
        if below == len(peaks):
            raise StaanetError(f"{text} every clip; remove the budget, or save clips as floats (--floats)")
        if below:
            warnings.warn(f"{text} {below} of {len(peaks)} clips, which stay as they are", StaanetWarning, stacklevel=2)
