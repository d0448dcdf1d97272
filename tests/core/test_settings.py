from dataclasses import dataclass, field
from typing import Literal

import pytest

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.settings import from_preset, read_toml, validated


@dataclass(frozen=True)
class Noise:
    level: float = 0.1
    hits: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Training:
    epochs: int = 3
    order: Literal["random", "given"] = "random"
    noise: Noise = Noise()
    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)


@dataclass(frozen=True)
class Plan:
    title: str
    parts: dict[str, Training] = field(default_factory=dict)
    training: Training = Training()


def one_line(caught):
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_values_become_the_dataclass_at_every_depth():
    values = {"title": "t", "parts": {"a": {"noise": {"level": 2}}}, "training": {"budget": {"epsilon": 0.5}}}
    assert validated(Plan, values, "plan.toml") == Plan(
        "t", {"a": Training(noise=Noise(level=2.0))}, Training(budget=Budget(epsilon=0.5))
    )


@pytest.mark.parametrize(
    ("values", "wrong", "nearest", "where"),
    [
        ({"title": "t", "trainin": {}}, "trainin", "training", "plan.toml"),
        ({"title": "t", "training": {"epoch": 1}}, "epoch", "epochs", "plan.toml: training"),
        ({"title": "t", "training": {"noise": {"levels": 1}}}, "levels", "level", "plan.toml: training: noise"),
        ({"title": "t", "parts": {"a": {"oder": "given"}}}, "oder", "order", "plan.toml: parts: a"),
        ({"title": "t", "parts": {"a": {"noise": {"hit": 1}}}}, "hit", "hits", "plan.toml: parts: a: noise"),
    ],
)
def test_an_unknown_key_at_any_depth_is_refused_and_the_nearest_offered(values, wrong, nearest, where):
    with pytest.raises(StaanetError) as caught:
        validated(Plan, values, "plan.toml")
    message = one_line(caught)
    assert message.startswith(f"{where}: expected a key from ")
    assert message.endswith(f"got {wrong!r}; did you mean {nearest!r}?")


@pytest.mark.parametrize(
    ("values", "key", "came"),
    [
        ({"title": "t", "training": {"epochs": "many"}}, "training.epochs", "'many'"),
        ({"title": 3}, "title", "3"),
        ({"title": "t", "training": {"noise": {"hits": [0.5, "x"]}}}, "training.noise.hits.1", "'x'"),
        ({"title": "t", "training": {"order": "randm"}}, "training.order", "'randm'"),
        ({"title": "t", "parts": {"a": {"noise": {"level": []}}}}, "parts.a.noise.level", "[]"),
        ({"title": "t", "training": 3}, "training", "3"),
    ],
)
def test_a_value_of_another_type_names_the_file_the_key_and_the_value(values, key, came):
    with pytest.raises(StaanetError) as caught:
        validated(Plan, values, "plan.toml")
    message = one_line(caught)
    assert message.startswith(f"plan.toml: {key}")
    assert came in message


def test_a_missing_key_is_named():
    with pytest.raises(StaanetError, match=r"plan.toml: expected the key 'title', found none"):
        validated(Plan, {}, "plan.toml")


@pytest.mark.parametrize("values", [[1, 2], "text", None])
def test_something_that_is_no_table_is_refused(values):
    with pytest.raises(StaanetError, match=r"plan.toml: expected a table of settings, got"):
        validated(Plan, values, "plan.toml")


def test_what_a_dataclass_refuses_comes_through_with_the_file_and_the_key():
    with pytest.raises(StaanetError) as caught:
        validated(Plan, {"title": "t", "training": {"budget": {"epsilon": 0.1, "sparsity": 12}}}, "plan.toml")
    assert one_line(caught) == (
        "plan.toml: training.budget: expected sparsity in (0, 1], got 12.0; it is a share, not a percentage"
    )


PRESETS = {
    "default": Training(),
    "paper": Training(epochs=30, noise=Noise(level=0.0, hits=(0.5, 0.6)), budget=Budget(epsilon=0.05)),
}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("default", Training()),
        ("paper", PRESETS["paper"]),
        ({}, Training()),
        ({"preset": "paper", "epochs": 2}, Training(2, noise=Noise(0.0, (0.5, 0.6)), budget=Budget(epsilon=0.05))),
        ({"noise": {"level": 0.7}}, Training(noise=Noise(0.7))),
        (
            {"preset": "paper", "noise": {"level": 0.7}},
            Training(30, noise=Noise(0.7, (0.5, 0.6)), budget=Budget(epsilon=0.05)),
        ),
        ({"budget": {"sparsity": 0.5}}, Training(budget=Budget(snr_db=17.0, sparsity=0.5))),
        ({"budget": {"epsilon": 0.1}}, Training(budget=Budget(epsilon=0.1, sparsity=0.12))),
        (
            {"preset": "paper", "budget": {"snr_db": 20}},
            Training(30, "random", Noise(0.0, (0.5, 0.6)), Budget(snr_db=20)),
        ),
        ({"budget": Budget(epsilon=0.2)}, Training(budget=Budget(epsilon=0.2))),
    ],
)
def test_a_preset_is_changed_field_by_field(values, expected):
    assert from_preset(Training, PRESETS, values, "training") == expected


