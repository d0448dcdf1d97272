"""Docstrings and signatures of the package as Markdown."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Shape", "Warns", "Yields")
HEADING = re.compile(rf"^({'|'.join(SECTIONS)}):\s*(.*)$")


def markdown(entry: Any) -> str:
    """Return the docstring of an object as Markdown: sections become lists, doctests become code."""
    return markdown_of(inspect.cleandoc(entry.__doc__ or ""))


def markdown_of(docstring: str) -> str:
    r"""Return a docstring without indentation as Markdown.

    >>> print(markdown_of("Return x_1.\n\nArgs:\n    x: A *number*."))
    Return x\_1.
    <BLANKLINE>
    <BLANKLINE>
    **Args**
    <BLANKLINE>
    - `x`: A \*number\*.
    <BLANKLINE>
    """
    return "\n".join(_lines(docstring.splitlines()))


def _lines(lines: list[str]) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if found := HEADING.match(line):
            end = _end_of_indented(lines, place + 1)
            yield from _section(found[1], found[2], lines[place + 1 : end])
        elif line.startswith(">>>"):
            end = next((n for n in range(place, len(lines)) if not lines[n].strip()), len(lines))
            yield from ("", "```pycon", *lines[place:end], "```", "")
        else:
            yield _text(line)
            end = place + 1
        place = end


def _section(name: str, rest: str, body: list[str]) -> Iterator[str]:
    if rest:
        yield from ("", f"**{name}**: {_text(rest)}", *(_text(line.strip()) for line in body), "")
        return
    yield from ("", f"**{name}**", "")
    for line in textwrap.dedent("\n".join(body)).splitlines():
        item = re.match(r"(\*{0,2}\w[\w.]*)(?: \([^)]*\))?: (.*)", line)
        yield f"- `{item[1]}`: {_text(item[2])}" if item and not line.startswith(" ") else f"  {_text(line.strip())}"
    yield ""


def _end_of_indented(lines: list[str], start: int) -> int:
    return next((n for n in range(start, len(lines)) if lines[n] and not lines[n].startswith(" ")), len(lines))


def _text(line: str) -> str:
    """Return a line in which characters that Markdown would interpret are escaped, outside of code."""
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(part if part[:1] == "`" else re.sub(r"([*<>|\[\]_])", r"\\\1", part) for part in parts)


def signature(entry: Any) -> str:
    """Return the parameters of an object as Python writes them, with readable annotations.

    >>> signature(_text)
    '(line: str) -> str'
    """
    try:
        text = str(inspect.signature(entry))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"<factory>|<[^>]* at 0x[^>]*>|<object object[^>]*>", "...", text)
    return short(text)


def short(annotation: str) -> str:
    """Return an annotation without the modules of its classes.

    >>> short("collections.abc.Mapping[str, staanet.core.budget.Budget]")
    'Mapping[str, Budget]'
    """
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z]\w*)", "", annotation)


def directive(kind: str, name: str, entry: Any, body: str = "") -> str:
    """Return an object as a MyST directive of the Python domain, with a link to its source.

    Args:
        kind: `function` or `class`.
        name: Name under which it is documented.
        entry: The object.
        body: Text in place of its docstring.
    """
    text = (body or markdown(entry)).strip()
    fence = "`" * 5
    return f"{fence}{{py:{kind}}} {name}{signature(entry)}\n:module: {entry.__module__}\n\n{text}\n{fence}\n"
