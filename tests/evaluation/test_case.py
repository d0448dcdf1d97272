import importlib

import pytest

from staanet import metrics
from staanet.core.errors import StaanetError
from staanet.core.registry import Registry
from staanet.evaluation import case


def test_every_metric_has_a_field_in_records():
    case.check_record_fields(metrics.METRICS)


def test_a_metric_without_a_field_in_records_is_refused_at_import(monkeypatch):
    loudness = metrics.Metric("loudness", "dB", "lower", "all", lambda _: 0.0)
    registry = Registry("metric", {**metrics.METRICS, "loudness": loudness})
    monkeypatch.setattr(metrics, "METRICS", registry)
    with pytest.raises(StaanetError, match=r"a field of staanet.core.records.Record for each metric, .* for loudness;"):
        importlib.reload(case)