def test_presets_themselves_are_never_changed():
    from_preset(Training, PRESETS, {"preset": "paper", "epochs": 1, "noise": {"level": 1.0}}, "training")
    assert PRESETS["paper"] == Training(30, noise=Noise(0.0, (0.5, 0.6)), budget=Budget(epsilon=0.05))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("papr", "training: expected a preset from default, paper; got 'papr'; did you mean 'paper'?"),
        ({"preset": "x"}, "training: expected a preset from default, paper; got 'x'"),
        (
            {"epoch": 1},
            "training: expected a key from budget, epochs, noise, order; got 'epoch'; did you mean 'epochs'?",
        ),
        ({"noise": {"levl": 1}}, "training: noise: expected a key from hits, level; got 'levl'; did you mean 'level'?"),
        ({"budget": {"epsilon": 0.1, "snr_db": 3}}, "training: budget: expected one of epsilon and snr_db"),
    ],
)
def test_a_wrong_preset_or_change_is_reported(values, message):
    with pytest.raises(StaanetError) as caught:
        from_preset(Training, PRESETS, values, "training")
    assert one_line(caught).startswith(message)


def test_toml_is_read_and_bad_toml_is_reported_with_its_place(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("rate = 1e-4\n")
    assert read_toml(path) == {"rate": 1e-4}
    path.write_text("rate = \n")
    with pytest.raises(StaanetError, match=r"plan.toml: expected TOML, got .*line 1"):
        read_toml(path)
    path.write_bytes("name = 'gemütlich'".encode("latin-1"))
    with pytest.raises(StaanetError, match=r"plan.toml: expected a TOML file in UTF-8, got .*utf-8"):
        read_toml(path)
    with pytest.raises(StaanetError, match=r"nosuch.toml: expected a TOML file, found none"):
        read_toml(tmp_path / "nosuch.toml")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": True}, "plan: epochs: expected a number, got True"),
        ({"epochs": "3"}, "plan: epochs: expected a number, got '3'"),
        ({"noise": {"level": "0.5"}}, "plan: noise.level: expected a number, got '0.5'"),
        ({"noise": {"level": False}}, "plan: noise.level: expected a number, got False"),
        ({"noise": {"hits": [0.5, "1"]}}, "plan: noise.hits.1: expected a number, got '1'"),
        ({"noise": {"level": float("nan")}}, "plan: expected values within their limits, got noise.level: the number "),
        ({"noise": {"hits": (0.0, float("inf"))}}, "plan: expected values within their limits, got noise.hits.1: "),
        ({"epochs": 2**63}, "plan: expected values within their limits, got epochs: the number"),
        ({"epochs": 10**8}, "plan: expected values within their limits, got epochs: 100000000; it is 10000000 at most"),
    ],
)
def test_values_are_not_converted_and_are_finite_and_bounded(values, message):
    with pytest.raises(StaanetError) as caught:
        validated(Training, values, "plan")
    assert one_line(caught).startswith(message)


@dataclass(frozen=True)
class Switch:
    on: bool = False
    either: bool | float | None = None
    names: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.either == 7:
            raise TypeError("a mistake")


@pytest.mark.parametrize("given", ["true", "yes", 1, 0, 1.0])
def test_a_truth_value_is_true_or_false_only(given):
    with pytest.raises(StaanetError, match=r"expected true or false, got|Input should be a valid boolean"):
        validated(Switch, {"on": given}, "switch")


def test_what_a_union_allows_stays_as_it_is():
    assert validated(Switch, {"either": True}, "switch").either is True
    assert validated(Switch, {"either": 0.5, "names": {"0": "a"}}, "switch") == Switch(either=0.5, names={0: "a"})


def test_an_exception_of_the_dataclass_itself_becomes_one_line():
    with pytest.raises(StaanetError, match="switch: expected settings that fit together, got a mistake"):
        validated(Switch, {"either": 7}, "switch")
