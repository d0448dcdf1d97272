"""One-Pixel: a sample of each clip, or a few, changed by differential evolution (https://arxiv.org/abs/1710.08864)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from staanet.attacks.components.few_samples import FewSamples


@dataclass(frozen=True)
class OnePixel(FewSamples):
    """Tuples of a position and a change, added to the clip, that differential evolution makes better.

    Source: J. Su, D. V. Vargas, K. Sakurai, IEEE Transactions on Evolutionary Computation 23, 2019. There a pixel gets
    any colour; here a sample changes by at most epsilon. Two tuples of one position add up. The preset `paper` is the
    baseline of STAA-Net (arXiv 2402.01227): a population of 300 through 20 generations after the first, and a sample
    multiplied by 1 + delta, which can hardly move small ones. There the objective is the label's logit alone, and the
    model sees clips that are not standardised, which no attack on a whole model can repeat.

    Args:
        budget: size and share of the samples.
        samples: how many change, at most as many as the budget allows.
        queries: most forward passes per clip; whole generations of them are used.
        population: individuals per generation.
        objective: what to make grow.
        targeted: go towards `labels` instead of away from them.
        change: `add` up to epsilon to a sample, or `scale` it by up to 1 + epsilon.
    """

    name = "one_pixel"
    reference = "IEEE TEVC 2019, arXiv 1710.08864"
    presets: ClassVar = {
        "paper": {
            "samples": 1,
            "queries": 6300,
            "population": 300,
            "objective": "cross_entropy",
            "change": "scale",
        }
    }

    change: Literal["add", "scale"] = "add"

    def changes(
        self,
        genes: Tensor,
        samples: Tensor,
        low: Tensor,
        high: Tensor,
        bounds: tuple[float, float],  # noqa: ARG002
    ) -> Tensor:
        """Return what is added to `samples`: between `low` and `high`, or that share of them."""
        shares = low + genes * (high - low)
        return shares * samples if self.change == "scale" else shares
