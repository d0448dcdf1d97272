"""The figures of a certification, computed from the certificates of the clips."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staanet.assessment.result import Interval, interval
from staanet.certificates import Draws
from staanet.defences import RandomisedSmoothing, Smoothing
from staanet.metrics.success import mean_recall

Flags = NDArray[np.float64]

SNRS_DB = (70.0, 60.0, 50.0, 40.0, 35.0, 30.0, 25.0, 20.0, 15.0, 10.0)
"""Energy SNRs in dB at which L2 certificates are reported."""

SAMPLES = (1, 4, 16, 64)
"""Numbers of changed samples at which certificates are reported."""

PEAK_DB = (40.0, 17.0)
"""Sizes of the changes of few samples, in dB below the peak, that an L2 certificate covers."""


@dataclass(frozen=True)
class CertifiedRow:
    """The certificate of one clip.

    Args:
        id: Id of the clip.
        label: Its emotion.
        speaker: Its speaker.
        decided: The emotion that the votes decide on; None if they abstain.
        radius: Changes below this L2 norm in full scale, or of at most so many samples, do not change the decision.
        votes: Number of votes for each emotion.
        norm: L2 norm of the clip in full scale.
        peak: Largest absolute sample of the clip.
        samples: Number of samples of the clip.
    """

    id: str
    label: str
    speaker: str
    decided: str | None
    radius: float
    votes: dict[str, int]
    norm: float
    peak: float
    samples: int

    @property
    def right(self) -> bool:
        """Whether the votes decide on the label."""
        return self.decided == self.label


@dataclass(frozen=True)
class CertifiedPoint:
    """One budget of a certification.

    Args:
        budget: The budget as text.
        snr_db: Energy SNR in dB of all changes together, or None.
        samples: Number of samples that may change, or None for all.
        size_db: Size of a change in dB below the peak, or None for any size.
        accuracy: Share of the clips that are correct and certified.
        accuracy_ci: Its 95 % interval, which allows for clips of one speaker being alike.
        uar: The same as the mean over emotions.
    """

    budget: str
    snr_db: float | None
    samples: int | None
    size_db: float | None
    accuracy: float
    accuracy_ci: Interval
    uar: float


@dataclass(frozen=True)
class Certified:
    """What is proven about a smoothed model on some clips; `certificate.json` has these fields.

    Args:
        model: Name of the model.
        smoothing: Name of the smoothing.
        settings: Settings of the smoothing, such as sigma.
        norm: Norm of the certified changes: `l2` or `l0`.
        certified_object: Which input the certificates are about.
        draws: Votes for each clip from which probabilities are bounded; None if all voters are asked.
        alpha: Probability that the certificate of a clip is wrong; 0 if all voters are asked.
        n: Number of clips.
        accuracy: Share of the clips on which the votes are right, without any attack; abstaining is wrong.
        accuracy_ci: Its 95 % interval.
        uar: The same as the mean over emotions.
        abstained: Share of the clips on which the votes abstain.
        accuracy_constant: Accuracy of a classifier that always decides on the most frequent emotion, which no attack
            changes.
        uar_constant: Its unweighted average recall.
        median_radius: Median of the radii of the clips, 0 for those that are wrong.
        curve: Share of the clips that are correct and certified at every budget.
        about: Settings, versions and hashes.
    """

    model: str
    smoothing: str
    settings: dict[str, Any]
    norm: str
    certified_object: str
    draws: int | None
    alpha: float
    n: int
    accuracy: float
    accuracy_ci: Interval
    uar: float
    abstained: float
    accuracy_constant: float
    uar_constant: float
    median_radius: float
    curve: Sequence[CertifiedPoint]
    about: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def figures(
    model: str, smoothing: Smoothing, rows: Sequence[CertifiedRow], draws: Draws, about: dict[str, Any]
) -> Certified:
    """Return the figures of a certification."""
    right = np.array([row.right for row in rows], dtype=np.float64)
    labels = [row.label for row in rows]
    shares = [labels.count(label) / len(labels) for label in sorted(set(labels))]
    random = isinstance(smoothing, RandomisedSmoothing)
    return Certified(
        model=model,
        smoothing=smoothing.name,
        settings=asdict(smoothing),  # type: ignore[call-overload]  # subclasses are dataclasses
        norm=smoothing.norm,
        certified_object=smoothing.certified_object(),
        draws=draws.estimation if random else None,
        alpha=draws.alpha if random else 0.0,
        n=len(rows),
        accuracy=float(right.mean()),
        accuracy_ci=interval(right, rows),  # type: ignore[arg-type]  # rows with a label and a speaker
        uar=_uar(right, rows),
        abstained=float(np.mean([row.decided is None for row in rows])),
        accuracy_constant=max(shares),
        uar_constant=1 / len(shares),
        median_radius=float(np.median([row.radius if row.right else 0.0 for row in rows])),
        curve=_l0(rows) if smoothing.norm == "l0" else _l2(rows),
        about=about,
    )


def _l0(rows: Sequence[CertifiedRow]) -> list[CertifiedPoint]:
    points = []
    for count in SAMPLES:
        name = f"{count} sample{'s' * (count > 1)} of any size"
        points.append(_point(name, rows, [row.radius >= count for row in rows], samples=count))
    return points


def _l2(rows: Sequence[CertifiedRow]) -> list[CertifiedPoint]:
    points = []
    for snr in SNRS_DB:
        held = [row.norm > 0 and row.radius > row.norm * 10 ** (-snr / 20) for row in rows]
        points.append(_point(f"{snr:g} dB below the energy", rows, held, snr_db=snr))
    for size in PEAK_DB:
        for count in SAMPLES:
            held = [row.radius > math.sqrt(count) * row.peak * 10 ** (-size / 20) for row in rows]
            name = f"{count} sample{'s' * (count > 1)}, {size:g} dB below the peak"
            points.append(_point(name, rows, held, samples=count, size_db=size))
    return points


def _point(
    budget: str,
    rows: Sequence[CertifiedRow],
    held: Sequence[bool],
    *,
    snr_db: float | None = None,
    samples: int | None = None,
    size_db: float | None = None,
) -> CertifiedPoint:
    values = np.array([row.right and kept for row, kept in zip(rows, held, strict=True)], dtype=np.float64)
    return CertifiedPoint(
        budget=budget,
        snr_db=snr_db,
        samples=samples,
        size_db=size_db,
        accuracy=float(values.mean()),
        accuracy_ci=interval(values, rows),  # type: ignore[arg-type]  # rows with a label and a speaker
        uar=_uar(values, rows),
    )


def _uar(values: Flags, rows: Sequence[CertifiedRow]) -> float:
    """Return the mean over the emotions of the share of their clips whose value is 1."""
    names = np.unique([row.label for row in rows], return_inverse=True)[1]
    return float(mean_recall(names, np.where(values == 1, names, -1)))
