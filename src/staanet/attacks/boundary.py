"""The Boundary attack: a walk along the decision boundary that needs decisions only (https://arxiv.org/abs/1712.04248)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import fooled
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples

ORTHOGONAL_EVERY = 10
"""Every how many steps a step is orthogonal only, in order to adapt the length of orthogonal steps."""
HOLDS = (1, 8, 2, 32, 4, 16, 64)
"""Number of samples for which successive starts hold each random sign. White noise alone may fool no clip at all."""
OVERSHOOT = (0.02, 0.002)
"""Distance by which the last query goes beyond the boundary: the sum of these fractions of the Euclidean norm of the
perturbation, and of the largest norm within the budget."""


@dataclass(frozen=True)
class Boundary(Attack):
    """From a perturbation that fools the model, random steps along the boundary and towards the clean clip.

    Source: W. Brendel, J. Rauber, M. Bethge, ICLR 2018. The attack minimises the Euclidean norm and keeps a step only
    if it still fools the model. Steps grow if more than half of the orthogonal steps, or more than a quarter of the
    steps towards the clip, are kept; otherwise they shrink. The authors' code adapts them once per batch of recent
    steps and makes 25 000 queries or more; the default here is 1000. The lengths of the first steps and their factor
    are the authors'.

    The budget is our addition. A walk changes as many randomly chosen samples as the budget allows. It starts from
    random signs of size epsilon, each held for 1 to 64 samples. If none of these fool the model, the starts become
    larger, and the box around the clip then shrinks with each step until it is the one of epsilon. A walk that does not
    get that far is cut to the budget; a clip without a start gets random signs. One more query evaluates the clean
    clip, which is returned as it is if it already fools the model. A walk ends so close to the boundary that a clip may
    be back in its class once it is saved, and decisions do not show how close. The last query therefore makes the
    perturbation a few per cent larger, which is kept if it fools the model. There is no targeted form, since random
    signs cannot find a start of a given class.

    The preset `systematic` has the settings of arXiv 2404.18514 as far as they have a counterpart here. In that work
    each of 100 rounds makes up to 60 queries, steps change by a factor of 2, and starts are uniform over the range.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        queries: Largest number of forward passes per clip after the first, at least 1.
        starts: Largest number of queries that search for a start within the budget, and after that for a larger one.
        orthogonal_step: Initial length of orthogonal steps as a fraction of the Euclidean norm, in (0, 1).
        source_step: Initial length of steps towards the clean clip, as a fraction of the same norm, in (0, 1).
        adaptation: Factor by which step lengths change, above 1.
    """

    name = "boundary"
    access = "decision"
    norms = ("l2", "l0", "linf")
    reference = "arXiv 1712.04248"
    presets: ClassVar = {
        "systematic": {"queries": 6100, "starts": 100, "orthogonal_step": 0.01, "source_step": 0.01, "adaptation": 2.0}
    }

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    queries: int = 1000
    starts: int = 100
    orthogonal_step: float = 0.01
    source_step: float = 0.01
    adaptation: float = 1.5

    def __post_init__(self) -> None:
        """Validate the settings."""
        if min(self.queries, self.starts) < 1:
            raise StaanetError(f"expected queries and starts of 1 or more, got {self.queries} and {self.starts}")
        if not (0 < self.orthogonal_step < 1 and 0 < self.source_step < 1 < self.adaptation < float("inf")):
            raise StaanetError(
                "expected orthogonal_step and source_step in (0, 1) and an adaptation above 1, got "
                f"{self.orthogonal_step}, {self.source_step} and {self.adaptation}"
            )

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the waveforms with the smallest perturbation found, `[B, T]`."""
        walk = Walk(self, model, waveforms, labels, lengths)
        rows = walk.not_fooled()
        for query in range(self.queries):
            if not len(rows):
                break
            started, searching = rows[walk.started[rows]], rows[~walk.started[rows]]
            if len(started) and query + 1 < self.queries:
                walk.step(started, random.select(started))
            elif len(started):
                walk.overshoot(started)
            if len(searching):
                hold = HOLDS[query % len(HOLDS)]
                walk.search_start(searching, random.select(searching), hold, larger=query >= self.starts)
            if query + 1 == 2 * self.starts:
                rows = rows[walk.started[rows]]
        return waveforms + walk.clamped(walk.perturbations, torch.ones_like(walk.widths), slice(None))


