"""Detectors of attacked clips: one file per detector, registered by importing it here."""

from typing import Any, cast

from staanet.core.registry import collect
from staanet.core.settings import validated
from staanet.detectors.base import Detector as Detector
from staanet.detectors.clicks import Clicks as Clicks
from staanet.detectors.disagreement import Disagreement as Disagreement
from staanet.detectors.learnt import Learnt as Learnt

DETECTORS = collect("detector", globals(), Detector)


def create_detector(name: str, **settings: Any) -> Detector:
    """Build a detector by its registry name.

    Args:
        name: Registry name of the detector.
        settings: Settings of the detector by name.

    Raises:
        StaanetError: If the name or a setting is unknown, or a value is invalid.

    >>> create_detector("clicks", threshold=6.0).threshold
    6.0
    """
    return cast(Detector, validated(DETECTORS[name], settings, name))
