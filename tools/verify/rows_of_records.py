"""Rows of the tables that show records: transfer, models, perception, robustness and the headline."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from verify import formulae
from verify.cases import Case
from verify.figures import recall
from verify.formulae import beyond_clips, wilson
from verify.study import Study
from verify.tables import Expected, Table, Value, as_text, distinct, percent

PERCEPTION = {
    "SNR peak dB": "snr_peak_db",
    "PESQ": "pesq",
    "STOI": "stoi",
    "SI-SDR dB": "si_sdr_db",
    "segmental SNR dB": "snr_segmental_db",
    "log-spectral distance dB": "log_spectral_distance_db",
}
NO_SOURCE = "none"
BY_FOLD = ("robust accuracy", "ASR", "excess")
"""Rates that the headline shows over all clips and with the fold as the unit."""


def names_of(case: Case) -> dict[str, str]:
    """Return the fields of a case that may name its row, by the headings of their columns."""
    return {name.replace("_", " "): as_text(value) for name, value in case.names.items()}


def same_conditions(case: Case, names: Sequence[str]) -> tuple[str, ...]:
    """Return the fields in which cases must agree to belong together."""
    return tuple(as_text(case.names.get(name)) for name in names)


def budget_text(case: Case) -> str:
    """Return the budget of a case as tables write it."""
    names, waveform = case.names, case.names["domain"] == "waveform"
    size = "epsilon unbounded"
    if names["budget_epsilon"] is not None:
        size = f"epsilon {names['budget_epsilon']:g} {'of full scale' if waveform else 'deviations of a feature'}"
    elif names["budget_snr_db"] is not None:
        size = f"epsilon {names['budget_snr_db']:g} dB below each clip's peak"
    share = f"{100 * names['budget_sparsity']:.2f}".rstrip("0").rstrip(".")
    return f"{size}, at most {share} % of the {'samples' if waveform else 'features'}"


def transfer(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per attack and source, with the rates on each target and the measures of the first of them."""
    targets = distinct(case.names["target"] for case in cases)
    named = [heading for heading in table.headings if heading in names_of(cases[0]) and heading != "target"]
    rows: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        rows.setdefault(tuple(names_of(case)[heading] for heading in named), []).append(case)
    del study
    return [
        Expected(
            dict(zip(named, name, strict=True)),
            {f"{target} {heading}": Value("") for target in targets for heading in rates(own[0])}
            | {heading: value for case in own for heading, value in _marked_rates(case).items()}
            | _measures(own[0]),
        )
        for name, own in rows.items()
    ]


def _marked_rates(case: Case) -> dict[str, Value]:
    """Return the rates of a case under the headings of its target, with a mark if it is white-box."""
    values, white_box = rates(case), case.names["source"] == case.names["target"]
    values["robust accuracy"] = dataclasses.replace(values["robust accuracy"], mark=white_box)
    return {f"{case.names['target']} {heading}": value for heading, value in values.items()}


def rates(case: Case) -> dict[str, Value]:
    """Return what a target model withstood, by the headings of tables."""
    figures = case.figures
    return {
        "robust accuracy": percent(figures["robust_accuracy"], figures["robust_accuracy_speaker_ci"]),
        "robust UAR": percent(figures["robust_uar"]),
        "ASR": percent(figures["asr"], figures["asr_speaker_ci"]),
        "control": percent(figures["asr_control"]),
        "excess": percent(figures["asr_excess"], figures["asr_excess_speaker_ci"]),
    }


def _measures(case: Case) -> dict[str, Value]:
    figures = case.figures
    return {
        "sparsity %": percent(figures["sparsity"]),
        "SNR peak dB": Value(figures["snr_peak_db"]),
        "comb share %": percent(figures["comb_share"]),
        "s per clip": Value(figures["seconds_per_clip"]),
        "queries": Value(figures["queries"]),
        "gradients": Value(figures["gradients"]),
    }


