"""Training in several processes that torchrun or `accelerate launch` has started: each computes a share of every batch.

All processes hold the whole network and see the same batches. Each computes the gradient of its share of a batch, and
the sum of these gradients changes the weights of all of them alike. Only the first process writes files.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.progress import console
from staanet.core.provenance import device_of
from staanet.core.seeds import seeded
from staanet.core.text import plain

T = TypeVar("T")
R = TypeVar("R")

LEAST_CLIPS = 2
"""Smallest share of a batch, because batch normalisation needs a variance over two clips or more."""

SECONDS_TO_ANSWER = 1800.0
"""Seconds within which every process must answer the others; between two answers is a step, or an attack on a batch."""

STATISTICS = ("running_mean", "running_var")
"""Ends of the names of the buffers that differ between processes, because each sees its own share of a batch."""


@dataclass(frozen=True)
class Group:
    """The processes that train a network together; by default this process alone.

    Args:
        rank: Number of this process, from 0.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return which clips of a batch this process learns from; none if the batch is too small for all processes.

        >>> Group().share(5), Group(0, 2).share(5), Group(1, 2).share(5), Group(1, 2).share(3)
        (slice(0, 5, None), slice(0, 2, None), slice(2, 5, None), slice(3, 3, None))
        """
        parts = max(1, min(self.size, count // LEAST_CLIPS))
        first, end = (min(number, parts) * count // parts for number in (self.rank, self.rank + 1))
        return slice(first, end)

    def own_draws(self, step: int) -> AbstractContextManager[None]:
        """Return a context in which this process draws random numbers of its own, if there are several processes.

        What is drawn elsewhere, such as the order of the clips, therefore stays the same in all processes.

        Args:
            step: Number of the step in its epoch.
        """
        return nullcontext() if self.size == 1 else seeded(torch.initial_seed(), "share", step, self.rank)

    def each(self, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """Yield the results of a function for some items in their order; every process computes some of them.

        All processes must iterate to the end. With several processes, results are sent as pickles, and tensors that are
        results come back on the CPU.

        >>> list(Group().each(abs, [-1, 2]))
        [1, 2]
        """
        if self.size == 1:
            yield from map(function, items)
            return
        for start in range(0, len(items), self.size):
            own = [function(item) for item in items[start : start + self.size][self.rank : self.rank + 1]]
            with self._answering() as operations:
                found: list[R] = operations.gather_object(operations.send_to_device(own, "cpu"))
            yield from found

    def of_first(self, value: T) -> T:
        """Return what the first process has as this value."""
        if self.size == 1:
            return value
        with self._answering() as operations:
            (first,) = operations.broadcast_object_list([value])
        return first  # type: ignore[no-any-return]

    def total(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the sums over all processes by name."""
        own = {name: float(value) for name, value in sums.items()}
        if self.size == 1:
            return own
        with self._answering() as operations:
            found: list[dict[str, float]] = operations.gather_object([own])
        names = dict.fromkeys(name for one in found for name in one)
        return {name: sum(one.get(name, 0.0) for one in found) for name in names}

    def add_gradients(self, weights: Sequence[Tensor]) -> None:
        """Replace the gradient of each weight by the sum over all processes; one that no process has stays None."""
        if self.size == 1:
            return
        present = torch.tensor([float(weight.grad is not None) for weight in weights], device=weights[0].device)
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        flat = torch.cat([present, *(gradient.reshape(-1) for gradient in gradients)])
        with self._answering() as operations:
            summed = operations.reduce(flat, "sum")
        parts = summed[len(weights) :].split([weight.numel() for weight in weights])
        for weight, part, found in zip(weights, parts, summed[: len(weights)].tolist(), strict=True):
            weight.grad = part.view_as(weight).to(weight.dtype) if found else None

    @torch.no_grad()
    def align(self, network: nn.Module) -> None:
        """Give all processes the mean of the statistics of batch normalisation, and all else from the first process."""
        if self.size == 1:
            return
        with self._answering() as operations:
            for name, tensor in network.state_dict().items():
                found = operations.reduce(tensor, "mean") if name.endswith(STATISTICS) else tensor
                tensor.copy_(operations.broadcast(found))

    @contextlib.contextmanager
    def _answering(self) -> Iterator[Any]:
        """Yield the operations over all processes; one that has died is told."""
        try:
            yield import_extra("accelerate.utils", "scale")
        except RuntimeError as error:
            reason = plain(str(error)).strip()[:200]
            raise StaanetError(
                f"expected answers from {self.size} processes, got none from one ({reason}); run the same command "
                "again, with any number of processes: it goes on after the last complete epoch"
            ) from error


_ALONE = Group()
_group: ContextVar[Group] = ContextVar("group", default=_ALONE)


def current() -> Group:
    """Return the processes that train together here: those of the block of `joined`, else this process alone."""
    return _group.get()


@contextlib.contextmanager
def joined(processes: int | None = None, device: str | None = None) -> Iterator[Group]:
    """Train together, within the block, with the other processes that a launcher has started; alone without a launcher.

    Launchers are torchrun and `accelerate launch`; they say how many processes there are in the variable `WORLD_SIZE`.

    Args:
        processes: Number of processes that there must be. Default: as many as were started.
        device: Device of the training, as for `device_of`.

    Raises:
        StaanetError: There are fewer or more processes, or they cannot all use the device.

    >>> with joined() as group:
    ...     group.size
    1
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if processes not in (None, size):
        raise StaanetError(
            f"expected {processes} processes, got {size}; start them with torchrun --nproc-per-node {processes} "
            "-m staanet, or change --processes"
        )
    group = _ALONE if size == 1 else _started(size, device)
    token = _group.set(group)
    try:
        yield group
    finally:
        _group.reset(token)


def _started(size: int, device: str | None) -> Group:
    """Return this process as one of several, once all of them are there; all but the first become quiet."""
    state = import_extra("accelerate.state", "scale").PartialState
    chosen, here = device_of(device), int(os.environ.get("LOCAL_WORLD_SIZE", size))
    if chosen not in (torch.device("cpu"), torch.device("cuda")):
        raise StaanetError(f"expected --device cpu or cuda for {size} processes, got {device or chosen}; change it")
    if chosen.type == "cuda" and here > torch.cuda.device_count():
        raise StaanetError(
            f"expected a GPU for each of the {here} processes of this machine, got {torch.cuda.device_count()}; start "
            "fewer, or give --device cpu"
        )
    try:
        found = state(cpu=chosen.type == "cpu", timeout=timedelta(seconds=SECONDS_TO_ANSWER))
    except (RuntimeError, ValueError) as error:
        raise StaanetError(
            f"expected {size} processes, got fewer or none that answer ({plain(str(error)).strip()[:200]}); start all "
            "of them with torchrun or accelerate launch"
        ) from error
    if found.process_index > 0:
        console.quiet = True
        logging.disable(logging.WARNING)
    return Group(found.process_index, found.num_processes)
