"""The Boundary attack: a walk along the decision boundary, by decisions alone (https://arxiv.org/abs/1712.04248)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.objectives import reached
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom
from staanet.core.waveforms import top_positions, valid_samples

SIDEWAYS = 10
"""Every how many queries a step goes sideways only, to see whether such steps are too long."""
HOLDS = (1, 8, 2, 32, 4, 16, 64)
"""For how many samples the signs of one start after the other are held: noise of one colour may fool no clip at all."""


@dataclass(frozen=True)
class Boundary(Attack):
    """From a change that fools the model, random steps sideways and towards the clean clip that keep it fooled.

    Source: W. Brendel, J. Rauber, M. Bethge, ICLR 2018. The Euclidean norm shrinks; steps grow where more than half
    (sideways) or a quarter (towards the clip) of them keep the model fooled, and else shrink.

    The budget is ours. A walk stays on as many random samples as may change. It starts from random signs of size
    epsilon there, held for 1 to 64 samples; where none fool the model, from larger and larger ones, in a box that
    shrinks with each step until it is epsilon's. A walk that does not come so far is cut to the budget; a clip without
    a start gets random signs. One query more looks at the clean clip, which stays as it is where it fools the model.
    Only classes are asked for, so a start of a given class cannot be looked for: there is no targeted form.

    The preset `systematic` has the settings of arXiv 2404.18514 as far as they have a counterpart: there each of 100
    rounds asks up to 60 times, steps change by a factor of 2, and starts are uniform noise over the whole range.

    Args:
        budget: size and share of the samples.
        queries: most forward passes per clip.
        starts: of these, how many at most look for a start within the budget, and then for a larger one.
        orthogonal_step: first length of steps sideways, as a share of the change's Euclidean norm, in (0, 1).
        source_step: first length of steps towards the clean clip, likewise.
        adaptation: factor by which step sizes change, above 1.
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
        """Refuse settings with which nothing walks."""
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
        """Return the waveforms `[B, T]` with the least change found."""
        walk = Walk(self, model, waveforms, labels, lengths)
        rows = walk.outside()
        for query in range(self.queries):
            if not len(rows):
                break
            walkers, seekers = rows[walk.found[rows]], rows[~walk.found[rows]]
            if len(walkers):
                walk.step(walkers, random.select(walkers))
            if len(seekers):
                hold = HOLDS[query % len(HOLDS)]
                walk.seek(seekers, random.select(seekers), hold, larger=query >= self.starts)
            if query + 1 == 2 * self.starts:
                rows = rows[walk.found[rows]]
        return waveforms + walk.boxed(walk.changes, torch.ones_like(walk.boxes), slice(None))


class Walk:
    """Where the walk of each clip is, and with which steps it goes on; each seek or step is one query per clip."""

    def __init__(self, attack: Boundary, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor) -> None:
        self._model, self._waveforms, self._labels, self._lengths = model, waveforms, labels, lengths
        self._adaptation, self._bounds = attack.adaptation, bounds_of(model)
        self._epsilon, self._counts = attack.budget.resolve(waveforms, lengths)
        self._valid = valid_samples(lengths, waveforms.shape[1])
        self.changes = torch.zeros_like(waveforms)
        """`[B, T]`, the last ones that fooled the model."""
        self.boxes = torch.ones_like(self._epsilon)
        """`[B, 1]`, how far a sample may change, in epsilons."""
        self.found = torch.zeros_like(labels, dtype=torch.bool)
        """`[B]`, whether there is a start."""
        self._sideways = torch.full_like(self._epsilon, attack.orthogonal_step)
        self._closer = torch.full_like(self._epsilon, attack.source_step)
        self._steps = torch.zeros_like(self._epsilon)

    def outside(self) -> Tensor:
        """Return the rows of the clips that do not fool the model as they are."""
        rows = torch.arange(len(self.changes), device=self.changes.device)
        return rows[~self._fooled(self.changes, rows)]

    def boxed(self, changes: Tensor, boxes: Tensor, rows: Tensor | slice) -> Tensor:
        """Return changes `[b, T]` cut to boxes `[b, 1]` and to the model's bounds."""
        clips, sizes = self._waveforms[rows], boxes * self._epsilon[rows]
        low, high = self._bounds
        return changes.clamp((low - clips).maximum(-sizes), (high - clips).minimum(sizes))

    def seek(self, rows: Tensor, random: ClipRandom, hold: int, larger: bool) -> None:
        """Try random signs at random samples of the clips `rows` `[b]`, twice as `larger` as before where asked.

        A sign is held for `hold` samples.
        """
        if larger:
            low, high = self._bounds
            widest = (high - low) / self._epsilon[rows].clamp_min(torch.finfo(self._epsilon.dtype).tiny)
            self.boxes[rows] = (2 * self.boxes[rows]).minimum(widest.clamp_min(1))
        positions = top_positions(random.uniform(), self._counts[rows], self._valid[rows])
        held = torch.arange(positions.shape[1], device=positions.device) // hold
        signs = torch.where(positions, random.signs()[:, held], 0)
        boxes = self.boxes[rows]
        self.changes[rows] = self.boxed(signs * boxes * self._epsilon[rows], boxes, rows)
        self.found[rows] = self._fooled(self.changes[rows], rows)

    def step(self, rows: Tensor, random: ClipRandom) -> None:
        """Try a step sideways and towards the clean clip, or every so often sideways only."""
        here, boxes = self.changes[rows], self.boxes[rows]
        sideways, closer = self._sideways[rows], self._closer[rows]
        distances = _sizes(here)
        towards = here / distances
        noise = torch.where(here != 0, random.normal(), 0)
        noise = noise - (noise * towards).sum(1, keepdim=True) * towards
        moved = (here + noise * (sideways * distances / _sizes(noise))) / (1 + sideways**2).sqrt()
        self._steps[rows] += 1
        only = self._steps[rows] % SIDEWAYS == 0
        shares = torch.where(only, 0, closer)
        smaller = ((1 - shares) * boxes).clamp_min(1)
        trials = self.boxed((1 - shares) * self.boxed(moved, boxes, rows), smaller, rows)
        fooled = self._fooled(trials, rows)[:, None]
        self.changes[rows], self.boxes[rows] = torch.where(fooled, trials, here), torch.where(fooled, smaller, boxes)
        halves = torch.where(fooled, self._adaptation, 1 / self._adaptation)
        quarters = torch.where(fooled, self._adaptation**0.3, self._adaptation**-0.1)
        self._sideways[rows] = torch.where(only, sideways * halves, sideways).clamp_max(0.5)
        self._closer[rows] = torch.where(only, closer, closer * quarters).clamp_max(0.5)

    def _fooled(self, changes: Tensor, rows: Tensor) -> Tensor:
        with torch.no_grad():
            logits = self._model(self._waveforms[rows] + changes, self._lengths[rows])
        return reached(logits, self._labels[rows])


def _sizes(changes: Tensor) -> Tensor:
    """Return Euclidean norms `[b, 1]`, above 0 so that one can divide by them."""
    norms: Tensor = torch.linalg.vector_norm(changes, dim=1, keepdim=True)
    return norms.clamp_min(torch.finfo(changes.dtype).tiny)
