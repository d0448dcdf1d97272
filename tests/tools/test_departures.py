from dataclasses import replace

import departures
import made_up_results
import pytest
from departures import Departure

from staanet.attacks.generator import GENERATORS
from staanet.core.signature import to_jsonable
from staanet.training.generator import GENERATOR_PRESETS
from staanet.training.settings import MODEL_PRESETS

PAPER, MODEL = GENERATOR_PRESETS["paper"], MODEL_PRESETS["paper"]


def generator(network="wave_unet", training=PAPER, **sizes):
    own = to_jsonable(GENERATORS[network].Settings()) | sizes
    return {"generator": network, "sizes": own, "training": to_jsonable(training)}


def model(seconds=6.0, training=MODEL):
    return {"model": "emo18", "seconds": seconds, "training": to_jsonable(training)}


def record(**fields):
    settings = {"attack": {"generator": generator()}, "source": model(), "target": model()}
    own = {"corpus": "demos", "protocol": "paper", "budget_epsilon": 0.05, "budget_snr_db": None}
    rows = made_up_results.clips(0.5)
    return made_up_results.part("wave_unet", 0, rows, **(own | {"budget_sparsity": 1.0, "settings": settings} | fields))


def test_the_published_settings_have_no_departures():
    assert departures.departures([record()]) == {}


def test_changes_of_the_training_are_named_with_their_factor():
    losses = replace(PAPER.losses, magnitude=1e-5)
    training = replace(PAPER, losses=losses, epochs=2, learning_rate=1e-3, precision="bfloat16")
    assert departures.of_generator(generator(training=training)) == [
        Departure("training.losses.magnitude", "0.001", "1e-05 (divided by 100)"),
        Departure("training.epochs", "20", "2 (divided by 10)"),
        Departure("training.learning_rate", "0.0001", "0.001 (times 10)"),
        Departure("training.precision", "float32", "bfloat16"),
    ]


def test_another_network_and_other_sizes_are_named():
    assert departures.of_generator(generator("compact")) == [Departure("network", "wave_unet", "compact")]
    assert departures.of_generator(generator(kernel=7)) == [Departure("sizes.kernel", "5", "7 (times 1.4)")]


def test_settings_that_the_preset_does_not_have_are_named():
    settings = generator() | {"training": to_jsonable(PAPER) | {"warm_up": True}}
    assert departures.of_generator(settings) == [Departure("training.warm_up", "none", "True")]


def test_shorter_clips_and_another_training_of_models_are_named():
    assert departures.of_model(model(1.0, replace(MODEL, epochs=40))) == [
        Departure("seconds", "6", "1 (divided by 6)"),
        Departure("training.epochs", "30", "40 (times 1.33)"),
    ]


def test_another_budget_protocol_and_corpus_are_named_once():
    own = {"corpus": "emodb", "protocol": "file", "budget_epsilon": None, "budget_snr_db": 17.0}
    found = departures.departures([record(**own, budget_sparsity=0.12), record(**own, budget_sparsity=0.12)])
    assert {departure.setting: names for departure, names in found.items()} == {
        name: ["evaluation"] for name in ("corpus", "protocol", "budget.epsilon", "budget.snr_db", "budget.sparsity")
    }


def test_a_departure_lists_everything_to_which_it_applies():
    short = {"attack": {"generator": generator()}, "source": model(1.0), "target": model(1.0)}
    found = departures.departures([record(settings=short, target="zhao19")])
    assert list(found.values()) == [["model emo18", "model zhao19"]]


@pytest.mark.parametrize(("one", "other"), [(0, 5), (False, True), (None, 1), ("a", "b"), (1.0, -2.0)])
def test_only_numbers_above_0_have_a_factor(one, other):
    assert departures._factor(one, other) == ""
