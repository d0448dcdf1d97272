import abc

import pytest

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.registry import Registry, collect


class Base(abc.ABC):
    @abc.abstractmethod
    def work(self):
        """Do it."""


class Noise(Base):
    name = "noise"

    def work(self):
        return 1


class Partly(Base):
    name = "partly"


class Ready:
    def __init__(self, name):
        self.name = name


def test_concrete_subclasses_are_collected_by_name():
    registry = collect(
        "attack", {"Noise": Noise, "Base": Base, "Partly": Partly, "text": "noise", "again": Noise}, Base
    )
    assert dict(registry) == {"noise": Noise}


def test_some_entries_may_come_first():
    entries = {name: Ready(name) for name in ("ape", "bear", "cat", "dog")}
    assert list(collect("metric", entries, Ready, first=("dog", "bear"))) == ["dog", "bear", "ape", "cat"]
    with pytest.raises(KeyError):
        collect("metric", entries, Ready, first=("eel",))


def test_instances_are_collected_by_name_in_alphabetical_order():
    entries = [Ready("zebra"), Ready("ape")]
    registry = collect("metric", {"a": entries[0], "b": entries[1], "Ready": Ready}, Ready)
    assert list(registry) == ["ape", "zebra"]
    assert registry["zebra"] is entries[0]


def test_two_entries_of_one_name_are_our_own_mistake():
    with pytest.raises(AssertionError, match="two entries of kind metric are called ape"):
        collect("metric", {"a": Ready("ape"), "b": Ready("ape")}, Ready)


@pytest.mark.parametrize(("name", "hint"), [("nois", "; did you mean 'noise'?"), ("zzz", ""), ("", "")])
def test_an_unknown_name_lists_the_known_ones_and_offers_the_nearest(name, hint):
    registry = Registry("attack", {"noise": 1, "fgsm": 2})
    with pytest.raises(StaanetError) as caught:
        registry[name]
    assert str(caught.value) == f"expected an attack from fgsm, noise; got {name!r}{hint}"


def test_looking_for_a_name_raises_nothing():
    registry = Registry("attack", {"noise": 1})
    assert "noise" in registry
    assert "nois" not in registry
    assert 3 not in registry
    assert len(registry) == 1


def test_an_empty_choice_is_reported():
    assert str(unknown_name("corpus", "emodb", [])) == "expected a corpus from (none); got 'emodb'"


@pytest.mark.parametrize("room", ["attacks.ATTACKS", "corpora.CORPORA", "metrics.METRICS", "models.MODELS"])
def test_every_room_lists_what_it_imports(room):
    module, table = room.split(".")
    registry = getattr(__import__(f"staanet.{module}", fromlist=[table]), table)
    assert len(registry) > 0
    assert all(entry.name == name for name, entry in registry.items())
