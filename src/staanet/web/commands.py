"""The command line and the tables of an experiment that repeat an attack of the page."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from staanet.attacks import ATTACKS
from staanet.models import loader_of
from staanet.web.clips import file_name
from staanet.web.settings import AttackRequest, WebSettings

OUTPUT = "attacked.wav"
"""Name of the file with the attacked clip."""


def command(asked: AttackRequest, settings: WebSettings) -> str:
    """Return the command that attacks the same clip in the same way and writes the same file."""
    name = file_name(asked.clip)
    words = ["staanet", "attack", asked.attack, f"./{name}" if name.startswith("-") else name, OUTPUT]
    words += ["--source", asked.model]
    if settings.generator is not None and ATTACKS[asked.attack].needs_generator:
        words += ["--generator", str(settings.generator)]
    words += ["--snr-db", f"{asked.snr_db:.12g}", "--sparsity", f"{asked.sparsity:.12g}"]
    for key, value in asked.settings.items():
        words += ["--set", f"{key}={value}"]
    for key, value in _model_settings(asked, settings).items():
        words += ["--source-set", f"{key}={_toml_value(value)}"]
    words += ["--seed", str(asked.seed)]
    if settings.device is not None:
        words += ["--device", settings.device]
    if loader_of(asked.model).runs_code:
        words += ["--trust"]
    return shlex.join(words)


def toml(asked: AttackRequest, settings: WebSettings) -> str | None:
    """Return model and attack as tables of an experiment file; None for a generator, which an experiment trains."""
    if ATTACKS[asked.attack].needs_generator:
        return None
    budget = {"snr_db": float(f"{asked.snr_db:.12g}"), "sparsity": float(f"{asked.sparsity:.12g}")}
    tables: dict[str, dict[str, Any]] = {
        "models.source": {"model": asked.model, "settings": _model_settings(asked, settings)},
        f"attacks.{asked.attack}": {**budget, **asked.settings, "sources": ["source"]},
    }
    if not tables["models.source"]["settings"]:
        del tables["models.source"]["settings"]
    lines = ["# Model and attack for an experiment file, which also needs a corpus: docs/guide/experiments.md."]
    lines += [f"seed = {asked.seed}"]
    for title, table in tables.items():
        lines += ["", f"[{title}]", *(f"{key} = {_toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _model_settings(asked: AttackRequest, settings: WebSettings) -> Mapping[str, Any]:
    return settings.model_settings if asked.model in settings.models else {}


def _toml_value(value: Any) -> str:
    """Return a value as TOML writes it.

    >>> _toml_value({"ang": "anger"}), _toml_value([1, 2.5]), _toml_value(True)
    ('{ ang = "anger" }', '[1, 2.5]', 'true')
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml_key(key)} = {_toml_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
