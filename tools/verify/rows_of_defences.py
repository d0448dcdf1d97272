"""Rows of the table of defended models."""

from typing import Any

from verify.cases import Case
from verify.rows_of_records import bounds_only, rates
from verify.study import Study
from verify.tables import Expected, Table, Value, percent

COLUMNS = ("before", "unaware", "adaptive")


def defences(study: Study, cases: list[Case], table: Table) -> list[Expected]:
    """Return a row per attack and defended model: on the base model, unaware of the defence, and on the model itself.

    The base model is the one whose settings are those of the defended model without its defence, or that it names.
    """
    del table
    models: dict[str, dict[str, Any]] = {}
    for case in cases:
        models[case.names["target"]] = study.settings_of(case.records[0], "target") or models.get(
            case.names["target"], {}
        )
    found = {tuple(case.names[name] for name in ("attack", "source", "target")): case for case in cases}
    rows = []
    for attack, model in dict.fromkeys((case.names["attack"], case.names["target"]) for case in cases):
        base = next((name for name, own in models.items() if own and own == _without_defence(models[model])), None)
        three = [found.get((attack, *pair)) for pair in ((base, base), (base, model), (model, model))]
        defended = three[2] or three[1]
        if base is None or defended is None or defended.names["defence"] is None:
            continue
        names = {"attack": attack, "model": model, "defence": defended.names["defence"], "base model": base}
        values = {
            "n": Value(defended.figures["n"]),
            "UAR": percent(defended.figures["uar_clean"]),
            "chance": percent(defended.figures["chance"]),
        }
        for column, case in zip(COLUMNS, three, strict=True):
            values |= _column(column, case, defended)
        rows.append(Expected(names, values))
    return rows


def _without_defence(settings: dict[str, Any]) -> Any:
    if "defence" not in settings or "base_model" in settings:
        return settings.get("base_model")
    return {name: value for name, value in settings.items() if name != "defence"}


def _column(column: str, case: Case | None, other: Case) -> dict[str, Value]:
    """Return the cells of a column, which are empty without a case."""
    headings = [heading for heading in rates(other) if heading != "control"]
    if case is None:
        return {f"{column} {heading}": Value("") for heading in (*headings, "robust accuracy by fold")}
    values = {f"{column} {heading}": value for heading, value in rates(case).items() if heading in headings}
    values[f"{column} excess"] = percent(case.figures["asr_excess"])
    fold = bounds_only(case.figures.get("robust_accuracy_fold_ci"))
    return values | {f"{column} robust accuracy by fold": fold, f"{column} by fold": fold}
