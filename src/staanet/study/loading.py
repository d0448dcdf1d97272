"""Experiment files: those that come with the library, and a user's own."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.paths import as_path
from staanet.core.settings import read_toml, validated
from staanet.study.experiment import Experiment

BASED_ON = "based_on"
"""Key that names another experiment, of which a file has everything but what it changes."""

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
    values = _complete(path, known)
    where = str(path) if str(name) not in known else str(name)
    _refuse_renamed(values, (), where)
    return path.stem, validated(Experiment, values, where)


def _complete(path: Path, known: Mapping[str, Path], before: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the settings in a file, with those of the experiment that it is based on where it names no other ones.

    Args:
        path: The file.
        known: The packaged experiments by name.
        before: The files that are based on this one.

    Raises:
        StaanetError: There is no such experiment, or it is based on itself.
    """
    values = dict(read_toml(path))
    name = values.pop(BASED_ON, None)
    if name is None:
        return values
    base = known.get(str(name)) or path.parent / as_path(str(name))
    if not base.is_file():
        raise StaanetError(f"{path}: {BASED_ON}: {unknown_name('experiment', str(name), known)}; or give a TOML file")
    if base.resolve() in (found := (*before, path.resolve())):
        raise StaanetError(f"{path}: {BASED_ON}: expected another experiment, got {name}, which is based on this one")
    return _merged(_complete(base, known, found), values)


def _merged(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables with the values of others in place of those of the same name, table by table."""
    both = {key: base[key] for key in base.keys() & values.keys()}
    tables = {key for key, value in both.items() if isinstance(value, Mapping) and isinstance(values[key], Mapping)}
    return {**base, **{key: _merged(base[key], own) if key in tables else own for key, own in values.items()}}


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
