"""The certificate of one clip, from the votes of a smoothed model."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from staanet.certificates.bounds import least_draws, lower_bound, upper_bound
from staanet.core.errors import StaanetError
from staanet.core.seeds import derive
from staanet.defences import Partition, RandomisedSmoothing, Smoothing

BATCH = 64
"""Inputs of voters that a model receives at once."""

Decide = Callable[[Tensor, Tensor], Tensor]
"""A function from waveforms `[B, T]` and lengths `[B]` to logits `[B, K]`."""


@dataclass(frozen=True)
class Draws:
    """How often a randomised smoothing votes, and how sure a certificate is.

    Args:
        estimation: Votes from which the probabilities of the classes are bounded.
        selection: Other votes, before, by which the class is decided on.
        alpha: Probability, in (0, 1), that the certificate of a clip is wrong. It is divided among the bounds of
            all classes (Bonferroni's correction).

    Raises:
        StaanetError: If a value is out of range.
    """

    estimation: int = 1000
    selection: int = 100
    alpha: float = 0.001

    def __post_init__(self) -> None:
        """Validate the numbers."""
        if self.estimation < 1 or self.selection < 1:
            raise StaanetError(f"expected one vote or more, got {self.estimation} and {self.selection}")
        if not 0 < self.alpha < 1:
            raise StaanetError(f"expected an alpha in (0, 1), got {self.alpha}; it is the probability of an error")

    def check(self, smoothing: Smoothing, classes: int) -> None:
        """Check that so many votes can certify something.

        Raises:
            StaanetError: If nothing can be certified even if all votes agree.
        """
        if not isinstance(smoothing, RandomisedSmoothing):
            return
        least = least_draws(smoothing.least_share, self.alpha / classes)
        if self.estimation < least:
            raise StaanetError(
                f"expected {least} votes or more for an alpha of {self.alpha:g} and {classes} classes, got "
                f"{self.estimation}, which certify nothing even if all agree; raise draws"
            )


@dataclass(frozen=True)
class Certificate:
    """What is proven about one clip.

    Args:
        decided: Number of the class that the votes decide on; None if they abstain.
        radius: Changes below this L2 norm in full scale, or of at most so many samples, do not change the decision.
        votes: Number of votes for each class.
    """

    decided: int | None
    radius: float
    votes: tuple[int, ...]


def certify(
    model: Decide, smoothing: Smoothing, clip: Tensor, classes: int, draws: Draws, seed: int = 0
) -> Certificate:
    """Return the certificate of a clip.

    With a randomised smoothing, it is wrong with a probability of at most `draws.alpha`, whatever the model. The class
    is decided by the first votes, and its probability is bounded from below by others, those of all other classes from
    above (J. Cohen et al., ICML 2019, section 3.2, for all classes). If the bounds overlap, the votes abstain.

    Args:
        model: A model in evaluation mode.
        smoothing: How it is smoothed.
        clip: Samples of the clip, `[T]`, on the device of the model.
        classes: Number of classes K.
        draws: Numbers of votes, and the probability of an error.
        seed: Random seed; the votes also depend on the samples of the clip.

    Raises:
        StaanetError: If so few votes cannot certify anything.
    """
    draws.check(smoothing, classes)
    if isinstance(smoothing, Partition):
        counts = count_votes(model, smoothing, clip, classes)
        return Certificate(counts.index(max(counts)), smoothing.radius(counts), tuple(counts))
    assert isinstance(smoothing, RandomisedSmoothing)  # noqa: S101
    random = _stream(clip, seed)
    first = _count(model, _drawn(smoothing, clip, draws.selection, random), classes)
    decided = first.index(max(first))
    counts = _count(model, _drawn(smoothing, clip, draws.estimation, random), classes)
    alpha = draws.alpha / classes
    lower = lower_bound(counts[decided], draws.estimation, alpha)
    others = [count for place, count in enumerate(counts) if place != decided]
    upper = min(1 - lower, max(upper_bound(count, draws.estimation, alpha) for count in others))
    if lower <= upper:
        return Certificate(None, 0.0, tuple(counts))
    return Certificate(decided, smoothing.radius(lower, upper, clip), tuple(counts))


def count_votes(
    model: Decide, smoothing: Smoothing, clip: Tensor, classes: int, draws: int = 1, seed: int = 0
) -> list[int]:
    """Return the number of votes for each class; they are no certificate.

    Args:
        model: A model in evaluation mode.
        smoothing: How it is smoothed.
        clip: Samples of the clip, `[T]`, on the device of the model.
        classes: Number of classes K.
        draws: Votes of a randomised smoothing.
        seed: Random seed; the votes also depend on the samples of the clip.
    """
    if isinstance(smoothing, Partition):
        return _count(model, iter(smoothing.parts(clip).split(BATCH)), classes)
    assert isinstance(smoothing, RandomisedSmoothing)  # noqa: S101
    return _count(model, _drawn(smoothing, clip, draws, _stream(clip, seed)), classes)


def _stream(clip: Tensor, seed: int) -> torch.Generator:
    digest = hashlib.blake2b(clip.detach().cpu().contiguous().numpy().tobytes(), digest_size=16).hexdigest()
    return torch.Generator().manual_seed(derive(seed, "votes", digest))


def _drawn(smoothing: RandomisedSmoothing, clip: Tensor, count: int, random: torch.Generator) -> Iterator[Tensor]:
    for start in range(0, count, BATCH):
        yield smoothing.draw(clip, min(BATCH, count - start), random)


def _count(model: Decide, inputs: Iterator[Tensor], classes: int) -> list[int]:
    """Return the number of votes for each class."""
    counts = torch.zeros(classes, dtype=torch.long)
    with torch.no_grad():
        for batch in inputs:
            lengths = torch.full((len(batch),), batch.shape[1], device=batch.device)
            logits = model(batch, lengths)
            if not bool(logits.isfinite().all()):
                raise StaanetError(
                    "expected finite logits from every voter, got NaN or infinite ones, which are no votes; look for a "
                    "division by the level of a silent part"
                )
            counts += torch.bincount(logits.argmax(1).cpu(), minlength=classes)
    return [int(count) for count in counts]
