"""Experiment files: those that come with the library, and a user's own."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.paths import as_path
from staanet.core.settings import read_toml, validated
from staanet.study.experiment import Experiment

RENAMED = {
    ("victims",): "models",
    ("crossed",): "cross_corpus",
    ("compared",): "pairwise",
    ("matched",): "equal_distortion",
    ("models", "*", "of"): "base_model",
    ("corpus", "pieces"): "segments",
    ("corpora", "*", "pieces"): "segments",
    ("split", "parts"): "subsets",
    ("corpus", "split", "parts"): "subsets",
    ("corpora", "*", "split", "parts"): "subsets",
    ("generators", "*", "against"): "per_source",
}
"""The keys of version 0.1 and what replaces them; `*` stands for any name."""


def packaged() -> dict[str, Path]:
    """Return the experiments that come with the library, by name."""
    folder = resources.files("staanet.experiments")
    return {path.stem: path for path in map(Path, map(str, folder.iterdir())) if path.suffix == ".toml"}


def load(name: str | Path) -> tuple[str, Experiment]:
    """Read an experiment, a packaged name or a TOML file, and return its name and its settings.

    Raises:
        StaanetError: no such experiment, an unknown key (the nearest known one is offered), a key of an earlier version
            (its present name is given), or a value out of range.
    """
    known = packaged()
    path = known.get(str(name)) or as_path(name)
    if not path.is_file() and path.suffix != ".toml":
        raise StaanetError(f"{unknown_name('experiment', str(name), known)}; or give a TOML file")
    values: Mapping[str, Any] = read_toml(path)
    where = str(path) if str(name) not in known else str(name)
    _refuse_renamed(values, (), where)
    return path.stem, validated(Experiment, values, where)


def _refuse_renamed(values: Mapping[str, Any], path: tuple[str, ...], where: str) -> None:
    """Refuse keys and values of version 0.1, naming those of today."""
    for key, value in values.items():
        place = (*path, key)
        for old, new in RENAMED.items():
            if len(old) == len(place) and all(one in ("*", other) for one, other in zip(old, place, strict=True)):
                raise StaanetError(f"{where}: expected the key {new!r}, got {'.'.join(place)!r}, its name before 0.2")
        if key == "labels_from" and value == "truth":
            raise StaanetError(f"{where}: expected labels_from = 'true_labels', got 'truth', its name before 0.2")
        if key == "hears" and "settings" in path:
            raise StaanetError(f"{where}: expected the key 'front_end', got {'.'.join(place)!r}, its name before 0.2")
        if isinstance(value, Mapping):
            _refuse_renamed(value, place, where)
