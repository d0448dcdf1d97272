"""Properties that hold for every input of parsers, splits, budgets and metrics."""

import contextlib
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staanet.cli.options import parsed
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.parsing import parse_json, parse_toml
from staanet.corpora.base import Utterance
from staanet.corpora.patterns import Pattern
from staanet.corpora.tables import described, read_table
from staanet.data import by_speaker
from staanet.metrics.intervals import wilson
from staanet.models.loaders.http.contract import logits_of

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
def test_what_was_written_as_json_is_read_again(value):
    assert parse_json(json.dumps(value)) == value


@given(st.text() | st.binary())
def test_any_text_is_json_or_raises_value_error(text):
    try:
        value = parse_json(text)
    except ValueError:
        return
    assert json.loads(text) == value


@given(st.text())
def test_any_text_is_toml_or_raises_value_error(text):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_toml(text), dict)


@given(st.lists(st.text(max_size=20)))
def test_any_words_are_settings_or_refused(words):
    with contextlib.suppress(StaanetError):
        assert isinstance(parsed(words), dict)


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.text(alphabet='pathemoionsker,;\t\n"\\ ab', max_size=200).map(str.encode))
def test_any_bytes_are_a_table_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metadata.csv"
        path.write_bytes(b"path,emotion,speaker\n" + content)
        try:
            clips = described(read_table(path, {}))
        except StaanetError:
            return
        assert all(clip.id and clip.path and clip.label and clip.speaker for clip in clips)


@settings(max_examples=60)
@given(st.text(alphabet="{}speakr_motin*/[]()\\d.", max_size=30), st.text(max_size=30))
def test_any_pattern_reads_a_name_or_is_refused(pattern, name):
    try:
        read = Pattern(pattern).read(name)
    except StaanetError:
        return
    assert read is None or (read.label and read.speaker)


@settings(max_examples=50)
@given(st.integers(3, 12), st.integers(1, 4), st.integers(0, 2**31))
def test_no_speaker_is_in_two_subsets_and_no_clip_is_lost(speakers, each, seed):
    clips = [
        Utterance(f"{speaker}-{label}-{number}", "", label, str(speaker))
        for speaker in range(speakers)
        for label in ("joy", "fear")
        for number in range(each)
    ]
    try:
        split = by_speaker(clips, seed=seed)
    except StaanetError:
        return
    subsets = (split.train, split.val, split.test)
    assert sorted(clip for subset in subsets for clip in subset) == sorted(clip.id for clip in clips)
    found = [{clip.split("-")[0] for clip in subset} for subset in subsets]
    assert all(found)
    assert sum(map(len, found)) == len(set.union(*found))


@settings(max_examples=60)
@given(
    st.floats(0, 2) | st.floats(allow_nan=True, allow_infinity=True),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(1, 500),
)
def test_a_budget_is_kept_or_refused(epsilon, sparsity, length):
    try:
        budget = Budget(epsilon=epsilon, sparsity=sparsity)
    except StaanetError:
        assert not (0 <= epsilon < math.inf and 0 < sparsity <= 1)
        return
    waveforms, lengths = torch.full((1, length), 0.5), torch.tensor([length])
    limit, samples = budget.resolve(waveforms, lengths)
    assert float(limit) == pytest.approx(epsilon)
    assert 1 <= int(samples) <= max(1, math.floor(sparsity * length + 1e-6))


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_rate_is_inside_its_interval(counted):
    right, clips = counted
    low, high = wilson(right / clips, clips)
    assert -1e-12 <= low <= right / clips + 1e-12
    assert right / clips - 1e-12 <= high <= 1 + 1e-12


@given(st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.none(), max_size=4)))
def test_any_logits_of_a_server_are_finite_or_refused(rows):
    try:
        logits = logits_of({"logits": rows}, 2, ("a", "b"))
    except StaanetError:
        return
    assert logits.shape == (2, 2)
    assert np.isfinite(logits).all()
