"""Rows of the table that compares a study with the numbers of a publication."""

import json
import tomllib
from pathlib import Path
from typing import Any

from verify.cases import Case
from verify.rows_by_gender import by_gender
from verify.study import Study
from verify.tables import Expected, Table, Value, percent

PUBLISHED = Path(__file__).resolve().parents[2] / "src" / "staanet" / "experiments" / "published"
SCALES = {"%": 100.0}


def published(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per published number, with the study's own and their difference."""
    del table
    name, _, part = study.layout["published"].partition(".")
    publication = tomllib.loads((PUBLISHED / f"{name}.toml").read_text(encoding="utf-8"))
    printed = publication["tables"][part]
    own, rows = _own(study, cases), []
    for line in printed["values"]:
        named = dict(zip(printed["rows"], map(str, line), strict=False))
        for column, number in zip(publication["columns"][printed["columns"]], line[len(named) :], strict=True):
            keys = {**named, **{key: text for key, text in column.items() if key not in ("metric", "unit")}}
            rows.append(_row(keys, column["metric"], column.get("unit", ""), number, own))
    keys = {name for row in rows for name in row.names}
    return [Expected({name: row.names.get(name, "") for name in keys}, row.values) for row in rows]


def _own(study: Study, cases: list[Case]) -> list[dict[str, Any]]:
    """Return the values with which published ones are compared: cases, their genders, and counts of clips."""
    values = [
        {**case.names, "corpus": case.names.get("stands_for") or case.names["corpus"], **case.figures} for case in cases
    ]
    if study.layout["by_gender"]:
        for case in cases:
            values += [
                {**_group_names(case), "gender": name, **_without_speaker_intervals(own)}
                for name, own in by_gender(case).items()
            ]
    for path in sorted((study.folder / "splits").glob("*.json")):
        split = json.loads(path.read_text(encoding="utf-8"))
        values += [
            {"corpus": split["corpus"], "subset": subset, "label": label, "clips": count}
            for subset, counts in split["clips"].items()
            for label, count in counts.items()
        ]
    return values


def _without_speaker_intervals(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a gender, for which only intervals over clips are published."""
    return {name: value for name, value in figures.items() if not name.endswith("_speaker_ci")}


def _group_names(case: Case) -> dict[str, Any]:
    return {name: case.names[name] for name in ("attack", "domain", "source", "target", "corpus", "labels_from")}


def _row(keys: dict[str, str], metric: str, unit: str, printed: Any, own: list[dict[str, Any]]) -> Expected:
    wanted = {"target": keys["source"], **keys} if "source" in keys else keys
    fitting = [one for one in own if metric in one and all(one.get(key) == text for key, text in wanted.items())]
    numbers = {one[metric] for one in fitting}
    result = fitting[0] if len(numbers) == 1 and None not in numbers else {}
    ours, scale = result.get(metric), SCALES.get(unit, 1.0)
    number = None if isinstance(printed, str) else printed / scale
    bounds = result.get(f"{metric}_speaker_ci", result.get(f"{metric}_ci")) if unit == "%" else None
    controlled = result if metric == "asr" else {}
    robust = result if metric in ("asr", "asr_correct", "accuracy_adv", "uar_adv") else {}
    values = {
        "robust accuracy": percent(
            robust.get("robust_accuracy"), robust.get("robust_accuracy_speaker_ci", robust.get("robust_accuracy_ci"))
        ),
        "published": Value(printed if number is None else number, 1.0 if number is None else scale),
        "ours": Value(ours, scale, bounds),
        "difference": Value(None if ours is None or number is None else ours - number, scale),
        "control": Value(controlled.get("asr_control"), scale),
        "excess": Value(controlled.get("asr_excess"), scale, controlled.get("asr_excess_speaker_ci")),
    }
    return Expected({**keys, "metric": f"{metric} {unit}".strip()}, values)
