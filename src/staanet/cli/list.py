"""`staanet list`: list what is available."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from staanet.cli.options import Json


class Kind(StrEnum):
    """Kinds of things that can be listed."""

    ATTACKS = "attacks"
    CORPORA = "corpora"
    CORRUPTIONS = "corruptions"
    DEFENCES = "defences"
    EXPERIMENTS = "experiments"
    GENERATORS = "generators"
    LOADERS = "loaders"
    METRICS = "metrics"
    MODELS = "models"


def list_(kind: Annotated[Kind, typer.Argument(help="What to list.")], as_json: Json = False) -> None:
    """List available attacks, models, corpora, corruptions, defences, experiments, generators, loaders or metrics."""
    import json

    rows = entries(kind)
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        details = {key: value for key, value in row.items() if key not in ("name", "summary")}
        typer.echo(f"{row['name']}: {row['summary']}")
        if details:
            typer.echo(f"    {'; '.join(f'{key}: {_as_text(value)}' for key, value in details.items())}")


def entries(kind: Kind) -> list[dict[str, Any]]:
    """Return one row per entry of a kind, with its name, its summary and further columns."""
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
        case Kind.CORRUPTIONS:
            from staanet.audio.corruptions import CORRUPTIONS

            return [
                {
                    "name": name,
                    "summary": _first_line(corruption),
                    "severities": f"{', '.join(map(str, corruption.levels))} {corruption.unit}",
                    "reference": corruption.reference,
                }
                for name, corruption in CORRUPTIONS.items()
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
        case Kind.LOADERS:
            from staanet.models import LOADERS

            return [
                {"name": name, "summary": _first_line(loader), "form": loader.form, "needs_trust": loader.runs_code}
                for name, loader in LOADERS.items()
            ]
        case Kind.MODELS:
            from staanet.models import MODELS

            return [{"name": name, "summary": _first_line(model)} for name, model in MODELS.items()]


def _first_line(entry: Any) -> str:
    return str(entry.__doc__).strip().splitlines()[0]


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
