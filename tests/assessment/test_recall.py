"""The interval of UAR contains it as often as it says, and thresholds on UAR are judged by it."""

import numpy as np
import pytest

from staanet.assessment.measurement import Curve, Row
from staanet.assessment.recall import uar_with_interval
from staanet.assessment.settings import Curves
from staanet.assessment.verdict import judged, parsed
from staanet.metrics import wilson

CURVES = Curves(dense=(60.0, 40.0), sparse=())
LABELS = ("anger", "fear", "neutral")


def rows_of(counts, speakers=20):
    nothing = Curve(2, None, (True, True))
    labels = [label for label, count in zip(LABELS, counts, strict=True) for _ in range(count)]
    return [
        Row(str(place), label, label, f"s{place % speakers}", None, None, nothing, nothing)
        for place, label in enumerate(labels)
    ]


def test_with_one_emotion_it_is_never_narrower_than_wilsons():
    rows = rows_of((40, 0, 0))
    value, (low, high) = uar_with_interval(np.repeat([1.0, 0.0], 20), rows)
    assert value == 0.5
    assert low <= wilson(0.5, 40)[0]
    assert high >= wilson(0.5, 40)[1]


def test_rare_emotions_count_as_much_as_frequent_ones():
    rows = rows_of((80, 10, 10))
    values = np.array([float(row.label == "anger") for row in rows])
    value, (low, high) = uar_with_interval(values, rows)
    assert value == pytest.approx(1 / 3)
    assert low < value < high < 0.6


@pytest.mark.parametrize("recalls", [(0.5, 0.5, 0.5), (0.9, 0.3, 0.6), (1.0, 0.0, 0.5)])
def test_it_contains_the_true_uar_in_95_of_100_draws(recalls):
    random, rows = np.random.default_rng(0), rows_of((30, 20, 10))
    chances = np.array([recalls[LABELS.index(row.label)] for row in rows])
    hits = 0
    for _ in range(200):
        low, high = uar_with_interval((random.random(len(rows)) < chances).astype(float), rows)[1]
        hits += low <= np.mean(recalls) <= high
    assert hits >= 182  # with 95 % coverage, fewer happen once in a hundred times


def test_thresholds_on_uar_pass_and_fail_by_its_interval():
    rows = [
        Row(
            row.id,
            row.label,
            row.label if row.label == "anger" else "other",
            row.speaker,
            None,
            None,
            row.dense,
            row.sparse,
        )
        for row in rows_of((80, 10, 10))
    ]
    lines = judged(parsed(["accuracy_clean=0.6", "uar_clean=0.6", "uar_robust@60=0.4"], None, CURVES), rows, CURVES)
    assert [line.result for line in lines] == ["pass", "fail", "undecided"]
    assert [round(line.value, 3) for line in lines] == [0.8, 0.333, 0.333]
