"""The largest gap between groups of speakers, against all assignments of speakers to groups counted one by one."""

from itertools import combinations

import numpy as np
import pytest

from staanet.core.errors import StaanetError
from staanet.metrics import largest_gap

VOICES = list("abcdefgh")


def clips_of(voices, per_voice=3):
    return [voice for voice in voices for _ in range(per_voice)]


def test_two_groups_equal_all_assignments_counted_one_by_one():
    random = np.random.default_rng(0)
    speakers = [voice for voice, clips in zip(VOICES, (1, 4, 2, 3, 5, 2, 1, 4), strict=True) for _ in range(clips)]
    values = random.uniform(size=len(speakers))
    groups = ["x" if voice in "abc" else "y" for voice in speakers]
    gaps = []
    for chosen in combinations(VOICES, 3):
        inside = np.array([voice in chosen for voice in speakers])
        gaps.append(abs(values[inside].mean() - values[~inside].mean()))
    found = largest_gap(values, groups, speakers)
    assert found.gap == pytest.approx(gaps[0])
    assert found.p_value == pytest.approx(np.mean(np.array(gaps) >= gaps[0] - 1e-12), abs=0.02)
    assert found.by_chance == pytest.approx(np.quantile(gaps, 0.95), abs=0.02)


def test_the_gap_of_several_groups_is_that_of_the_highest_and_the_lowest():
    speakers = clips_of(VOICES[:6])
    groups = clips_of(["young", "young", "middle", "middle", "old", "old"])
    values = np.repeat([0.5, 0.7, 0.1, 0.1, 0.9, 0.3], 3)
    assert largest_gap(values, groups, speakers).gap == pytest.approx(0.5)


def test_of_several_cases_the_largest_gap_counts_and_looking_at_all_is_allowed_for():
    random = np.random.default_rng(1)
    speakers, groups = clips_of(VOICES), clips_of("xxxxyyyy")
    values = random.uniform(size=(24, 20))
    each = [largest_gap(values[:, case], groups, speakers) for case in range(20)]
    together = largest_gap(values, groups, speakers)
    assert together.gap == pytest.approx(max(one.gap for one in each))
    assert together.by_chance > max(one.by_chance for one in each)
    assert together.p_value > min(one.p_value for one in each)


def test_without_a_difference_five_percent_of_the_p_values_are_below_five_percent(monkeypatch):
    monkeypatch.setattr("staanet.metrics.groups.PERMUTATIONS", 199)
    random = np.random.default_rng(2)
    speakers, groups = clips_of([f"{voice}{i}" for voice in VOICES for i in range(3)], 5), clips_of("xyz" * 8, 5)
    found = []
    for _ in range(200):
        effect = np.repeat(random.normal(size=24), 5)  # speakers differ, groups do not
        found.append(largest_gap(effect + random.normal(size=120), groups, speakers))
    assert np.mean([gap.p_value <= 0.05 for gap in found]) == pytest.approx(0.05, abs=0.04)
    assert np.mean([gap.gap > gap.by_chance for gap in found]) == pytest.approx(0.05, abs=0.04)


def test_a_gap_that_every_speaker_shows_is_seen():
    speakers, groups = clips_of([f"{i}" for i in range(16)]), clips_of(["x"] * 8 + ["y"] * 8)
    found = largest_gap(np.array([1.0] * 24 + [0.0] * 24), groups, speakers)
    assert (found.gap, found.p_value < 0.001, found.by_chance < 0.6) == (1, True, True)


def test_the_same_seed_gives_the_same_bits():
    values, speakers, groups = np.random.default_rng(3).uniform(size=24), clips_of(VOICES), clips_of("xyxyxyxy")
    assert largest_gap(values, groups, speakers) == largest_gap(values, groups, speakers)
    assert largest_gap(values, groups, speakers) != largest_gap(values, groups, speakers, seed=1)


def test_one_group_has_no_gap_and_a_speaker_in_two_groups_is_refused():
    assert largest_gap(np.zeros(3), ["x"] * 3, list("abc")) is None
    with pytest.raises(StaanetError, match="expected every speaker in one group, got b in two"):
        largest_gap(np.zeros(3), ["x", "x", "y"], list("abb"))
