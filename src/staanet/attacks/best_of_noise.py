"""The best of several draws of random noise: the control of attacks that query the model several times."""

from dataclasses import dataclass

from torch import Tensor

from staanet.attacks.base import Attack
from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.box import Box
from staanet.attacks.components.held_signs import held_signs
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class BestOfNoise(Attack):
    """Independent draws of random signs of size epsilon, one per query; returns the first that fools, else the best.

    An attack that makes K queries is better than chance only if it fools more clips than the best of K random draws.
    The draws do not depend on the scores: the search is none, and a clip makes no more queries once a draw succeeded.
    The draws of a larger number of queries include those of a smaller one.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        queries: Largest number of forward passes per clip, at least 1. With 1 and the default of `holds`, this is the
            attack `noise`.
        holds: Number of samples for which successive draws hold each sign, as in `held_noise`; repeated in a cycle.
            The control of `boundary` has the values of its random starts: 1, 8, 2, 32, 4, 16, 64.
        targeted: Whether the attack looks for a draw that is classified as `labels` instead of otherwise.
    """

    name = "best_of_noise"
    access = "scores"
    norms = ("l0", "linf")
    targetable = True
    reference = "control"

    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    queries: int = 300
    holds: tuple[int, ...] = (1,)
    targeted: bool = False

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.queries < 1:
            raise StaanetError(f"expected queries of 1 or more, got {self.queries}")
        if not self.holds or min(self.holds) < 1:
            raise StaanetError(f"expected one or more holds of 1 or more samples, got {list(self.holds)}")

    def perturb(
        self, model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return the waveforms with the best draw of each clip, `[B, T]`."""
        box = Box.of(self.budget, model, waveforms, lengths)
        best = BestSoFar(model, waveforms, labels, lengths, "margin", self.targeted)
        rows = best.all_rows
        for query in range(self.queries):
            hold = self.holds[query % len(self.holds)]
            signs = held_signs(box.counts[rows], lengths[rows], waveforms.shape[1], random.select(rows), hold)
            best.evaluate(box.rows(rows).extreme(signs), rows)
            rows = rows[~best.succeeded[rows]]
            if not len(rows):
                break
        return best.adversarial
