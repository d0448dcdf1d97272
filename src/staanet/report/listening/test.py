"""The blind listening test of a run's examples: what it consists of, and the page that a listener is given."""

import base64
import hashlib
import logging
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staanet.audio.files import encode
from staanet.core.errors import StaanetError
from staanet.core.files import atomic_write
from staanet.core.records import contents
from staanet.core.signature import signature
from staanet.report.examples import read_clips
from staanet.report.templates import TEMPLATES

VERSION = 1
"""Of the test: raised when earlier results would no longer compare."""

TRIALS = 2
"""Of each pair in a sitting, where nothing else is said."""

CATCH_TRIALS = 3
"""Of a sitting: whoever listens gets them right, whoever guesses passes all of them once in eight times."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """Two clips to be told apart.

    Args:
        attack: that made the other clip; None in a catch trial, whose other clip is the original in noise.
        original: `[T, C]`.
        other: `[T, C]`.
        rate: of both, in Hz.
        number: among all pairs, so that a clip that is in two of them has a name in each.
    """

    attack: str | None
    original: NDArray[np.float32]
    other: NDArray[np.float32]
    rate: int
    number: int = 0

    @cached_property
    def digests(self) -> tuple[str, str]:
        """The SHA-256 of the samples of both clips, which no encoder and no file name changes."""
        first, second = (hashlib.sha256(f"{self.rate} ".encode() + x.tobytes()) for x in (self.original, self.other))
        return first.hexdigest(), second.hexdigest()

    @property
    def names(self) -> tuple[str, str]:
        """What the page and the result files call the original and the other clip: salted hashes."""
        salt = f"{self.number} {self.digests}"
        first, second = (hashlib.sha256(f"{salt} {side}".encode()).hexdigest()[:16] for side in ("original", "other"))
        return first, second


@dataclass(frozen=True)
class ListeningTest:
    """What a run's listening test consists of.

    Args:
        id: ten hex digits that change with the clips and with the version of the test, and with nothing else.
        pairs: those of the attacks, then those of the catch trials; empty where a run has no examples.
        unchanged: the examples left out because nothing differs in them.
    """

    id: str
    pairs: list[Pair]
    unchanged: list[str]


def of(run: Path) -> ListeningTest:
    """Return the listening test of a run's examples."""
    found: list[Pair] = []
    unchanged: list[str] = []
    for folder in contents(run, "examples", "[!.]*"):
        facts, original, adversarial, rate = read_clips(folder)
        if np.array_equal(original, adversarial):
            unchanged.append(folder.name)
        else:
            found.append(Pair(facts.attack, original, adversarial, rate))
    found.sort(key=lambda pair: pair.digests)
    about = {"version": VERSION, "catch_trials": CATCH_TRIALS, "clips": [pair.digests for pair in found]}
    catches = [_catch(found[index % len(found)], seed=index) for index in range(CATCH_TRIALS if found else 0)]
    pairs = [replace(pair, number=number) for number, pair in enumerate([*found, *catches])]
    return ListeningTest(signature({"listening_test": about}), pairs, unchanged)


def required(run: Path) -> ListeningTest:
    """Return the listening test of a run's examples.

    Raises:
        StaanetError: there is nothing to listen to.
    """
    test = of(run)
    if not test.pairs:
        raise StaanetError(
            f"{run / 'examples'}: expected clips that an attack changed, found none; give the run of an experiment "
            "that has an attack by a generator and whose `examples` is above 0"
        )
    return test


def _catch(pair: Pair, seed: int) -> Pair:
    """Return a pair's original beside itself in white noise of its own energy (0 dB), made to fit full scale."""
    noise = np.random.default_rng(seed).standard_normal(pair.original.shape)
    noisy = pair.original + noise * math.sqrt(float(np.square(pair.original).mean()))
    noisy /= max(1.0, float(np.abs(noisy).max()))
    return Pair(None, pair.original, noisy.astype(np.float32), pair.rate)


def write(run: Path, trials: int = TRIALS) -> Path:
    """Write a run's blind ABX test as one page that needs no network, and return the page's path.

    The page draws the order, the sides and X anew for every sitting and saves a result file at its end. Nothing in it
    says which clip is which; but whoever takes its source apart and compares the audio can find out.

    Args:
        run: the folder that `staanet run` wrote.
        trials: how often a sitting has each pair, above 0.

    Raises:
        StaanetError: fewer trials, or nothing to listen to.
    """
    if trials < 1:
        raise StaanetError(f"expected trials above 0, got {trials}; raise --trials")
    test = required(run)
    for name in test.unchanged:
        logger.warning(
            "%s: expected a clip that the attack changed, got the original; left out", run / "examples" / name
        )
    page = run / "report" / "listening-test.html"
    html = TEMPLATES.get_template("listening/test.html.j2").render(data=_data(test, trials))
    with atomic_write(page) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
    return page


def _data(test: ListeningTest, trials: int) -> dict[str, Any]:
    """Return what the page draws from, in the order of the names, which says nothing."""
    clips = {
        name: base64.b64encode(encode(samples, pair.rate)).decode()
        for pair in test.pairs
        for name, samples in zip(pair.names, (pair.original, pair.other), strict=True)
    }
    practice = next(pair for pair in test.pairs if pair.attack is None)
    return {
        "test": test.id,
        "trials_per_clip": trials,
        "pairs": sorted([*sorted(pair.names), 1 if pair.attack is None else trials] for pair in test.pairs),
        "practice": sorted(practice.names),
        "level": practice.names[0],
        "clips": dict(sorted(clips.items())),
    }