class Walk:
    """The state of the walk of each clip; each start or step takes one query per clip."""

    def __init__(self, attack: Boundary, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor) -> None:
        self._model, self._waveforms, self._labels, self._lengths = model, waveforms, labels, lengths
        self._adaptation, self._bounds = attack.adaptation, bounds_of(model)
        self._epsilon, self._counts = attack.budget.resolve(waveforms, lengths)
        self._valid = valid_samples(lengths, waveforms.shape[1])
        self.perturbations = torch.zeros_like(waveforms)
        """Last perturbation of each clip that fooled the model, or its last start, `[B, T]`."""
        self.widths = torch.ones_like(self._epsilon)
        """Largest allowed change of a sample as a multiple of epsilon, `[B, 1]`."""
        self.started = torch.zeros_like(labels, dtype=torch.bool)
        """Whether a start was found, `[B]`."""
        self._orthogonal_steps = torch.full_like(self._epsilon, attack.orthogonal_step)
        self._source_steps = torch.full_like(self._epsilon, attack.source_step)
        self._steps_taken = torch.zeros_like(self._epsilon)

    def not_fooled(self) -> Tensor:
        """Return the indices of the clips whose clean form does not fool the model."""
        rows = torch.arange(len(self.perturbations), device=self.perturbations.device)
        return rows[~self._fooled(self.perturbations, rows)]

    def clamped(self, perturbations: Tensor, widths: Tensor, rows: Tensor | slice) -> Tensor:
        """Return perturbations `[b, T]` clamped to widths `[b, 1]`, in epsilons, and to the bounds of the model."""
        clips, sizes = self._waveforms[rows], widths * self._epsilon[rows]
        low, high = self._bounds
        return perturbations.clamp((low - clips).maximum(-sizes), (high - clips).minimum(sizes))

    def search_start(self, rows: Tensor, random: ClipRandom, hold: int, larger: bool) -> None:
        """Try random signs at random samples of the clips `rows` `[b]` as a start.

        Args:
            rows: Indices of the clips without a start.
            random: Random streams of these clips.
            hold: Number of samples for which each sign is held.
            larger: Whether to try changes twice as large as the previous ones.
        """
        if larger:
            low, high = self._bounds
            widest = (high - low) / self._epsilon[rows].clamp_min(torch.finfo(self._epsilon.dtype).tiny)
            self.widths[rows] = (2 * self.widths[rows]).minimum(widest.clamp_min(1))
        positions = top_positions(random.uniform(), self._counts[rows], self._valid[rows])
        held = torch.arange(positions.shape[1], device=positions.device) // hold
        signs = torch.where(positions, random.signs()[:, held], 0)
        widths = self.widths[rows]
        self.perturbations[rows] = self.clamped(signs * widths * self._epsilon[rows], widths, rows)
        self.started[rows] = self._fooled(self.perturbations[rows], rows)

    def step(self, rows: Tensor, random: ClipRandom) -> None:
        """Try an orthogonal step followed by a step towards the clean clip; some steps are orthogonal only."""
        current, widths = self.perturbations[rows], self.widths[rows]
        orthogonal, source = self._orthogonal_steps[rows], self._source_steps[rows]
        distances = _norms(current)
        direction = current / distances
        noise = torch.where(current != 0, random.normal(), 0)
        noise = noise - (noise * direction).sum(1, keepdim=True) * direction
        moved = (current + noise * (orthogonal * distances / _norms(noise))) / (1 + orthogonal**2).sqrt()
        self._steps_taken[rows] += 1
        orthogonal_only = self._steps_taken[rows] % ORTHOGONAL_EVERY == 0
        shrinkage = 1 - torch.where(orthogonal_only, 0, source)
        smaller = (shrinkage * widths).clamp_min(1)
        trials = self.clamped(shrinkage * self.clamped(moved, widths, rows), smaller, rows)
        kept = self._fooled(trials, rows)[:, None]
        self.perturbations[rows] = torch.where(kept, trials, current)
        self.widths[rows] = torch.where(kept, smaller, widths)
        to_half = torch.where(kept, self._adaptation, 1 / self._adaptation)  # stable at a success rate of 1/2
        to_quarter = torch.where(kept, self._adaptation**0.3, self._adaptation**-0.1)  # stable at 1/4
        self._orthogonal_steps[rows] = torch.where(orthogonal_only, orthogonal * to_half, orthogonal).clamp_max(0.5)
        self._source_steps[rows] = torch.where(orthogonal_only, source, source * to_quarter).clamp_max(0.5)

    def overshoot(self, rows: Tensor) -> None:
        """Try to move the clips `rows` `[b]` within the budget, away from the boundary on which their walks ended."""
        current = self.perturbations[rows]
        own, least = OVERSHOOT
        largest = self._epsilon[rows] * self._counts[rows, None].sqrt()
        grown = (1 + own + least * largest / _norms(current)) * current
        trials = self.clamped(grown, torch.ones_like(largest), rows)
        self.perturbations[rows] = torch.where(self._fooled(trials, rows)[:, None], trials, current)

    def _fooled(self, perturbations: Tensor, rows: Tensor) -> Tensor:
        with torch.no_grad():
            logits = self._model(self._waveforms[rows] + perturbations, self._lengths[rows])
        return fooled(logits, self._labels[rows])


def _norms(perturbations: Tensor) -> Tensor:
    """Return Euclidean norms `[b, 1]`, kept above 0 so that dividing by them is safe."""
    norms: Tensor = torch.linalg.vector_norm(perturbations, dim=1, keepdim=True)
    return norms.clamp_min(torch.finfo(perturbations.dtype).tiny)
