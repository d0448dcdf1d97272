"""One writer for each format of documents: CSV, Markdown, LaTeX, HTML and XML.

Names of files, speakers and models come from others. Each writer puts them on one line without control characters
(`staanet.core.text.plain`) and escapes what has a meaning in its format.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from staanet.core.text import plain

FORMULA = ("=", "+", "-", "@")
"""First characters with which a spreadsheet takes a text for a formula."""

MARKDOWN_SPECIAL = "\\`*_[]<>|~"
LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "–": "--",
    "→": r"$\to$",
    "†": r"\dag{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV with a first line of columns; a text that a spreadsheet would compute gets an apostrophe.

    >>> csv_text(["speaker", "shift"], [{"speaker": "=HYPERLINK(1)", "shift": -3}])
    "speaker,shift\n'=HYPERLINK(1),-3\n"
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[_cell(column) for column in columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows({_cell(column): _cell(value) for column, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    shown = plain(value)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


def markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it is.

    >>> print(markdown("a|b\n# *joy*"))
    a\|b # \*joy\*
    """
    return "".join(f"\\{sign}" if sign in MARKDOWN_SPECIAL else sign for sign in plain(text))


def latex(text: str) -> str:
    r"""Return a text that LaTeX shows as it is.

    >>> print(latex("50 % of a_b"))
    50 \% of a\_b
    """
    return "".join(LATEX_SPECIAL.get(sign, sign) for sign in plain(text))


def shown(value: Any) -> Any:
    r"""Return a value as HTML and XML show it, which escape what has a meaning in them; a text is on one line.

    >>> shown("two\nlines"), shown(3)
    ('two lines', 3)
    """
    return plain(value) if type(value) is str else value
