"""How the settings of records differ from those of arXiv 2402.01227, as the library states the latter."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from staanet.attacks.generator import GENERATORS
from staanet.core.records import Record
from staanet.core.signature import to_jsonable
from staanet.report.wording import as_text
from staanet.study import load
from staanet.training.generator import GENERATOR_PRESETS
from staanet.training.settings import MODEL_PRESETS

EXPERIMENT = "table4"
"""The experiment that repeats the publication's own on DEMoS."""

NETWORK = "wave_unet"
"""The generator of the publication."""


class Departure(NamedTuple):
    """A setting that differs from the publication, with both values as text."""

    setting: str
    published: str
    here: str


def departures(records: Iterable[Record]) -> dict[Departure, list[str]]:
    """Return every departure from the publication, with the generators, models or evaluations to which it applies.

    Args:
        records: Records of generators.
    """
    found: dict[Departure, list[str]] = {}
    for record in records:
        made_by = record.settings["attack"]["generator"]
        own = [
            ("evaluation", of_evaluation(record)),
            (f"generator {made_by['generator']}", of_generator(made_by)),
            *((f"model {name}", of_model(record.settings[role])) for role, name in _models(record)),
        ]
        for name, differences in own:
            for departure in differences:
                names = found.setdefault(departure, [])
                if name not in names:
                    names.append(name)
    return found


def of_generator(settings: Mapping[str, Any]) -> list[Departure]:
    """Return the departures of a generator: its network, or the sizes of the same network, and its training."""
    network = settings["generator"]
    if network == NETWORK:
        sizes = list(_compared(to_jsonable(GENERATORS[NETWORK].Settings()), settings["sizes"], "sizes"))
    else:
        sizes = [Departure("network", NETWORK, network)]
    return [*sizes, *_compared(to_jsonable(GENERATOR_PRESETS["paper"]), settings["training"], "training")]


def of_model(settings: Mapping[str, Any]) -> list[Departure]:
    """Return the departures of a model: the seconds of a clip that it uses, and its training."""
    published = {
        "seconds": load(EXPERIMENT)[1].models["emo18"].seconds,
        "training": to_jsonable(MODEL_PRESETS["paper"]),
    }
    return list(_compared(published, {"seconds": settings.get("seconds"), "training": settings["training"]}))


def of_evaluation(record: Record) -> list[Departure]:
    """Return the departures of the evaluation of a record: its corpus, protocol and budget."""
    plan = load(EXPERIMENT)[1]
    published = {
        "corpus": plan.corpus.name if plan.corpus else None,
        "protocol": plan.protocol,
        "budget": to_jsonable(plan.budget),
    }
    here = {
        "corpus": record.corpus,
        "protocol": record.protocol,
        "budget": {
            "epsilon": record.budget_epsilon,
            "snr_db": record.budget_snr_db,
            "sparsity": record.budget_sparsity,
        },
    }
    return list(_compared(published, here))


def _models(record: Record) -> list[tuple[str, str]]:
    return [("source", record.source), ("target", record.target)]


def _compared(published: Mapping[str, Any], here: Mapping[str, Any], place: str = "") -> Iterator[Departure]:
    """Yield the settings that differ, and those that only one side has; tables are compared key by key."""
    for key in [*published, *(key for key in here if key not in published)]:
        name = f"{place}.{key}" if place else key
        one, other = published.get(key), here.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _compared(one, other, name)
        elif one != other:
            yield Departure(name, as_text(one), f"{as_text(other)}{_factor(one, other)}")


def _factor(published: Any, here: Any) -> str:
    """Return by which factor a number differs from the published one, if both are numbers above 0."""
    numbers = [value for value in (published, here) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2 or min(numbers) <= 0:
        return ""
    return f" (times {here / published:.3g})" if here > published else f" (divided by {published / here:.3g})"
