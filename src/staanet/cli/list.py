"""`staanet list`: what there is."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from staanet.cli.options import Json


class Kind(StrEnum):
    """What can be listed."""

    ATTACKS = "attacks"
    CORPORA = "corpora"
    DEFENCES = "defences"
    EXPERIMENTS = "experiments"
    GENERATORS = "generators"
    METRICS = "metrics"
    MODELS = "models"


def list_(kind: Annotated[Kind, typer.Argument()], as_json: Json = False) -> None:
    """List what there is of a kind."""
    import json

    rows = entries(kind)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*(", ".join(value) if isinstance(value, list) else str(value) for value in row.values()))
    Console().print(table)


def entries(kind: Kind) -> list[dict[str, Any]]:
    """Return a row per entry of a kind, with its name and what it is."""
    match kind:
        case Kind.ATTACKS:
            from staanet.attacks import ATTACKS

            return [
                {
                    "name": name,
                    "summary": _first_line(attack),
                    "access": attack.access,
                    "norms": list(attack.norms),
                    "targetable": attack.targetable,
                    "reference": attack.reference,
                }
                for name, attack in ATTACKS.items()
            ]
        case Kind.METRICS:
            from staanet.metrics import METRICS

            return [
                {
                    "name": name,
                    "summary": _first_line(metric),
                    "unit": metric.unit,
                    "stronger": metric.stronger,
                    "over": metric.over,
                }
                for name, metric in METRICS.items()
            ]
        case Kind.CORPORA:
            from staanet.corpora import CORPORA

            return [
                {"name": name, "summary": _first_line(corpus), "licence": corpus.licence, "citation": corpus.citation}
                for name, corpus in CORPORA.items()
            ]
        case Kind.DEFENCES:
            from staanet.defences import DEFENCES

            return [
                {"name": name, "summary": _first_line(defence), "reference": defence.reference}
                for name, defence in DEFENCES.items()
            ]
        case Kind.EXPERIMENTS:
            from staanet.study import load, packaged

            return [{"name": name, "summary": load(name)[1].title} for name in sorted(packaged())]
        case Kind.GENERATORS:
            from staanet.attacks.generator import GENERATORS

            return [{"name": name, "summary": _first_line(generator)} for name, generator in GENERATORS.items()]
        case Kind.MODELS:
            from staanet.models import MODELS

            return [{"name": name, "summary": _first_line(model)} for name, model in MODELS.items()]


def _first_line(entry: Any) -> str:
    return str(entry.__doc__).strip().splitlines()[0]
