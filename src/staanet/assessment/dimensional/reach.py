"""How far the attacks of an ensemble move the outputs of a model of dimensions, for a batch of clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.assessment import measurement
from staanet.assessment.saving import TOLERANCE, Saved
from staanet.assessment.search import quietly
from staanet.assessment.settings import Curves, Effort, Member
from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.goals import BEYOND, Goal, Reached, Way, unserved
from staanet.core.budget import Budget
from staanet.core.classifier import CheckedClassifier
from staanet.data import Batch
from staanet.models import Model

NO_GRADIENTS = "needs gradients, which the model does not give"


@dataclass(frozen=True)
class Members:
    """The attacks of an ensemble that can move an output of a model.

    Args:
        dense: Those on every sample.
        sparse: Those on few samples.
        left_out: Why the other attacks of the ensemble cannot, by their names.
    """

    dense: Sequence[Member]
    sparse: Sequence[Member]
    left_out: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """Names of the attacks."""
        return [member.attack for member in (*self.dense, *self.sparse)]


def members_of(effort: Effort, model: Model) -> Members:
    """Return the attacks of an ensemble that can move an output of a model, and why the others cannot."""
    dense, sparse = measurement.members_of(effort, model)
    run = {member.attack for member in (*dense, *sparse)}
    left_out = {one.attack: NO_GRADIENTS for one in (*effort.dense, *effort.sparse) if one.attack not in run}
    for member in (*dense, *sparse):
        attack = ATTACKS[member.attack]
        reason = unserved(attack) or unserved(create_attack(member.attack, **member.settings))
        left_out |= {member.attack: reason} if reason else {}
    dense, sparse = ([member for member in own if member.attack not in left_out] for own in (dense, sparse))
    return Members(dense, sparse, left_out)


class Reach:
    """How far attacks move the outputs for a batch of clips, within each budget.

    An attack within a budget moves an output as far as it can. One that looks for the smallest change moves it by the
    distance, within the largest budget, and counts at every budget that its change fits. One of last resort attacks
    only clips whose output the others have not moved by the distance, at the reference budget and above.

    Args:
        model: The model, frozen.
        clips: The clips as they are saved.
        curves: The budgets.
        saved: How clips are saved; only what is saved counts.
        seed: Random seed.
        distance: The move that counts, as a share of the scale.
    """

    def __init__(
        self, model: CheckedClassifier, clips: Batch, curves: Curves, saved: Saved, seed: int, distance: float
    ) -> None:
        self.model, self.clips, self.curves = model, clips, curves
        self.saved, self.seed, self.distance = saved, seed, distance
        self.clean = self._outputs(clips.waveforms, clips.lengths)
        """Outputs for the clean clips, `[B, D]`."""

    def under_noise(self) -> Tensor:
        """Return the outputs `[points, B, D]` under noise of the size of each budget."""
        rows = list(range(len(self.clips.ids)))
        points = [*self.curves.dense_points, *self.curves.sparse_points]
        return torch.stack([self._within(Member("noise", {}), self.model, rows, point) for point in points])

    def moved(self, members: Members, way: Way) -> Tensor:
        """Return the outputs `[points, B, D]`, each moved up or down as far as any attack gets within each budget."""
        columns = []
        for output in range(self.clean.shape[1]):
            dense = self._farthest(members.dense, self.curves.dense_points, self.curves.dense_reference, output, way)
            few = self._farthest(members.sparse, self.curves.sparse_points, self.curves.sparse_reference, output, way)
            columns.append(torch.cat([dense, few]))  # [points, B]
        return torch.stack(columns, 2)

    def _farthest(
        self, members: Sequence[Member], points: Sequence[Budget], reference: int, output: int, way: Way
    ) -> Tensor:
        """Return an output `[points, B]` as far as any attack gets within each budget, from the smallest on."""
        sign = 1 if way == "up" else -1
        start = sign * self.clean[:, output]
        best = start.repeat(len(points), 1)
        for member in members if points else ():
            if member.minimal:
                best = torch.maximum(best, sign * self._smallest(member, points, output, way, best * sign))
            for place, point in enumerate(points if not member.minimal else ()):
                rows = list(range(len(start)))
                if member.last_resort:
                    near = best[place] - start < self.distance
                    rows = near.nonzero()[:, 0].tolist() if place >= reference else []
                if rows:
                    source = Reached(self.model, output, BEYOND[way], way)
                    found = sign * self._within(member, source, rows, point)[:, output]
                    best[place, rows] = torch.maximum(best[place, rows], found)
            best = best.cummax(0).values  # what fits a budget fits larger ones
        return sign * best

    def _within(
        self, member: Member, source: CheckedClassifier | Reached, rows: Sequence[int], point: Budget
    ) -> Tensor:
        """Return the outputs `[rows, D]` for some clips that an attack changed within a budget."""
        clean, lengths = self.clips.waveforms[list(rows)], self.clips.lengths[list(rows)]
        labels = torch.zeros_like(lengths)
        with quietly():
            epsilon, _ = point.resolve(clean, lengths)
            attack = create_attack(member.attack, **member.settings, budget=point)
            adversarial = attack(source, clean, labels, lengths, seed=self.seed)
        return self._received(self.saved.perturbed(clean, adversarial, epsilon), lengths)

    def _smallest(self, member: Member, points: Sequence[Budget], output: int, way: Way, before: Tensor) -> Tensor:
        """Return an output `[points, B]` that an attack moved by the distance with the smallest change.

        Where this change does not fit a budget, it is that of `before`, `[points, B]`.
        """
        clean, lengths = self.clips.waveforms, self.clips.lengths
        with quietly():
            budgets = [point.resolve(clean, lengths) for point in points]
            attack = create_attack(member.attack, **member.settings, budget=points[-1])
            goal = Goal(output, self.distance, way)
            adversarial = goal.attack(attack, self.model, clean, lengths, seed=self.seed)
        adversarial = self.saved.perturbed(clean, adversarial, budgets[-1][0])
        change = (adversarial - clean).abs()
        sizes, counts = change.amax(1), (change > 0).sum(1)
        fits = torch.stack([(sizes <= most[:, 0] + TOLERANCE) & (counts <= count) for most, count in budgets]).cpu()
        return torch.where(fits, self._received(adversarial, lengths)[:, output], before)

    def _received(self, adversarial: Tensor, lengths: Tensor) -> Tensor:
        return self._outputs(self.saved.received(adversarial, lengths), lengths)

    def _outputs(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model(waveforms, lengths).cpu()
