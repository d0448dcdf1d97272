"""Registries: the attacks, corpora, defences, metrics and models that users select by name."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from staanet.core.errors import unknown_name

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A read-only mapping from names to the entries of one kind, in alphabetical order except for those in `first`.

    Args:
        kind: What the entries are, in the singular, such as "attack"; used in error messages.
        entries: The entries by name.
        first: Names of entries that come before all others, in this order.

    >>> registry = Registry("attack", {"noise": 1})
    >>> registry["nois"]
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected an attack from noise; got 'nois'; did you mean 'noise'?
    """

    def __init__(self, kind: str, entries: Mapping[str, T], first: Sequence[str] = ()) -> None:
        self.kind = kind
        self._entries = {name: entries[name] for name in [*first, *sorted(entries.keys() - set(first))]}

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            raise unknown_name(self.kind, name, self._entries)
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def collect(kind: str, namespace: Mapping[str, object], base: type[Any], first: Sequence[str] = ()) -> Registry[Any]:
    """Return a registry of the concrete subclasses and the instances of `base` in a namespace, keyed by their `name`.

    An entry is thus registered by importing it in the `__init__` of its package.

    Args:
        kind: What the entries are, in the singular, such as "attack".
        namespace: Names and objects, as `globals()` returns them.
        base: The class that the entries share.
        first: Names of entries that come before all others, in this order.

    Raises:
        AssertionError: If two different entries have the same name.

    >>> class Base: pass
    >>> class Noise(Base): name = "noise"
    >>> list(collect("attack", {"Noise": Noise, "Base": Base, "other": 3}, Base))
    ['noise']
    """
    entries: dict[str, Any] = {}
    for entry in namespace.values():
        concrete = inspect.isclass(entry) and issubclass(entry, base) and entry is not base
        if not (concrete and not inspect.isabstract(entry)) and not isinstance(entry, base):
            continue
        name = entry.name  # type: ignore[attr-defined]
        assert entries.get(name, entry) is entry, f"two entries of kind {kind} are called {name}"  # noqa: S101
        entries[name] = entry
    return Registry(kind, entries, first)
