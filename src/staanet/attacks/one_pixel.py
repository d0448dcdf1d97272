"""One-Pixel: a sample of each clip, or a few, changed by differential evolution (https://arxiv.org/abs/1710.08864)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from staanet.attacks.components.few_samples import FewSamples


@dataclass(frozen=True)
class OnePixel(FewSamples):
    """Pairs of a position and a change, optimised by differential evolution.

    Source: J. Su, D. V. Vargas, K. Sakurai, IEEE Transactions on Evolutionary Computation 23, 2019. In the paper a
    pixel may take any colour; here a sample changes by at most epsilon, and two changes at one position add up. The
    paper has 400 individuals, up to 100 generations and the factor 0.5 of all mutations; the defaults here are 30
    individuals and 1000 queries in all, and the factor varies between 0.5 and 1. The preset `paper` is the baseline of
    STAA-Net (arXiv 2402.01227): a population of 300 through 20 generations after the first, and a sample multiplied by
    1 + delta, which hardly moves small ones. The objective of that baseline is the logit of the label alone, and its
    model receives clips that are not standardised, which an attack on a complete model cannot reproduce.

    Args:
        budget: Limits on the size of a change and on the share of samples that may change.
        samples: Number of samples to change, at least 1; the budget may allow fewer.
        queries: Largest number of forward passes per clip. The attack runs as many whole generations as they allow.
        population: Number of individuals per generation, at least 4.
        objective: Objective that the attack maximises.
        targeted: Whether the attack moves towards `labels` instead of away from them.
        change: `add` adds up to epsilon to a sample; `scale` multiplies it by up to 1 + epsilon.
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

    def changes(self, genes: Tensor, samples: Tensor, low: Tensor, high: Tensor, _: tuple[float, float]) -> Tensor:
        """Return changes between `low` and `high`, or (`scale`) that multiple of `samples`."""
        shares = low + genes * (high - low)
        return shares * samples if self.change == "scale" else shares
