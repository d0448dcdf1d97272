"""Sections of the report, one file each. Each has a function that returns its section, or None if a run has none."""

from collections.abc import Callable

from staanet.report.results import Results
from staanet.report.sections import (
    between_genders,
    comparisons,
    defences,
    domains,
    equal_distortion,
    gender,
    headline,
    models,
    pairwise,
    perception,
    published,
    robustness,
    transfer,
)
from staanet.report.tables import Section as Section

SECTIONS: tuple[Callable[[Results], Section | None], ...] = (
    robustness.section,
    headline.section,
    published.section,
    transfer.section,
    models.section,
    comparisons.section,
    perception.section,
    defences.section,
    gender.section,
    between_genders.section,
    pairwise.section,
    domains.section,
    equal_distortion.section,
)
"""All sections, in the order of the page."""


def sections_of(results: Results) -> list[Section]:
    """Return the sections that the results of a run have, in the order of the page."""
    return [section for make in SECTIONS if (section := make(results)) is not None]
