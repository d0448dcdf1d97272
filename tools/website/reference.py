"""Reference pages, generated from the registries, the command line and the settings."""

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import command_line
import docstrings

import staanet
from staanet.cli.bibliography import bibliography, fields
from staanet.cli.catalogue import REGISTRIES, Kind, entries
from staanet.core.budget import Budget
from staanet.study import Experiment, attack_plans, plans
from staanet.training import augmentation, generator, settings

INTRODUCTIONS = {
    Kind.ATTACKS: "Names are those of `staanet attack NAME` and `staanet.create_attack(NAME)`; settings are fields. "
    "*Access* is what an attack uses of the model while it runs.",
    Kind.CORPORA: "Names are those of `staanet prepare NAME ROOT`. Corpora are never downloaded.",
    Kind.CORRUPTIONS: "Changes of recordings that nobody intends, each in five severities "
    "([guide](../guide/corruptions.md)).",
    Kind.DEFENCES: "[The guide](../guide/defences.md) explains how to use them.",
    Kind.DETECTORS: "[The guide](../guide/harden.md) explains how to find out what one is worth.",
    Kind.EXPERIMENTS: "Names are those of `staanet run NAME` ([keys](configuration.md)).",
    Kind.GENERATORS: "Networks that generate perturbations: `staanet fit NAME`.",
    Kind.LOADERS: "What each form of a model reference means: "
    "`staanet.load_model(REFERENCE)` ([guide](../guide/your-own-model.md)).",
    Kind.METRICS: "[Metrics](../metrics.md) explains how to read them.",
    Kind.MODELS: "Names are those of `staanet train NAME` and `staanet.create_model(NAME)`.",
}

PLANS: dict[str, type[Any]] = {
    "Top level": Experiment,
    "corpora": plans.CorpusPlan,
    "split": plans.SplitPlan,
    "models": plans.ModelPlan,
    "generators": plans.GeneratorPlan,
    "attacks": attack_plans.AttackUse,
    "Training of models": settings.ModelTraining,
    "Augmentation": augmentation.Augmentation,
    "Training of generators": generator.GeneratorTraining,
    "Budget": Budget,
}
"""Tables of an experiment file and the dataclasses that they are read into."""


def pages() -> dict[str, str]:
    """Return the reference pages by their paths."""
    registries = {f"reference/{kind.value}.md": "\n".join(_registry(kind)) for kind in Kind}
    return {
        **registries,
        "reference/api.md": "\n".join(_api()),
        "reference/command-line.md": command_line.page(),
        "reference/configuration.md": "\n".join(_configuration()),
        "reference/bibliography.md": "\n".join(_bibliography()),
    }


def _registry(kind: Kind) -> Iterator[str]:
    yield f"# {kind.value.capitalize()}\n\n{INTRODUCTIONS[kind]}\n"
    rows = entries(kind)
    columns = [key for key in rows[0] if key not in ("cites", "citation")]
    yield from table(
        [_heading(key) for key in columns],
        [[_cell(kind, key, row[key], row) for key in columns] for row in rows],
    )
    if kind is Kind.EXPERIMENTS:
        return
    package, name = REGISTRIES[kind]
    registry = getattr(__import__(package, fromlist=[name]), name)
    for row in rows:
        entry = registry[row["name"]]
        python = entry if inspect.isclass(entry) else getattr(entry, "function", type(entry))
        yield f"\n## `{row['name']}`\n"
        yield _papers(row)
        form = "class" if inspect.isclass(python) else "function"
        yield docstrings.directive(form, python.__name__, python, docstrings.markdown(entry))


def _papers(row: dict[str, Any]) -> str:
    links = [f"[{fields(bibliography()[key])['title']}](bibliography.md#{key})" for key in row["cites"]]
    licence = f"Licence: {row['licence']}. " if "licence" in row else ""
    return f"{licence}Source: {'; '.join(links).replace('{', '').replace('}', '')}.\n" if links or licence else ""


def _cell(kind: Kind, key: str, value: Any, row: dict[str, Any]) -> str:
    if key == "name":
        return f"`{value}`" if kind is Kind.EXPERIMENTS else f"[`{value}`](#{value})"
    if key == "reference" and row["cites"]:
        return f"[{value}](bibliography.md#{row['cites'][0]})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _heading(key: str) -> str:
    return {"reference": "source", "summary": "description"}.get(key, key).replace("_", " ").capitalize()


def table(heading: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    for row in (heading, ["---"] * len(heading), *rows):
        cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |"


def _api() -> Iterator[str]:
    yield "# Python interface\n\nAll of these are attributes of `staanet`, and are imported when they are first used.\n"
    for name in (name for name in staanet.__all__ if name != "__version__"):
        entry = getattr(staanet, name)
        yield f"\n## `{name}`\n"
        yield docstrings.directive("class" if inspect.isclass(entry) else "function", entry.__name__, entry)
        if inspect.isclass(entry) and not issubclass(entry, Exception):
            methods = [one for key, one in vars(entry).items() if key[0] != "_" and inspect.isfunction(one)]
            for method in methods:
                yield docstrings.directive("method", f"{name}.{method.__name__}", method)


def _configuration() -> Iterator[str]:
    yield "# Configuration keys\n"
    yield "The keys of an experiment file (`staanet run FILE.toml`), with types and defaults."
    yield "[Experiments](../guide/experiments.md) explains them one by one; an unknown key is refused with the nearest."
    yield ""
    for title, schema in PLANS.items():
        yield f"\n## {title}\n"
        rows = [[f"`{one.name}`", f"`{_type(one)}`", _default(one)] for one in dataclasses.fields(schema)]
        yield from table(["Key", "Type", "Default"], rows)


def _type(field: dataclasses.Field[Any]) -> str:
    text = field.type.__name__ if inspect.isclass(field.type) else str(field.type)
    return docstrings.short(text)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    return "empty" if field.default_factory is not dataclasses.MISSING else "required"


def _bibliography() -> Iterator[str]:
    yield "# Bibliography\n\n`staanet cite NAME` prints these entries; `staanet cite` that of the library.\n"
    for key, entry in bibliography().items():
        yield f"({key})=\n\n## {key}\n\n```bibtex\n{entry}\n```\n"
