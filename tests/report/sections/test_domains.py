"""Attacks on features and on waveforms, computed by hand."""

import numpy as np

from report.sections.outcomes import row
from report.test_report import made
from staanet.metrics import wilson
from staanet.report.sections.domains import compare_domains


def test_domains_are_compared_at_the_same_distance_of_features():
    """Of four clips features are fooled at 1 and 3 from the clean ones, waveforms at 3, 12 and 30."""
    moved = {
        ("fgsm_1", "feature"): (1.0, None, None, None),
        ("fgsm_2", "feature"): (2.0, 3.0, None, None),
        ("fgsm_30", "waveform"): (3.0, None, None, None),
        ("fgsm_20", "waveform"): (9.0, 12.0, 30.0, None),
    }

    def outcomes(record):
        found = []
        for number, distance in enumerate(moved[record.attack, record.domain]):
            size = {"feature": {"l2": distance or 0.1}, "waveform": {"l2": 0.001, "feature_l2": distance or 0.1}}
            found.append(row(number, "male", "s", 0, 0, int(distance is not None), **size[record.domain]))
        return found

    records = [made(name, domain=domain, settings={"attack": {"name": "fgsm"}}) for name, domain in moved]
    found = {row.l2: row for row in compare_domains(records, outcomes)}
    assert {radius: row.feature for radius, row in found.items()} == {
        **dict.fromkeys((1.0, 2.0), 0.25),
        **dict.fromkeys((5.0, 10.0, 20.0, 50.0, 100.0), 0.5),
    }
    assert [found[radius].waveform for radius in sorted(found)] == [0, 0, 0.25, 0.25, 0.5, 0.75, 0.75]
    assert [found[radius].waveform_robust for radius in sorted(found)] == [1, 1, 0.75, 0.75, 0.5, 0.25, 0.25]
    assert found[5.0].feature_robust_ci == wilson(0.5, 4)
    assert found[5.0].waveform_ci == wilson(0.25, 4)
    assert np.unique([row.n for row in found.values()]) == [4]
    assert compare_domains(records[:2], outcomes) == []
