"""Checks of the systematic evaluation that ask how large a change an attack needs, and not only whether it succeeds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from estimates import Clip, Estimate, estimate
from systematic_checks import LEVEL, MODEL, NO_RESULTS, Finding, Row, Study
from verdicts import from_signs

from staanet.core.records import Record
from staanet.metrics import sign_test, wilson
from staanet.metrics.outcome import Floats
from staanet.metrics.significance import holm
from staanet.report.sections.domains import least_distances
from staanet.report.wording import interval, number, percent

HIGHLIGHTED = ("jsma", "pixel")
NORMS = {"l0": "L0", "l1": "L1", "l2": "L2", "linf": "Linf"}
"""Keys of the norms of a change in the outcomes. The publication reports the mean of the absolute changes, which orders
attacks as L1 does."""

RADII = (5.0, 20.0, 50.0)
"""Distances in feature space at which features and waveform are compared, in standard deviations of a feature."""

NEVER = "–"
PLACES = {1: "ahead", 0: "undecided", -1: "behind"}

Family = Sequence[Record]
"""The records of one attack with all its settings."""


@dataclass(frozen=True)
class Duel:
    """Two attacks compared by the least change with which each of them fools a clip.

    Args:
        first: The first attack.
        other: The other attack.
        norm: Key of the norm.
        ahead: Share of the clips for which the first attack needs a smaller change, minus the share for which the other
            one does. An attack that never fools a clip needs an infinite change.
        p_value: Exact p-value of McNemar's test.
    """

    first: str
    other: str
    norm: str
    ahead: Estimate
    p_value: float

    def sign(self, p_holm: float) -> int:
        """Return 1 or -1 if the first attack is ahead or behind by corrected p-value and interval, else 0."""
        return self.ahead.speaker_sign if p_holm < LEVEL else 0


def families(study: Study, domain: str) -> dict[str, list[Record]]:
    """Return the records on the published split of each attack in a domain, away from the model's predictions."""
    found: dict[str, list[Record]] = {}
    for record in study.records.values():
        name = str(record.settings["attack"]["name"])
        if record.domain == domain and record.source == MODEL and record.labels_from == "predictions" and name != "art":
            found.setdefault(name, []).append(record)
    return found


def minimal_perturbation(study: Study) -> Finding:
    """Check whether JSMA and Pixel fool clips with smaller changes than every other attack, in each norm."""
    own = families(study, "feature")
    duels = list(_duels(study, own))
    if not duels:
        return NO_RESULTS, []
    corrected = holm([duel.p_value for duel in duels])
    signs = {
        (duel.norm, duel.first, duel.other): duel.sign(p_holm) for duel, p_holm in zip(duels, corrected, strict=True)
    }
    verdicts = [
        f"by {name}: {_verdict([sign for (norm, *_), sign in signs.items() if norm == key])}"
        for key, name in NORMS.items()
    ]
    pairs = dict.fromkeys((duel.first, duel.other) for duel in duels)
    rows = []
    for first, other in pairs:
        cells = [duel for duel in duels if (duel.first, duel.other) == (first, other)]
        shown = [f"{duel.ahead} {PLACES[signs[duel.norm, first, other]]}" for duel in cells]
        rows.append([first, other, str(cells[0].ahead.n), *shown])
    return "; ".join(verdicts), rows


def least_changes(study: Study) -> list[Row]:
    """Return, for each attack on features, the share of the clips that it fools and the median of its least change."""
    rows = []
    for name, records in families(study, "feature").items():
        clips = _common(study, [records])
        least = {norm: _least(study, records, clips, norm) for norm in NORMS}
        fooled = np.isfinite(least["l0"])
        medians = [_size(float(np.median(own[fooled]))) if fooled.any() else NEVER for own in least.values()]
        rows.append([name, str(len(clips)), percent(float(fooled.mean())), *medians])
    return rows


def nearest_by_domain(study: Study) -> list[Row]:
    """Return which share of the clips each attack fools within some distances of the clean features.

    The last cell is the median, over the clips that both fool, of the distance that the attack needs divided by that of
    DeepFool on features.
    """
    reference = families(study, "feature").get("deepfool")
    rows = []
    for domain, norm in (("feature", "l2"), ("waveform", "feature_l2")):
        for name, records in families(study, domain).items():
            clips = _common(study, [records])
            if not clips or any(norm not in row for record in records for row in study.results.outcomes(record)):
                continue
            least = _least(study, records, clips, norm)
            shares = [float((least <= radius).mean()) for radius in RADII]
            within = [f"{percent(share, 0)} {interval(wilson(share, len(clips)))}" for share in shares]
            factor = _factor(study, records, reference, norm) if reference else NEVER
            rows.append([name, domain, str(len(clips)), *within, factor])
    return rows


def _factor(study: Study, records: Family, reference: Family, norm: str) -> str:
    """Return the median factor by which the least distance of an attack exceeds that of the reference."""
    clips = _common(study, [records, reference])
    own, theirs = _least(study, records, clips, norm), _least(study, reference, clips, "l2")
    both = np.isfinite(own) & np.isfinite(theirs)
    return number(float(np.median(own[both] / theirs[both])), 1) if both.any() else NEVER


def _duels(study: Study, own: Mapping[str, Family]) -> Iterator[Duel]:
    """Yield the comparison of each highlighted attack with each other attack, in each norm."""
    for first in (name for name in HIGHLIGHTED if name in own):
        for other in (name for name in own if name not in HIGHLIGHTED):
            ids = _common(study, [own[first], own[other]])
            rows = {row["id"]: row for row in study.results.outcomes(own[first][0])}
            clips = [Clip(None, rows[clip]) for clip in ids]
            for norm in NORMS if clips else ():
                ours, theirs = (_least(study, own[name], ids, norm) for name in (first, other))
                values = (ours < theirs).astype(float) - (ours > theirs)
                yield Duel(first, other, norm, estimate(values, clips), sign_test(values))


def _common(study: Study, compared: Sequence[Family]) -> list[str]:
    """Return the clips that all records of some attacks have."""
    ids = [{row["id"] for row in study.results.outcomes(record)} for records in compared for record in records]
    return sorted(set.intersection(*ids))


def _least(study: Study, records: Family, clips: Sequence[str], norm: str) -> Floats:
    return least_distances([study.results.outcomes(record) for record in records], clips, norm)


def _verdict(signs: Sequence[int]) -> str:
    counts = f"{signs.count(1)} ahead, {signs.count(-1)} behind, {signs.count(0)} undecided"
    return f"{from_signs(signs)} (of {len(signs)} pairs {counts})"


def _size(value: float) -> str:
    return number(value, 0 if value >= 100 else 2)
