"""What protects an evaluated model, and what its attackers therefore attack: the model with and without protection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from staanet.assessment.attackers import ADAPTIVE, OBLIVIOUS
from staanet.assessment.clips import labelled, provenance_of
from staanet.assessment.defended.draws import Flags, attacked, right, until_settled
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.data import Dataset
from staanet.defences import DEFENCES, InputDefence, Smoothing
from staanet.defences.expectation import as_attacked
from staanet.models import Model, load_model
from staanet.models.loaders.base import weights_digest
from staanet.models.loaders.hardened import Hardened
from staanet.models.wrappers import DefendedView

DRAWS = "draws.json"
"""File with the robust accuracies by which the number of draws was chosen."""

DRAW_CLIPS, DRAW_STEPS = 16, 20
"""Clips and steps of the attack by which the number of draws is chosen."""


@dataclass(frozen=True)
class Protection:
    """A model as it decides, and as its attackers see it.

    Args:
        model: The model with its protection.
        sources: What each attacker attacks, by the name of the attacker. A clip counts as robust if none fools the
            model on it.
        plain: The model without its input defence.
        defence: The input defence; None without one.
        hardening: How the model was hardened: its `defence` and, if it is known, its `budget`; None if it was not.
        draws: Robust accuracy of some clips under the adaptive attacker for each number of draws over which a random
            defence was averaged; empty if nothing is random.
        before: Hash of the weights of the model before hardening, if the user named it.
    """

    model: Model
    sources: Mapping[str, Model]
    plain: Model
    defence: InputDefence | None = None
    hardening: Mapping[str, Any] | None = None
    draws: Sequence[tuple[int, float]] = ()
    before: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What the user named beyond the model and its defence that decides the results."""
        return () if self.before is None else (self.before,)

    @property
    def about(self) -> dict[str, Any] | None:
        """What a result says of the protection; None if nothing protects the model."""
        if self.defence is None and self.hardening is None:
            return None
        return {
            "defence": None if self.defence is None else self.defence.identity(),
            "gradient": None if self.defence is None else self.defence.gradient,
            "access": self.model.access,
            "draws": [list(pair) for pair in self.draws],
            "hardening": self.hardening,
            "attackers": list(self.sources),
        }

    @property
    def is_random(self) -> bool:
        """Whether an attacker with gradients must average over the draws of the defence."""
        random = self.defence is not None and self.defence.gradient == "expectation"
        return random and self.model.access == "gradient"

    def settled(
        self, dataset: Dataset, clips: Sequence[str], budget: Budget, device: torch.device, parts: Path, seed: int
    ) -> "Protection":
        """Return the protection with an adaptive attacker who averages over so many draws that more change nothing.

        Args:
            dataset: Dataset of the clips.
            clips: Ids of the clips, of which a few are attacked.
            budget: Budget of the attack.
            device: Device to compute on.
            parts: Folder in which the result is kept.
            seed: Seed of the attack.
        """
        if self.defence is None or not self.is_random:
            return self
        path = parts / DRAWS
        if not path.is_file():
            some = clips[:: -(-len(clips) // DRAW_CLIPS)]
            write_json(path, until_settled(self._attempt(dataset, some, budget, device, seed), random=True)[1])
        tried = [(int(draws), float(share)) for draws, share in read_json(path)]
        source = as_attacked(self.plain, self.defence, tried[-1][0])
        return replace(self, draws=tried, sources={**self.sources, ADAPTIVE: source})

    def _attempt(
        self, dataset: Dataset, clips: Sequence[str], budget: Budget, device: torch.device, seed: int
    ) -> Callable[[int], Flags]:
        def attempt(draws: int) -> Flags:
            assert self.defence is not None  # noqa: S101
            source = as_attacked(self.plain, self.defence, draws)
            made = attacked(source, budget, DRAW_STEPS, dataset, clips, device, seed)
            return right(self.model, dataset, clips, {}, device) & right(self.model, dataset, clips, made, device)

        return attempt


def hardening_of(reference: str | Path) -> dict[str, Any] | None:
    """Return how a checkpoint was hardened: its training `defence` and `budget`, and the hash of the weights before.

    Args:
        reference: Reference to the model.
    """
    made = provenance_of(reference).get("made_from") or {}
    defence = made.get("defence") or {}
    if "name" not in defence:
        return None
    smoothed = issubclass(DEFENCES[defence["name"]], Smoothing) if defence["name"] in DEFENCES else False
    before = (made.get("hardened") or {}).get("weights")
    return {"defence": defence, "budget": made.get("budget"), "smoothed": smoothed, "weights_before": before}


def protection_of(
    model: Model,
    reference: str | Path,
    dataset: Dataset,
    defence: InputDefence | None,
    hardened_from: str | Path | None,
    trust: bool | None,
    device: torch.device,
) -> Protection:
    """Return what protects a model, and what its attackers attack.

    Behind an input defence, the oblivious attacker attacks the model without it. If the model was hardened, he attacks
    the model before, as far as it is known. The adaptive attacker attacks the model as it is.

    Args:
        model: The model.
        reference: Reference to it.
        dataset: Dataset of the clips, whose emotions restrict it.
        defence: Input defence in front of it; None for none.
        hardened_from: Reference to the model before it was hardened. Default: where that model says it was.
        trust: Whether code that comes with that model may run.
        device: Device to compute on.

    Raises:
        StaanetError: If that model is not the one that was hardened.
    """
    plain, hardening = labelled(model, dataset), hardening_of(reference)
    if defence is not None:
        if hardened_from is not None:
            raise StaanetError("expected a defence or the model before hardening, got both; give one of them")
        view = DefendedView(plain, defence)
        source = as_attacked(plain, defence) if plain.access == "gradient" else view
        return Protection(view, {OBLIVIOUS: plain, ADAPTIVE: source}, plain, defence, hardening)
    before = _before(reference, hardening, hardened_from, trust)
    if before is None:
        return Protection(plain, {ADAPTIVE: plain}, plain, hardening=hardening)
    named = None if hardened_from is None else weights_digest(before)
    before = labelled(before.to(device), dataset)
    return Protection(plain, {OBLIVIOUS: before, ADAPTIVE: plain}, plain, hardening=hardening, before=named)


def _before(
    reference: str | Path, hardening: Mapping[str, Any] | None, given: str | Path | None, trust: bool | None
) -> Model | None:
    """Return the model before it was hardened; None if it is not known."""
    if given is None:
        return Hardened.original(str(reference)) if Hardened.accepts(str(reference)) else None
    expected = None if hardening is None else hardening["weights_before"]
    if expected is None:
        raise StaanetError(f"{Path(reference).name}: expected a model that staanet harden wrote, got another")
    found = load_model(given, trust=trust)
    if weights_digest(found) != expected:
        raise StaanetError(f"{given}: expected the model from which {Path(reference).name} was hardened, got another")
    return found
