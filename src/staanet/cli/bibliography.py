"""BibTeX entries of the papers whose methods, models and corpora the library contains."""

import functools
import re
from collections.abc import Mapping
from importlib import resources

LIBRARY = "staanet"
"""Key of the entry of the library itself."""


@functools.cache
def bibliography() -> Mapping[str, str]:
    """Return the BibTeX entries by their keys.

    >>> print(bibliography()["haq2010savee"].splitlines()[0])
    @incollection{haq2010savee,
    """
    text = (resources.files("staanet.cli") / "references.bib").read_text(encoding="utf-8")
    entries = [entry.strip() for entry in text.split("\n\n")]
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry for entry in entries}


def fields(entry: str) -> dict[str, str]:
    r"""Return the fields of a BibTeX entry, each on one line.

    >>> fields("@misc{key,\n  title = {A {Long}\n           Title},\n  year = {2024}\n}")
    {'title': 'A {Long} Title', 'year': '2024'}
    """
    found = re.findall(r"^  (\w+) = \{(.*?)\},?$(?=\n  \w|\n\})", entry, flags=re.M | re.S)
    return {name: re.sub(r"\s+", " ", value) for name, value in found}


def cited_in(text: str) -> list[str]:
    """Return the keys of the entries that a text names by arXiv number, title or number of a standard, in its order.

    >>> cited_in("S. Haq, P. J. B. Jackson: Multimodal Emotion Recognition. 2010; see also arXiv 1412.6572")
    ['haq2010savee', 'goodfellow2015explaining']
    """
    places = {key: _place(fields(entry), _plain(text)) for key, entry in bibliography().items()}
    return sorted((key for key, place in places.items() if place >= 0), key=places.__getitem__)


def _place(entry: Mapping[str, str], text: str) -> int:
    names = [f"arxiv {entry['eprint']}"] if "eprint" in entry else []
    names += [_plain(entry[name]) for name in ("title", "shorttitle") if name in entry]
    if "institution" in entry:
        names.append(_plain(entry["number"]))
    found = (re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names)
    return next((match.start() for match in found if match), -1)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[{}\\]", "", text)).lower()
