"""STAA-Net: one forward pass of a trained generator (arXiv 2402.01227), and a control with shuffled positions."""

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from staanet.attacks.base import Access, Attack
from staanet.attacks.generator import GENERATORS, load_generator
from staanet.attacks.generator.base import Generator, SparsePerturbation
from staanet.core import checkpoints
from staanet.core.budget import Budget
from staanet.core.classifier import Classifier
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.inputs import check_classes
from staanet.core.seeds import ClipRandom
from staanet.core.signature import LATER
from staanet.core.unwrapping import frozen


@lru_cache(maxsize=8)
def _loaded(folder: str, _modified: int) -> tuple[Generator, str]:
    """Load a generator and hash its weights once, and again when the file has been modified."""
    return load_generator(folder), checkpoints.digest(folder)


@dataclass(frozen=True)
class GeneratorAttack(Attack):
    """Base class of attacks that apply a trained generator; each explains its settings."""

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    access: ClassVar[Access] = "none"
    norms = ("l0", "linf")
    needs_generator = True
    uses_gradients: ClassVar[bool] = False
    """Whether the attack gives its generator the gradients of the source model."""

    generator: str | Path | nn.Module
    digest: str | None = None
    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)

    @classmethod
    def generators(cls) -> tuple[str, ...]:
        """Return the names of the generators that the attack can apply.

        >>> StaaNet.generators()[:2]
        ('compact', 'compact_magnitudes')
        """
        return tuple(name for name, made in GENERATORS.items() if made.uses_gradients == cls.uses_gradients)

    def network(self) -> Generator:
        """Return the generator; it is loaded once.

        Raises:
            StaanetError: There is no generator in the folder, its weights do not match the digest, or it is one for
                another attack.
        """
        network = self._network()
        if network.uses_gradients != self.uses_gradients:
            sees, other = (
                ("the clip only", "one_gradient")
                if network.uses_gradients
                else ("a gradient of the source", "staa_net")
            )
            raise StaanetError(
                f"expected a generator that sees {sees} for {self.name}, got {network.name}; use the attack {other}"
            )
        return network

    def _network(self) -> Generator:
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

    @property
    def stride(self) -> int | None:
        """Stride of the generator in samples."""
        return self.network().stride

    def prepare(self, device: torch.device) -> "GeneratorAttack":
        """Load the generator onto a device, and return the attack."""
        self.network().to(device)
        return self

    def output(
        self,
        waveforms: Tensor,
        lengths: Tensor,
        gradients: Tensor | None = None,
        goals: Tensor | None = None,
    ) -> SparsePerturbation:
        """Return the output of the generator for waveforms `[B, T]`, within the budget.

        Args:
            waveforms: Clean clips, `[B, T]`, which the caller has checked.
            lengths: Number of valid samples of each clip, `[B]`.
            gradients: Gradients of the source model at the clips, `[B, T]`, for a generator that uses them.
            goals: Classes that the clips should be taken for, `[B]`, for a targeted attack.

        Raises:
            StaanetError: Goals are given for a generator that was trained without them, or they are no classes.

        Warns:
            StaanetWarning: If the generator was trained for many budgets, but not for this one.
        """
        epsilon, counts = self.budget.resolve(waveforms, lengths)
        network = self.network().to(waveforms.device)
        if network.budgets is not None and (unseen := network.budgets.unseen(self.budget, waveforms)):
            warnings.warn(
                f"{network.name}: expected {unseen}, for which it acts, although within the budget that was asked for",
                StaanetWarning,
                stacklevel=2,
            )
        if goals is not None:
            if not network.classes:
                raise StaanetError(
                    f"expected a generator that was trained with goals for a targeted {self.name}, got {network.name} "
                    "without; train a conditional one whose classes are the number of those of the source "
                    "(--size classes=7)"
                )
            check_classes(goals, network.classes)
        with frozen(network), torch.no_grad():
            return network.perturbation(waveforms, epsilon, lengths, counts, gradients=gradients, goals=goals)


@dataclass(frozen=True)
class StaaNet(GeneratorAttack):
    """A sparse perturbation in one forward pass: the magnitudes times the 0-1 positions of a trained generator.

    Source: arXiv 2402.01227, equation 1. If the generator marks more positions than the budget allows, those with the
    highest scores are kept.

    Args:
        generator: Folder of a trained generator, or the generator itself.
        digest: Expected SHA-256 of its weights. Default: not checked.
        budget: Limits on the size of a change and on the share of samples that may change.
        targeted: Whether the attack moves towards `labels` instead of away from the classes of the clips. The generator
            must have been trained with `classes`.

    >>> from staanet.attacks.generator import create_generator
    >>> attack = StaaNet(create_generator("compact"), budget=Budget(epsilon=0.01, sparsity=0.05))
    >>> adversarial = attack(lambda x: x, torch.zeros(1, 1000), torch.tensor([0]))
    >>> int((adversarial != 0).sum()) <= 50
    True
    """

    name = "staa_net"
    reference = "arXiv 2402.01227"
    targetable = True

    targeted: bool = field(default=False, metadata=LATER)

    def perturb(
        self, _model: Classifier, waveforms: Tensor, labels: Tensor, lengths: Tensor, _random: ClipRandom
    ) -> Tensor:
        """Return the adversarial waveforms of the generator, `[B, T]`."""
        return self.output(waveforms, lengths, goals=labels if self.targeted else None).adversarial

    def chosen_positions(self, waveforms: Tensor, lengths: Tensor, adversarial: Tensor) -> Tensor:
        """Return the positions `[B, T]` that the generator marks, even where clamping undoes the change.

        Those of a targeted attack depend on the goals, and are the samples that it changed.
        """
        if self.targeted:
            return super().chosen_positions(waveforms, lengths, adversarial)
        return self.output(waveforms, lengths).positions


@dataclass(frozen=True)
class ShuffledStaaNet(GeneratorAttack):
    """The changes of STAA-Net at random positions of the same clip: a control for its choice of positions."""

    name = "shuffled_staa_net"
    reference = "control"

    def perturb(
        self, _model: Classifier, waveforms: Tensor, _labels: Tensor, lengths: Tensor, random: ClipRandom
    ) -> Tensor:
        """Return waveforms with the shuffled changes, `[B, T]`."""
        output = self.output(waveforms, lengths)
        return waveforms + random.shuffle(output.magnitudes * output.positions)
