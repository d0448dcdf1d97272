"""`staanet compare`: which of two models or recipes is more robust."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from staanet.cli.options import Json

SEVERAL = ("--a", "--b")
"""Options that take all words up to the next option."""


class SeveralRuns(TyperCommand):
    """A command whose options `--a` and `--b` take several folders, as a pattern of the shell gives them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(words: Sequence[str]) -> Iterator[str]:
    """Repeat `--a` and `--b` before each of their values.

    >>> list(_repeated(["--a", "x", "y", "--json"]))
    ['--a', 'x', '--a', 'y', '--json']
    """
    option = None
    for place, word in enumerate(words):
        if word.startswith("-"):
            option = word if word in SEVERAL else None
        elif option is not None and words[place - 1] != option:
            yield option
        yield word


def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN...",
            help="Folders that `staanet evaluate` or `staanet certify` wrote: the first is compared with each of the "
            "others. A folder of evaluations stands for a recipe, of which it holds several trainings.",
        ),
    ] = None,
    a: Annotated[
        list[Path] | None,
        typer.Option("--a", metavar="RUN...", help="Evaluations of several trainings of the first recipe."),
    ] = None,
    b: Annotated[
        list[Path] | None,
        typer.Option("--b", metavar="RUN...", help="Evaluations of several trainings of the second recipe."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            help="Draw the curves of all evaluations in one figure (.svg, .png or .pdf), with a panel for each corpus. "
            "Models are then compared within each corpus."
        ),
    ] = None,
    measure: Annotated[str, typer.Option(help="What the figure shows: accuracy, or uar.")] = "accuracy",
    as_json: Json = False,
) -> None:
    """Compare evaluations of the same clips: how much more robust one model is than another, with intervals.

    Models are paired clip by clip. Recipes are compared over several trainings of each.
    """
    import json

    from staanet.assessment.compare import compare as compared
    from staanet.assessment.compare import figure as several
    from staanet.assessment.compare import wording as compare_wording
    from staanet.core.errors import StaanetError

    shown = None
    groups = [list(runs or ())]
    if figure is not None:
        if a or b or not runs:
            raise StaanetError("expected the folders of evaluations for --figure, got --a and --b or none; name them")
        shown = several.write_figure(runs, figure, measure)  # type: ignore[arg-type]  # checked there
        groups = [[one.folder for one in found] for found in several.by_data(runs).values() if len(found) > 1]
    found = [one for group in groups for one in compared(group, a=a or (), b=b or ())]
    if as_json:
        typer.echo(json.dumps([{"summary": compare_wording.headline(one), **one.as_json()} for one in found]))
        return
    for place, one in enumerate(found):
        if place:
            typer.echo()
        for line in compare_wording.lines(one):
            typer.echo(line)
    if shown is not None:
        typer.echo(shown)
        typer.echo(f"figure: {figure}")
