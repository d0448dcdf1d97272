"""The pages: one file each, with styles and scripts inlined and a content security policy that allows nothing else."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from staanet.core.markup import shown

TEMPLATES = Environment(
    loader=PackageLoader("staanet.report", ""),
    autoescape=True,
    finalize=shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Templates, which escape all names that they are given."""

PLOTTING = "vendor/uPlot.iife.min.js"
"""The plotting library."""

STYLES = ("vendor/uPlot.min.css", "page.css")
"""Style sheets of a page with charts."""

SCRIPTS = (PLOTTING, "chart.js", "page.js")
"""Scripts of a page with charts."""

LICENCE = "vendor/uPlot.LICENSE"
"""Licence of the plotting library, which every copy must contain."""


def page(
    template: str, *, styles: Sequence[str] = STYLES, scripts: Sequence[str] = SCRIPTS, rules: str = "", **content: Any
) -> str:
    """Return a page as the text of one file that loads nothing.

    Its content security policy names the hashes of its own styles and scripts. A browser runs no other script, applies
    no style attribute and makes no request, even if a name in the content were not escaped.

    Args:
        template: Name of the template, which extends `base.html.j2`.
        styles: Files of its style sheets.
        scripts: Files of its scripts.
        rules: Rules of this page besides those of the files.
        content: What the template shows.
    """
    sheets = [text for text in (*map(_read, styles), rules) if text]
    programs = [f"/*\n{_read(LICENCE)}\n*/\n{_read(name)}" if name == PLOTTING else _read(name) for name in scripts]
    policy = (
        f"default-src 'none'; style-src {_hashes(sheets)}; script-src {_hashes(programs)}; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )
    return TEMPLATES.get_template(template).render(
        policy=policy,
        sheets=[Markup(text) for text in sheets],  # noqa: S704
        scripts=[Markup(text) for text in programs],  # noqa: S704
        **content,
    )


@cache
def _read(name: str) -> str:
    """Return a file of this package that a page contains."""
    return files("staanet.report").joinpath(name).read_text(encoding="utf-8")


def _hashes(texts: Sequence[str]) -> str:
    """Return the sources of a content security policy that allow these texts, and nothing if there are none."""
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
