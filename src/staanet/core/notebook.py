"""How objects appear in a Python session, in one line, and in a notebook, as a small table."""

import abc
from collections.abc import Mapping, Sequence
from html import escape

LONGEST = 160
"""Largest number of characters of a value; longer ones are cut."""


class Shown(abc.ABC):
    """An object that a session shows in one line and a notebook as a table; a subclass says what is worth knowing."""

    @abc.abstractmethod
    def facts(self) -> tuple[str, Mapping[str, str]]:
        """Return a title, and the facts worth knowing by their names."""

    def __repr__(self) -> str:
        title, facts = self.facts()
        return f"<{title}: {'; '.join(f'{name} {_cut(value)}' for name, value in facts.items())}>"

    def _repr_html_(self) -> str:
        title, facts = self.facts()
        return table(title, [(name, _cut(value)) for name, value in facts.items()])


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Return a table as HTML, with the first cell of each row as its heading; all texts are escaped.

    >>> table("A < B", [("rate", "16000 Hz")])
    '<table><caption>A &lt; B</caption><tr><th scope="row">rate</th><td>16000 Hz</td></tr></table>'
    """
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for name, *cells in rows
    )
    return f"<table><caption>{escape(title)}</caption>{body}</table>"


def few(names: Sequence[str], most: int = 8) -> str:
    """Return names as a list of which only the first are written.

    >>> few(["anger", "joy"]), few(["a", "b", "c"], 2)
    ('anger, joy', 'a, b and 1 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
