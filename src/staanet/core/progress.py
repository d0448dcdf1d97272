"""Progress bars, which are silent unless stderr is a terminal."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

console = Console(stderr=True)
"""The console of progress bars and log messages; sharing it keeps one from overwriting the other."""


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items while a progress bar shows count, rate and remaining time; silent unless stderr is a terminal.

    Args:
        items: The items to yield.
        description: Text in front of the bar.
        total: Number of items (default: their length, if they have one).

    >>> list(track([1, 2], "counting"))
    [1, 2]
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with counting(description, total) as count:
        for item in items:
            yield item
            count(1, "")


@contextlib.contextmanager
def counting(description: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """Show a progress bar within the block, unless stderr is no terminal or the console is quiet.

    Yields a function of how many more items are done and of a note that is shown behind the rate.

    Args:
        description: Text in front of the bar.
        total: Number of items, if it is known.

    >>> with counting("counting", 2) as count:
    ...     count(2, "1 failed")
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    shown = console.is_terminal and not console.quiet
    with Progress(*columns, console=console, disable=not shown, transient=True) as progress:
        task = progress.add_task(description, total=total, rate="")

        def count(more: int, note: str) -> None:
            speed = progress.tasks[task].speed
            progress.update(task, advance=more, rate=", ".join(filter(None, (_rate(speed), note))))

        yield count


def _rate(speed: float | None) -> str:
    """Return a number of items per second in the unit in which it is short.

    >>> _rate(12.34), _rate(0.05), _rate(None)
    ('12.3/s', '3.0/min', '')
    """
    if not speed:
        return ""
    return f"{speed:.1f}/s" if speed >= 0.5 else f"{60 * speed:.1f}/min"
