"""The gallery of results: the figure and the first sentence of every published study."""

import json

from documents import ROOT


def page() -> str:
    """Return the page, with links as in a document of the folder `docs`."""
    studies = sorted(path.parent for path in (ROOT / "results").glob("*/run.json"))
    toctree = "\n".join(f"results/{study.name}/index" for study in studies)
    parts = [*HEAD, *(_study(study.name) for study in studies), f"```{{toctree}}\n:hidden:\n\n{toctree}\n```\n"]
    return "\n".join(parts)


HEAD = (
    "# Gallery of results\n",
    "Each figure shows robust accuracy with the line of chance, and attack success rates next to those of random",
    "noise of the same size and sparsity, with 95 % intervals. Read [what a number says](threat-model.md) first.\n",
)


def _study(name: str) -> str:
    title, sentence = _opening(name)
    figure = ROOT / "results" / name / "figure.svg"
    alternative = json.loads(f'"{figure.read_text(encoding="utf-8").split("aria-label=")[1].split(chr(34))[1]}"')
    link = f"../results/{name}"
    return f"## {title}\n\n![{alternative}]({link}/figure.svg)\n\n{sentence} [All results]({link}/README.md).\n"


def _opening(name: str) -> tuple[str, str]:
    """Return the title and the first paragraph of a published study."""
    text = (ROOT / "results" / name / "README.md").read_text(encoding="utf-8")
    title, paragraph, *_ = (part for part in text.split("\n\n") if part.strip())
    return title.removeprefix("# ").strip(), " ".join(paragraph.split())
