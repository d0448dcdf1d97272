"""Writes `docs/licences.md`: the licence of each package that an installation of staanet brings, by extra.

    python tools/supply_chain/licences.py

A licence is what a package says of itself: its licence expression, else its classifiers, else the field `License`.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "licences.md"
HEAD = """# Licences of dependencies

What each package says about its licence, in the versions of `constraints.txt`, with all that it requires itself.
`python tools/supply_chain/licences.py` writes this page. staanet itself is under the MIT licence.

| package | version | licence | needed for |
| --- | --- | --- | --- |
"""
NAME = re.compile(r"[A-Za-z0-9._-]+")


def licence(name: str) -> str:
    """Return the licence of an installed package in one short line."""
    about = distribution(name).metadata
    classifiers = [line.rsplit(" :: ", 1)[1] for line in about.get_all("Classifier", []) if line.startswith("License")]
    field = " ".join((about.get("License") or "").split())
    return about.get("License-Expression") or ", ".join(classifiers) or field[:60] or "not stated"


def needed() -> dict[str, set[str]]:
    """Return the installed packages that staanet needs, each with the extras that bring it; `core` is no extra."""
    found: dict[str, set[str]] = {}
    waiting = [
        (NAME.match(line)[0], extra[1] if (extra := re.search(r"extra == ['\"](\w+)", line)) else "core")
        for line in requires("staanet") or ()
    ]
    while waiting:
        name, extra = waiting.pop()
        key = name.lower().replace("_", "-")
        if key == "staanet" or extra in found.get(key, set()):
            continue
        try:
            further = requires(name) or ()
        except PackageNotFoundError:
            continue
        found.setdefault(key, set()).add(extra)
        waiting += [(NAME.match(line)[0], extra) for line in further if "extra ==" not in line]
    return found


def main() -> None:
    """Write the page."""
    rows = [
        f"| {name} | {distribution(name).version.partition('+')[0]} | {licence(name).replace('|', '/')} | "
        f"{'core' if 'core' in extras else ', '.join(sorted(extras - {'dev'}) or ['dev'])} |"
        for name, extras in sorted(needed().items())
    ]
    PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"{PAGE.name}: {len(rows)} packages")


if __name__ == "__main__":
    main()
