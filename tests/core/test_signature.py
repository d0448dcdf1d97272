import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from staanet.core.signature import LATER, file_digest, signature, to_jsonable

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
settings = st.dictionaries(
    st.text(), st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
)


@dataclass(frozen=True)
class Loop:
    epochs: int = 3
    rate: float = 1e-3
    widths: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Named:
    name = "noise"
    level: float = 0.1


@given(settings)
def test_the_order_of_keys_does_not_matter(values):
    turned = dict(reversed(values.items()))
    assert signature(turned) == signature(values)


@given(settings, settings)
def test_different_settings_have_different_signatures(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (signature(one) == signature(other)) == same


@pytest.mark.parametrize("change", [{"epochs": 4}, {"rate": 1e-4}, {"widths": (1, 2, 3)}, {"widths": (2, 1)}])
def test_each_field_of_a_dataclass_changes_the_signature(change):
    assert signature(replace(Loop(), **change)) != signature(Loop())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 0.1}, {"a": 0.1 + 1e-16}),
        ({"a": None}, {}),
        ({"a": [1, [2]]}, {"a": [[1], 2]}),
        ({"a": {"b": 1}}, {"a": 1, "b": 1}),
    ],
)
def test_values_that_look_alike_are_reported_apart(one, other):
    assert signature(one) != signature(other)


def test_it_is_the_start_of_the_sha256_of_compact_json():
    text = '{"a":[1,2.5,null,true],"b":"\\u00fc"}'
    assert signature({"b": "ü", "a": (1, 2.5, None, True)}) == hashlib.sha256(text.encode()).hexdigest()[:10]


def test_dataclasses_become_objects_with_the_name_of_their_class():
    assert to_jsonable(Loop()) == {"epochs": 3, "rate": 1e-3, "widths": [1, 2]}
    assert to_jsonable({"attack": Named()}) == {"attack": {"name": "noise", "level": 0.1}}


@pytest.mark.parametrize("value", [{1, 2}, Path("x"), b"bytes", np.int64(3), object(), Loop])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(TypeError, match="cannot be a setting"):
        signature({"key": [value]})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        signature({"key": value})


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    assert file_digest(path) == hashlib.sha256(bytes(range(256)) * 1000).hexdigest()


@dataclass(frozen=True)
class LongerLoop(Loop):
    warm_up: float = field(default=0.0, metadata=LATER)


def test_a_field_that_came_later_counts_only_if_it_is_set():
    assert signature(LongerLoop()) == signature(Loop())
    assert signature(LongerLoop(warm_up=0.1)) != signature(Loop())
    assert to_jsonable({"inner": [LongerLoop(epochs=2)]}) == {"inner": [to_jsonable(Loop(epochs=2))]}
