"""The example of a file of thresholds is valid, and states a reason for every value."""

from pathlib import Path

from staanet.assessment.settings import Curves
from staanet.assessment.verdict import parsed

EXAMPLE = Path(__file__).parents[2] / "examples" / "thresholds.toml"


def test_the_example_states_thresholds_with_reasons():
    found = parsed([], EXAMPLE, Curves())
    assert [one.key for one in found] == [
        "accuracy_clean",
        "accuracy_noise@30",
        "accuracy_robust@60",
        "accuracy_robust@40",
    ]
    assert all(len(one.reason.split()) > 5 for one in found)
