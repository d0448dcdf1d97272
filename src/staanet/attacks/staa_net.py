"""STAA-Net: one forward pass of a trained generator (arXiv 2402.01227), and its shuffled twin as a control."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from staanet.attacks.base import Attack
from staanet.attacks.generator import load_generator
from staanet.attacks.generator.base import Generator, SparsePerturbation
from staanet.core import checkpoints
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier, frozen
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@lru_cache(maxsize=8)
def _loaded(folder: str, written: int) -> tuple[Generator, str]:  # noqa: ARG001
    """Load a generator and hash its weights once, and again when the file is written anew."""
    return load_generator(folder), checkpoints.digest(folder)


@dataclass(frozen=True)
class GeneratorAttack(Attack):
    """An attack made of what a trained generator gives in one pass.

    Args:
        generator: folder of a trained generator, or the generator itself.
        digest: SHA-256 of its weights, checked where given.
        budget: size and share of the samples.
    """

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    access = "none"
    norms = ("l0", "linf")

    generator: str | Path | nn.Module
    digest: str | None = None
    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)

    def network(self) -> Generator:
        """Return the generator.

        Raises:
            StaanetError: no generator there, or another one than the digest says.
        """
        if isinstance(self.generator, Generator):
            return self.generator
        if isinstance(self.generator, nn.Module):
            raise StaanetError(
                f"expected a generator, got {type(self.generator).__name__}; see staanet list generators"
            )
        weights = Path(self.generator) / checkpoints.WEIGHTS
        network, digest = _loaded(str(self.generator), weights.stat().st_mtime_ns if weights.is_file() else 0)
        if self.digest not in (None, digest):
            raise StaanetError(f"{self.generator}: expected weights {self.digest}, got {digest}; train it again")
        return network

    def factors(self, waveforms: Tensor, lengths: Tensor) -> SparsePerturbation:
        """Return the generator's own output within the budget."""
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        network = self.network().to(waveforms.device)
        with frozen(network), torch.no_grad():
            output: SparsePerturbation = network(waveforms, epsilon, lengths, counts)
        return output


@dataclass(frozen=True)
class StaaNet(GeneratorAttack):
    """A sparse perturbation in one pass: magnitudes times 0-1 positions, as a trained generator gives them.

    Source: arXiv 2402.01227, equation 1. Where the generator marks more positions than the budget allows, those with
    the highest scores stay.

    >>> from staanet.attacks.generator import create_generator
    >>> attack = StaaNet(create_generator("compact"), budget=Budget(epsilon=0.01, sparsity=0.05))
    >>> adversarial = attack(lambda x: x, torch.zeros(1, 1000), torch.tensor([0]))
    >>> int((adversarial != 0).sum()) <= 50
    True
    """

    name = "staa_net"
    reference = "arXiv 2402.01227"

    def perturb(
        self,
        model: Classifier,  # noqa: ARG002
        waveforms: Tensor,
        labels: Tensor,  # noqa: ARG002
        lengths: Tensor,
        random: ClipRandom,  # noqa: ARG002
    ) -> Tensor:
        """Return the generator's adversarial waveforms `[B, T]`."""
        return self.factors(waveforms, lengths).adversarial


@dataclass(frozen=True)
class ShuffledStaaNet(GeneratorAttack):
    """STAA-Net's own changes at random places of the same clip: what its choice of places is worth."""

    name = "shuffled_staa_net"
    reference = "control"

    def perturb(
        self,
        model: Classifier,  # noqa: ARG002
        waveforms: Tensor,
        labels: Tensor,  # noqa: ARG002
        lengths: Tensor,
        random: ClipRandom,
    ) -> Tensor:
        """Return waveforms `[B, T]` with the shuffled changes."""
        output = self.factors(waveforms, lengths)
        return waveforms + random.shuffle(output.magnitudes * output.positions)
