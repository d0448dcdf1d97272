"""The catalogue of everything that has a name, stored in a file so that listing it does not import torch."""

import functools
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Kinds of things that can be listed."""

    ATTACKS = "attacks"
    CORPORA = "corpora"
    CORRUPTIONS = "corruptions"
    DEFENCES = "defences"
    DETECTORS = "detectors"
    EXPERIMENTS = "experiments"
    GENERATORS = "generators"
    LOADERS = "loaders"
    METRICS = "metrics"
    MODELS = "models"


COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ATTACKS: ("access", "norms", "targetable", "reference"),
    Kind.CORPORA: ("licence", "citation"),
    Kind.CORRUPTIONS: ("severities", "reference"),
    Kind.DEFENCES: ("reference",),
    Kind.DETECTORS: ("reference",),
    Kind.GENERATORS: ("default", "uses_gradients"),
    Kind.LOADERS: ("form", "needs_trust"),
    Kind.METRICS: ("unit", "stronger", "over"),
}
"""What is listed of each kind apart from names, summaries and BibTeX keys."""

REGISTRIES: Mapping[Kind, tuple[str, str]] = {
    Kind.ATTACKS: ("staanet.attacks", "ATTACKS"),
    Kind.CORPORA: ("staanet.corpora", "CORPORA"),
    Kind.CORRUPTIONS: ("staanet.audio.corruptions", "CORRUPTIONS"),
    Kind.DEFENCES: ("staanet.defences", "DEFENCES"),
    Kind.DETECTORS: ("staanet.detectors", "DETECTORS"),
    Kind.GENERATORS: ("staanet.attacks.generator", "GENERATORS"),
    Kind.LOADERS: ("staanet.models", "LOADERS"),
    Kind.METRICS: ("staanet.metrics", "METRICS"),
    Kind.MODELS: ("staanet.models", "MODELS"),
}
"""Packages and the names of their registries."""

GROUPS = {Kind.LOADERS: "staanet.model_loaders"}
"""Groups of entry points by which other packages add entries."""


def listed(kind: Kind) -> list[dict[str, Any]]:
    """Return one row per entry of a kind: name, summary, further columns, and the BibTeX keys of its papers (`cites`).

    Rows come from the stored catalogue, unless another installed package adds entries of this kind.

    >>> [row["name"] for row in listed(Kind.ATTACKS)][:2]
    ['apgd', 'art']
    """
    from importlib.metadata import entry_points

    if kind in GROUPS and entry_points(group=GROUPS[kind]):
        return entries(kind)
    return stored()[kind.value]


@functools.cache
def stored() -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every kind as stored; `python tools/tables.py` brings the file up to date."""
    import json
    from importlib import resources

    text = (resources.files("staanet.cli") / "catalogue.json").read_text(encoding="utf-8")
    catalogue: dict[str, list[dict[str, Any]]] = json.loads(text)
    return catalogue


def names(kind: Kind, start: str = "") -> list[str]:
    """Return the names of a kind that begin with a text.

    >>> names(Kind.DEFENCES, "r")
    ['resampling', 'rounding']
    """
    return [row["name"] for row in listed(kind) if row["name"].startswith(start)]


def entries(kind: Kind) -> list[dict[str, Any]]:
    """Return the rows of a kind from its registry, which imports torch."""
    if kind is Kind.EXPERIMENTS:
        from staanet.study import load, packaged

        return [{"name": name, "summary": load(name)[1].title, "cites": []} for name in sorted(packaged())]
    return [_row(kind, name, entry) for name, entry in _registry(kind).items()]


def _registry(kind: Kind) -> Mapping[str, Any]:
    from importlib import import_module

    package, name = REGISTRIES[kind]
    registry: Mapping[str, Any] = getattr(import_module(package), name)
    return registry


def _row(kind: Kind, name: str, entry: Any) -> dict[str, Any]:
    import inspect

    from staanet.cli.bibliography import cited_in

    description = inspect.cleandoc(str(entry.__doc__))
    columns = {column: _value(entry, column) for column in COLUMNS.get(kind, ())}
    source = columns.get("reference") or columns.get("citation") or description
    return {"name": name, "summary": description.splitlines()[0], **columns, "cites": cited_in(source)}


def _value(entry: Any, column: str) -> Any:
    if column == "severities":
        return f"{', '.join(map(str, entry.levels))} {entry.unit}"
    value = entry.runs_code if column == "needs_trust" else getattr(entry, column)
    return list(value) if isinstance(value, tuple) else value
