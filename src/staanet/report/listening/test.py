"""A blind listening test (ABX) of the examples of a run: its trials, and the page for listeners."""

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
from staanet.core.run import Run, as_run
from staanet.core.signature import signature
from staanet.report.examples import read_clips
from staanet.report.templates import page as html_page

VERSION = 1
"""Version of the test, raised when earlier results are no longer comparable."""

TRIALS = 2
"""Default number of trials for each pair of clips."""

CATCH_TRIALS = 3
"""Number of catch trials. An attentive listener answers them correctly; one who guesses passes all of them with
probability 1/8."""

STYLES, SCRIPTS = ("page.css", "listening/test.css"), ("listening/test.js",)
"""Files of the page for listeners."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """Two clips between which listeners have to distinguish.

    Args:
        attack: The attack that produced the other clip; None in a catch trial, where the other clip is the original in
            noise.
        original: Original clip `[T, C]`.
        other: Other clip `[T, C]`.
        rate: Sampling rate of both clips in Hz.
        number: Index of the pair, so that a clip that is part of two pairs has a different name in each.
    """

    attack: str | None
    original: NDArray[np.float32]
    other: NDArray[np.float32]
    rate: int
    number: int = 0

    @cached_property
    def digests(self) -> tuple[str, str]:
        """SHA-256 of the samples of both clips, which depends neither on the encoder nor on file names."""
        first, second = (hashlib.sha256(f"{self.rate} ".encode() + x.tobytes()) for x in (self.original, self.other))
        return first.hexdigest(), second.hexdigest()

    @property
    def names(self) -> tuple[str, str]:
        """Names of the original and the other clip in the page and in result files, which are salted hashes."""
        salt = f"{self.number} {self.digests}"
        first, second = (hashlib.sha256(f"{salt} {side}".encode()).hexdigest()[:16] for side in ("original", "other"))
        return first, second


@dataclass(frozen=True)
class ListeningTest:
    """The listening test of a run.

    Args:
        id: Ten hex digits that depend on the clips and on the version of the test only.
        pairs: Pairs of the attacks, followed by those of the catch trials; empty if the run has no examples.
        unchanged: Names of the examples that were skipped because both clips are equal.
    """

    id: str
    pairs: list[Pair]
    unchanged: list[str]


def listening_test(run: Run | Path) -> ListeningTest:
    """Return the listening test of the examples of a run."""
    changed: list[Pair] = []
    unchanged: list[str] = []
    for folder in as_run(run).examples:
        facts, original, adversarial, rate = read_clips(folder)
        if np.array_equal(original, adversarial):
            unchanged.append(folder.name)
        else:
            changed.append(Pair(facts.attack, original, adversarial, rate))
    changed.sort(key=lambda pair: pair.digests)
    about = {"version": VERSION, "catch_trials": CATCH_TRIALS, "clips": [pair.digests for pair in changed]}
    catches = [
        _catch_pair(changed[index % len(changed)], seed=index) for index in range(CATCH_TRIALS if changed else 0)
    ]
    pairs = [replace(pair, number=number) for number, pair in enumerate([*changed, *catches])]
    return ListeningTest(signature({"listening_test": about}), pairs, unchanged)


def require_listening_test(run: Run | Path) -> ListeningTest:
    """Return the listening test of the examples of a run.

    Raises:
        StaanetError: The run has no examples that an attack changed.
    """
    run = as_run(run)
    test = listening_test(run)
    if not test.pairs:
        raise StaanetError(
            f"{run.folder / 'examples'}: expected clips that an attack changed, found none; give the run of an "
            "experiment that has an attack by a generator and whose `examples` is above 0"
        )
    return test


def _catch_pair(pair: Pair, seed: int) -> Pair:
    """Return the pair of an original clip and the same clip in white noise at 0 dB SNR, scaled to fit full scale."""
    noise = np.random.default_rng(seed).standard_normal(pair.original.shape)
    noisy = pair.original + noise * math.sqrt(float(np.square(pair.original).mean()))
    noisy /= max(1.0, float(np.abs(noisy).max()))
    return Pair(None, pair.original, noisy.astype(np.float32), pair.rate)


def write(run: Run | Path, trials: int = TRIALS) -> Path:
    """Write the blind ABX test of a run as one page that needs no network, and return the path of the page.

    The page draws the order of the trials, the assignment of clips to A and B, and X at random for every session, and
    saves a result file at the end. It does not show which clip is which, although its audio could be extracted and
    compared.

    Args:
        run: The run, or the folder that `staanet run` wrote.
        trials: Number of trials for each pair of clips in one session, at least 1.

    Raises:
        StaanetError: `trials` is below 1, or the run has no examples that an attack changed.
    """
    if trials < 1:
        raise StaanetError(f"expected trials above 0, got {trials}; raise --trials")
    run = as_run(run)
    test = require_listening_test(run)
    for name in test.unchanged:
        logger.warning(
            "%s: expected a clip that the attack changed, got the original; skipped", run.folder / "examples" / name
        )
    page = run.folder / "report" / "listening-test.html"
    html = html_page("listening/test.html.j2", styles=STYLES, scripts=SCRIPTS, data=_data(test, trials))
    with atomic_write(page) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
    return page


def _data(test: ListeningTest, trials: int) -> dict[str, Any]:
    """Return the data of the page, sorted by the names of the clips, which do not show which clip is which."""
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
