"""What is proven at the budgets of an evaluation, so that it can be shown beside what was measured."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staanet.assessment.certified.figures import CertifiedRow
from staanet.assessment.measurement import Curve, Row
from staanet.assessment.recall import uar_with_interval
from staanet.assessment.result import Interval, budget_name, budgets_of, interval, robust
from staanet.assessment.runs import CERTIFICATE, CERTIFIED_CLIPS, NO_WEIGHTS, Conditions, Run, check_comparable
from staanet.assessment.saving import CODECS
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.settings import validated
from staanet.report.wording import percent

TAKEN = ("smoothing", "settings", "certified_object", "draws", "alpha", "accuracy", "uar")
"""Entries of `certificate.json` that `Proven` takes over."""


@dataclass(frozen=True)
class ProvenPoint:
    """One budget of an evaluation at which a certificate holds for some clips.

    Args:
        name: The budget as text.
        accuracy: Share of the clips that are right and provably stay so.
        accuracy_ci: Its 95 % interval.
        uar: The same as the mean over emotions.
    """

    name: str
    accuracy: float
    accuracy_ci: Interval
    uar: float


@dataclass(frozen=True)
class Proven:
    """A certificate at the budgets of an evaluation.

    Args:
        model: Name of the smoothed model.
        same_model: Whether its voters are the evaluated model.
        smoothing: Name of the smoothing.
        settings: Its settings.
        certified_object: Which input the certificate is about.
        draws: Votes for each clip from which probabilities are bounded; None if all voters are asked.
        alpha: Probability that the certificate of a clip is wrong.
        accuracy: Share of the clips on which the votes are right, without any attack.
        uar: The same as the mean over emotions.
        points: Figures at every budget of the evaluation, in the same order.
    """

    model: str
    same_model: bool
    smoothing: str
    settings: Mapping[str, Any]
    certified_object: str
    draws: int | None
    alpha: float
    accuracy: float
    uar: float
    points: Sequence[ProvenPoint]


def holds(row: CertifiedRow, norm: str, snr_db: float, sparsity: float) -> bool:
    """Return whether the certificate of a clip covers every change within a budget.

    Changes of n samples by at most epsilon have an L2 norm of at most epsilon times the root of n.

    Args:
        row: The certificate.
        norm: Norm of its radius: `l2` or `l0`.
        snr_db: Peak SNR in dB of the largest change.
        sparsity: Share of the samples that may change; 0 stands for one sample.
    """
    count = max(1, math.floor(sparsity * row.samples + 1e-9))
    if norm == "l0":
        return row.radius >= count
    return row.radius > math.sqrt(count) * row.peak * 10 ** (-snr_db / 20)


def as_run(folder: Path, like: Conditions) -> Run:
    """Return a certificate as an evaluation with the budgets of another one, in which nothing was measured.

    Args:
        folder: Folder that `certify` wrote.
        like: The conditions of the other evaluation.

    Raises:
        StaanetError: If the folder holds no certificate of this version, or a lossy codec lies between the change that
            the evaluation bounds and the model.
    """
    if (saved := like.settings.get("saved")) in CODECS:
        raise StaanetError(
            f"{folder}: expected clips that are saved as they are, got {saved}, which changes a clip by more than an "
            "attack, and a certificate is about the clip that a model receives; evaluate with --floats"
        )
    if not (folder / CERTIFICATE).is_file():
        raise StaanetError(f"{folder}: expected a folder that `staanet certify` wrote, found no {CERTIFICATE} in it")
    found = read_json(folder / CERTIFICATE)
    certified = [
        validated(CertifiedRow, row, str(folder / CERTIFIED_CLIPS)) for row in read_json(folder / CERTIFIED_CLIPS)
    ]
    about = found["about"]
    rows = {}
    for row in certified:
        own = {kind: _curve(row, found["norm"], points) for kind, points in budgets_of(like.settings["curves"]).items()}
        rows[row.id] = Row(row.id, row.label, row.decided or "", row.speaker, None, None, **own)
    settings = {**like.settings, "labels": sorted(about["labels"]), "corpus": about["corpus"]}
    return Run(
        folder=folder,
        name=f"{found['model']} with {found['smoothing']}",
        identity=about["identity"],
        attacks=(),
        flags=(),
        conditions=Conditions(
            settings, {row.id: (row.label, row.speaker) for row in certified}, about["sample_rate"], about["data"]
        ),
        rows=rows,
        proven=True,
    )


def _curve(row: CertifiedRow, norm: str, budgets: Sequence[tuple[float, float]]) -> Curve:
    """Return the smallest budget that a certificate does not cover, as if an attack had succeeded there."""
    beyond = (number for number, budget in enumerate(budgets) if not holds(row, norm, *budget))
    return Curve(next(beyond, len(budgets)), None, ())


def proven(folder: Path, conditions: Conditions, identity: Mapping[str, Any]) -> Proven:
    """Return what is proven at the budgets of an evaluation.

    Args:
        folder: Folder that `certify` wrote.
        conditions: The conditions of the evaluation.
        identity: What decides the answers of the evaluated model.

    Raises:
        StaanetError: If the folder holds no certificate, or one of other clips.
    """
    run = as_run(folder, conditions)
    check_comparable(conditions, run.conditions, ("this evaluation", str(folder)))
    found, rows = read_json(folder / CERTIFICATE), list(run.rows.values())
    points = []
    for kind, budgets in budgets_of(conditions.settings["curves"]).items():
        for number, budget in enumerate(budgets):
            values = robust(rows, kind, number)
            uar, _ = uar_with_interval(values, rows)
            points.append(ProvenPoint(budget_name(*budget), float(values.mean()), interval(values, rows), uar))
    return Proven(
        model=found["model"],
        same_model=_are_same(found["about"]["identity"], identity),
        **{
            key: found[key]
            for key in ("smoothing", "settings", "certified_object", "draws", "alpha", "accuracy", "uar")
        },
        points=points,
    )


def _are_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two models decide alike by what is known of them; functions have no weights but their names."""
    named = one.get("weights") in (None, NO_WEIGHTS)
    first, second = ({key: value for key, value in each.items() if named or key != "model"} for each in (one, other))
    return first == second


def sentences(found: Proven) -> list[str]:
    """Return what is proven, and about what, in sentences."""
    chance = (
        "nothing in it is left to chance"
        if found.draws is None
        else f"for each clip it is wrong with a probability of at most {found.alpha:g} ({found.draws} votes)"
    )
    whose = "the votes of this model" if found.same_model else f"the votes of {found.model}"
    held = [point for point in found.points if point.accuracy > 0]
    kept = f"at {held[-1].name} on {percent(held[-1].accuracy)} %" if held else "at no budget of the curve on any clip"
    return [
        f"What is proven is about {whose} with {found.smoothing}, which are right on {percent(found.accuracy)} % of "
        f"the clips and provably stay so {kept}; {chance}.",
        found.certified_object,
        "What was measured is an upper bound, which a stronger attack may lower; what is proven is a lower bound.",
    ]
