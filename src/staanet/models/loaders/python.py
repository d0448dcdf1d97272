"""Models written in Python: `file.py:name` or `package.module:name`."""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.signature import file_digest
from staanet.models.base import Model
from staanet.models.external import External, ExternalSettings
from staanet.models.loaders.base import ExternalLoader

DEFAULT_RATE = 16_000
"""Sampling rate in Hz of a model that does not say another."""


@dataclass(frozen=True)
class Python(ExternalLoader):
    """A network, a callable, or a function that builds one, named as `file.py:name` or `package.module:name`.

    The name is an `nn.Module`, any callable of waveforms (and optionally lengths), or a class or function without
    required arguments that returns one of these. Its `labels`, `sample_rate` and `seconds`, if it has them, are
    attributes of the model, of the function that builds it, or of the module.
    """

    name = "python"
    form = "file.py:name or package.module:name"
    runs_code = True

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference has the form `file.py:name` or `package.module:name`."""
        place, colon, name = reference.rpartition(":")
        names = bool(re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name))
        is_module = bool(re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", place))
        return reference.endswith(".py") or (bool(colon) and names and (place.endswith(".py") or is_module))

    def load(self, reference: str) -> Model:
        """Import the module, and return the model in eval mode."""
        self.check(reference)
        title = self.title(reference)
        place, _, name = reference.rpartition(":")
        module = _imported(place)
        found = _named(module, name, place)
        built = _built(found, title)
        if isinstance(built, Model) and not self.dimensions:
            return built.eval()
        holders = (built, found, module)
        own = _attribute(holders, "labels", ())
        rate = _attribute(holders, "sample_rate", DEFAULT_RATE) if self.sample_rate is None else self.sample_rate
        seconds = _attribute(holders, "seconds", None) if self.seconds is None else self.seconds
        framing = replace(self.framing, seconds=seconds)
        if isinstance(own, str):
            raise StaanetError(f"{title}: expected labels as a list of names, got {own!r}")
        settings = ExternalSettings.framed(self.names(tuple(own), title), rate, framing)
        return External(built, settings, title)

    def identity(self, reference: str) -> dict[str, Any]:
        """Return the hash of the file of the module, and the name of the model in it."""
        place, _, name = reference.rpartition(":")
        return {"file": file_digest(_file(place or reference)), "name": name}

    def check(self, reference: str) -> None:
        """Check that the file exists and that the reference names something in it."""
        if reference.endswith(".py"):
            raise StaanetError(f"{reference}: expected {reference}:NAME, the name of a model or of a function in it")
        _file(reference.rpartition(":")[0])


def _file(place: str) -> Path:
    """Return the file of a module, without importing the module itself."""
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise StaanetError(f"{place}: expected a Python file, found none")
        return Path(place)
    try:
        with _here():
            found = importlib.util.find_spec(place)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise StaanetError(f"{place}: expected a Python module that can be imported, found none; install its package")
    return Path(found.origin)


def _imported(place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            with _here():
                return importlib.import_module(place)
        path = Path(place).resolve()
        key = f"staanet_model_{hashlib.sha256(str(path).encode()).hexdigest()[:10]}"
        found = importlib.util.spec_from_file_location(key, path)
        assert found is not None  # noqa: S101
        assert found.loader is not None  # noqa: S101
        module = importlib.util.module_from_spec(found)
        sys.modules[key] = module
        with _here(path.parent):
            found.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:  # importing a module can raise any exception
        raise StaanetError(
            f"{place}: expected a Python module that can be imported, got {type(error).__name__}: {_line(error)}"
        ) from error


@contextmanager
def _here(folder: Path = Path()) -> Iterator[None]:
    """Let modules of a folder, by default the working directory, be imported."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _named(module: ModuleType, name: str, place: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [key for key, value in vars(module).items() if key[0] != "_" and callable(value)]
            raise StaanetError(f"{place}: {unknown_name('model', name, known)}")
        found = getattr(found, part)
    return found


def _built(found: Any, title: str) -> Callable[..., Any]:
    """Return the model that a name stands for: the object itself, or what it returns if it takes no arguments."""
    built = found
    if inspect.isclass(found) or (not isinstance(found, nn.Module) and callable(found) and _needs_nothing(found)):
        try:
            built = found()
        except Exception as error:  # a stranger's function can raise any exception
            raise StaanetError(
                f"{title}: expected a model from it without arguments, got {type(error).__name__}: {_line(error)}"
            ) from error
    if not callable(built):
        raise StaanetError(
            f"{title}: expected an nn.Module, a callable of waveforms, or a function that returns one, got "
            f"{type(built).__name__}"
        )
    return built  # type: ignore[no-any-return]


def _needs_nothing(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called without arguments and does not take waveforms."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (p for p in parameters if p.kind is not p.VAR_KEYWORD)
    return all(p.default is not p.empty for p in positional if p.kind is not p.VAR_POSITIONAL) and not any(
        p.kind is p.VAR_POSITIONAL for p in parameters
    )


def _attribute(holders: tuple[Any, ...], name: str, default: Any) -> Any:
    """Return the first attribute of this name that is neither missing nor None."""
    values = (getattr(holder, name, None) for holder in holders)
    return next((value for value in values if value is not None), default)


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
