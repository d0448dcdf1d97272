"""What can be found out about a model through its wrappers: its modules, its arguments and its attributes."""

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

DEPTH = 5
"""Largest number of functions, objects and containers around a module that are looked through."""

MEMBERS = 64
"""Largest number of members of a container that are looked at."""

LENGTHS = ("lengths", "length", "lens", "input_lengths", "x_lengths")
"""Names of an argument that takes the lengths of clips."""

TakesLengths = Literal["yes", "by keyword", "no", "perhaps"]


def innermost(model: Any) -> Any:
    """Return the model within wrappers of torch: `torch.compile`, `DataParallel` and `DistributedDataParallel`.

    >>> network = nn.Linear(2, 3)
    >>> innermost(DataParallel(network)) is network
    True
    """
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(model, nn.Module) and isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod
        else:
            return model


def takes_lengths(model: Callable[..., Any]) -> TakesLengths:
    """Return whether a model takes the lengths of clips as its second argument; `perhaps` if it accepts any arguments.

    >>> takes_lengths(lambda waveforms: waveforms), takes_lengths(lambda waveforms, lengths: waveforms)
    ('no', 'yes')
    """
    target = _target(model)
    schema = getattr(target, "schema", None)  # of a function compiled by torch.jit
    if schema is not None:
        arguments = [argument for argument in schema.arguments if argument.type.kind() != "ClassType"]
        required = [argument for argument in arguments if not argument.has_default_value()]
        return "yes" if len(required) >= 2 or any(a.name in LENGTHS for a in arguments[1:]) else "no"
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return "no"
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if sum(p.default is p.empty for p in positional) >= 2 or any(p.name in LENGTHS for p in positional[1:]):
        return "yes"
    if any(p.name == "lengths" for p in parameters):
        return "by keyword"
    return "perhaps" if any(p.kind is p.VAR_POSITIONAL for p in parameters) else "no"


def _target(model: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that a model finally calls with the clips, whose signature tells what it takes."""
    inner = innermost(inspect.unwrap(model))
    if isinstance(inner, functools.partial):
        return functools.partial(_target(inner.func), *inner.args, **inner.keywords)
    return inner.forward if isinstance(inner, nn.Module) else inner


def modules_of(model: Any) -> list[nn.Module]:
    """Return the modules that a model consists of: itself, or those that a function or an object refers to.

    >>> network = nn.Linear(2, 3)
    >>> modules_of(lambda waveforms: network(waveforms)) == [network]
    True
    """
    found: list[nn.Module] = []
    seen: set[int] = set()
    level = [model]
    for _ in range(DEPTH):
        new = [item for item in level if id(item) not in seen]
        seen |= {id(item) for item in new}
        found += [item for item in new if isinstance(item, nn.Module)]
        level = [part for item in new if not isinstance(item, nn.Module) for part in _parts(item)]
    return list({id(module): module for module in found}.values())


def _parts(item: Any) -> list[Any]:
    """Return what a callable, an object or a container refers to, as far as it may hold modules."""
    if isinstance(item, list | tuple | dict):
        members = item.values() if isinstance(item, dict) else item
        return [member for member in itertools.islice(members, MEMBERS) if _may_hold_modules(member)]
    if isinstance(item, functools.partial):
        return [item.func, item.args, item.keywords]
    if inspect.ismethod(item):
        return [item.__self__]
    if inspect.isfunction(item):
        cells = []
        for cell in item.__closure__ or ():
            with contextlib.suppress(ValueError):  # an empty cell
                cells.append(cell.cell_contents)
        named = [item.__globals__[name] for name in item.__code__.co_names if name in item.__globals__]
        own = [part for part in named if getattr(part, "__globals__", None) is item.__globals__]
        modules = [part for part in named if isinstance(part, nn.Module)]
        return [*cells, *own, *modules, item.__defaults__ or (), item.__kwdefaults__ or {}]
    if inspect.isclass(item) or inspect.ismodule(item):
        return []
    return [part for part in getattr(item, "__dict__", {}).values() if _may_hold_modules(part)]


def _may_hold_modules(part: Any) -> bool:
    return callable(part) or isinstance(part, list | tuple | dict)


def attribute(model: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of a model or, if it has none, of the model within wrappers of torch."""
    found = getattr(model, name, None)
    return getattr(innermost(model), name, default) if found is None else found


def dtype_of(modules: list[nn.Module]) -> torch.dtype | None:
    """Return the type of the floating-point weights of modules, None if they have no such weights.

    >>> dtype_of([nn.Linear(2, 3).half()])
    torch.float16
    """
    weights = (weight for module in modules for weight in module.parameters())
    return next((weight.dtype for weight in weights if weight.is_floating_point()), None)


@contextlib.contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Keep the modules of a model in eval mode with frozen parameters within a block, and restore them afterwards.

    >>> model = nn.Dropout()
    >>> with frozen(lambda waveforms: model(waveforms)):
    ...     model.training
    False
    >>> model.training
    True
    """
    found = getattr(model, "modules", None)  # a checked classifier knows its modules
    modules = found if isinstance(found, list) else modules_of(model)
    modes = [(child, child.training) for module in modules for child in module.modules()]
    weights = (weight for module in modules for weight in module.parameters())
    trainable = [weight for weight in weights if weight.requires_grad and not weight.is_inference()]
    for module in modules:
        module.eval()
    for weight in trainable:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for child, training in modes:
            child.training = training
        for weight in trainable:
            weight.requires_grad_(True)
