"""The page of an evaluation: one file that says the result in a sentence and a chart, and then the details."""

import re
from collections.abc import Sequence
from pathlib import Path

from staanet.assessment.certified import beside
from staanet.assessment.measurement import Row
from staanet.assessment.page import chart, wording
from staanet.assessment.page.panels import Panel, by_corruption, gaps, matrix, panels
from staanet.assessment.page.sounds import Sound
from staanet.assessment.protected import wording as protected_wording
from staanet.assessment.result import Evaluation
from staanet.core.files import write_text
from staanet.report.figures import svg
from staanet.report.templates import page
from staanet.report.wording import percent


def write(found: Evaluation, rows: Sequence[Row], sounds: Sequence[Sound], path: Path) -> None:
    """Write the page.

    Args:
        found: The evaluation.
        rows: Results of the clips.
        sounds: Clips to hear.
        path: The file.
    """
    made = panels(found, rows)
    reference = next(panel for panel in made if panel.kind == "dense" and panel.point.name == found.reference)
    between = gaps(found, rows)
    heard = [(sound, _heard_at(sound, made)) for sound in sounds]
    kinds = [[panel for panel in made if panel.kind == kind] for kind in ("dense", "sparse")]
    text = page(
        "evaluation.html.j2",
        rules=_choice(made),
        found=found,
        panels=made,
        kinds=[own for own in kinds if own],
        reference=reference,
        words=wording,
        protection=protected_wording.lines(found),
        attackers=list(reference.point.attackers),
        proven=beside.sentences(found.certificate) if found.certificate is not None else [],
        joined=joined,
        still=svg(chart.curves, found, prefix="curve"),
        data=[chart.data(found, [one.point for one in own], [one.key for one in own]) for own in kinds if own],
        clean=matrix(found.confusion),
        gaps=between,
        weaknesses=wording.weaknesses(found, between),
        corruptions=by_corruption(found),
        severities=sorted({one.severity for one in found.corruptions}),
        sounds=heard,
        silent=[panel for panel in made if not any(panel in at for _, at in heard)],
        percent=percent,
    )
    write_text(path, text)


def joined(text: str) -> str:
    """Return a text whose numbers stay on one line with their units.

    >>> joined("40 dB, 1 %") == "40\N{NO-BREAK SPACE}dB, 1\N{NO-BREAK SPACE}%"
    True
    """
    return re.sub(r"(?<=\d) (?=%|dB)", "\N{NO-BREAK SPACE}", text)


def _choice(made: Sequence[Panel]) -> str:
    """Return the rules that show what belongs to the budget whose button is checked, and hide the rest."""
    return "".join(f":root:has(#{panel.key}:checked) .only:not(.{panel.key}){{display:none}}" for panel in made)


def _heard_at(sound: Sound, made: Sequence[Panel]) -> list[Panel]:
    """Return the budgets at which an attack fools the model on a clip: the smallest that does, and all larger ones."""
    return [panel for panel in made if panel.kind == sound.kind and panel.number >= sound.number]