def models(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per model, corpus and budget, from the first case that has them."""
    del study, table
    firsts: dict[tuple[str, ...], Case] = {}
    for case in cases:
        firsts.setdefault((*same_conditions(case, ("target", "corpus", "split")), budget_text(case)), case)
    return [
        Expected(
            {
                "model": case.names["target"],
                "defence": as_text(case.names["defence"]),
                "corpus": case.names["corpus"],
                "noise within": budget_text(case),
            },
            {
                "n": Value(figures["n"]),
                "UAR %": percent(figures["uar_clean"]),
                "accuracy %": percent(figures["accuracy_clean"], figures["accuracy_clean_ci"]),
                "chance %": percent(figures["chance"]),
                "largest class %": percent(max(figures["clips_by_class"]) / figures["n"]),
                "control %": percent(figures["asr_control"], figures["asr_control_ci"]),
            },
        )
        for case in firsts.values()
        for figures in [case.figures]
    ]


def perception(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per case whose clips have perceptual measures."""
    del study, table
    return [
        Expected(
            names_of(case),
            {
                f"{heading} {over}": Value(case.figures[field + suffix])
                for heading, field in PERCEPTION.items()
                for over, suffix in (("all", ""), ("fooled", "_fooled"))
            },
        )
        for case in cases
        if all("pesq" in row for row in case.rows)
    ]


def headline(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return the headline over all folds, over those on which no setting was chosen, and over each fold."""
    del table
    lead = lead_of(study, cases)
    assert lead is not None
    parts = [Case(study, [record]) for record in lead.records]
    chosen = study.layout.get("selection_folds") or []
    others = Case(study, [record for record in lead.records if record["fold"] not in chosen])
    selected = [others] if 1 < len(others.records) < len(parts) else []
    return [
        Expected(
            {"folds": as_text(case.names["folds"])},
            {
                "n": Value(case.figures["n"]),
                "flags": Value(frozenset(case.flags)),
                **{f"{name} all clips" if name in BY_FOLD else name: value for name, value in rates(case).items()},
                "robust accuracy by fold": bounds_only(case.figures.get("robust_accuracy_fold_ci")),
                "ASR by fold": bounds_only(case.figures.get("asr_fold_ci")),
                "excess by fold": bounds_only(case.figures.get("asr_excess_fold_ci")),
            },
        )
        for case in [lead, *selected, *parts]
    ]


def bounds_only(bounds: tuple[float, float] | None) -> Value:
    """Return a cell that shows an interval of fractions alone, or nothing."""
    return Value("", 100.0, bounds)


def lead_of(study: Study, cases: list[Case]) -> Case | None:
    """Return the case that the experiment named beforehand, else the one with the lowest robust accuracy.

    None without cases.
    """
    named = study.layout.get("headline")
    if named:
        fitting = [
            case
            for case in cases
            if all(case.names[name] == named[name] for name in ("attack", "source", "target"))
            and named.get("corpus", "") in ("", case.names.get("stands_for") or case.names["corpus"])
        ]
        tested = [case for case in fitting if case.names.get("subset", "test") == "test"]
        if fitting:
            return (tested or fitting)[0]
    return min(cases, key=lambda case: case.figures["robust_accuracy"], default=None)


CONDITIONS = (
    *("corpus", "subset", "split", "protocol", "defence", "target", "domain"),
    *("budget_epsilon", "budget_snr_db", "budget_sparsity"),
)
"""Fields in which cases agree over which a worst case is taken."""


def robustness(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per model and budget: the clips that no attack fools, over all attacks and without access."""
    del study, table
    groups: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        groups.setdefault(same_conditions(case, CONDITIONS), []).append(case)
    rows = []
    for group in groups.values():
        blind = [case for case in group if case.names["source"] not in (case.names["target"], NO_SOURCE)]
        for access, chosen in (("any", group), ("no access to the model", blind if len(blind) < len(group) else [])):
            if len(chosen) > 1 and (row := _worst_case(chosen, access)):
                rows.append(row)
    return rows


def _worst_case(cases: list[Case], access: str) -> Expected | None:
    by_clip = [{row["id"]: row for row in case.rows} for case in cases]
    clips = sorted(set.intersection(*(set(rows) for rows in by_clip)))
    if not clips:
        return None
    rows = [by_clip[0][clip] for clip in clips]
    label, speaker = np.array([row["label"] for row in rows]), np.array([row["speaker"] for row in rows])
    correct = np.array([float(row["predicted_clean"] == row["label"]) for row in rows])
    robust = np.array([float(all(_is_robust(own[clip]) for own in by_clip)) for clip in clips])
    share, first = float(robust.mean()), cases[0]
    bounds = beyond_clips(robust, label, speaker, wilson(share, len(clips)), 0.0)
    names = {
        "model": first.names["target"],
        "corpus": first.names["corpus"],
        "within": budget_text(first),
        "access": access,
    }
    values = {
        "strongest attack": Value(
            frozenset([min(cases, key=lambda case: case.figures["robust_accuracy"]).names["attack"]])
        ),
        "robust accuracy": percent(share, bounds),
        "robust accuracy by fold": bounds_only(by_fold(robust, first, clips, 0.0)),
        "robust UAR": percent(recall(robust, label)),
        "chance": percent(1 / len(first.records[0]["labels"])),
        "accuracy": percent(float(correct.mean())),
        "UAR": percent(recall(correct, label)),
        "attacks": Value(len(cases)),
        "n": Value(len(clips)),
    }
    return Expected(names, values)


def _is_robust(row: dict[str, Any]) -> bool:
    return bool(row["label"] == row["predicted_clean"] == row["predicted_adv"])


def by_fold(values: Any, case: Case, clips: Sequence[str], low: float) -> tuple[float, float] | None:
    """Return the interval of a mean over some clips of a case with its folds as the unit; None for one fold."""
    folds = [case.fold_of[clip] for clip in clips]
    return None if None in folds or len(set(folds)) < 2 else formulae.by_fold(values, np.array(folds), low)
