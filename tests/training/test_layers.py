"""The first layer that a head uses is chosen by speakers who are held out."""

from itertools import permutations

import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.training import layers
from staanet.training.layers import first_layer
from staanet.training.settings import ProbeTraining

SPEAKERS = [f"s{number}" for number in range(6) for _ in range(12)]
LABELS = [number % 3 for number in range(72)]


def clips(*kinds, noise=0.5):
    """Features of clips whose layers tell the emotion of anybody, of known speakers only, or nothing."""
    with seeded("clips"):
        emotion = torch.eye(3).repeat(24, 1)
        own = torch.eye(3)[torch.tensor(list(permutations(range(3))))]  # another order for each speaker
        known = torch.stack([own[number // 12, label] for number, label in enumerate(LABELS)])
        made = {"anybody": emotion, "known": known, "nothing": torch.zeros(72, 3)}
        return torch.stack([3 * made[kind] + noise * torch.randn(72, 3) for kind in kinds], 1)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("anybody", "anybody", "anybody"), 0),
        (("known", "anybody", "anybody"), 1),
        (("known", "known", "anybody"), 2),
        (("nothing", "nothing", "anybody"), 2),
        (("anybody", "known", "nothing"), 0),
    ],
)
def test_layers_that_only_tell_the_emotions_of_known_speakers_are_left_out(kinds, expected):
    assert first_layer(clips(*kinds), LABELS, SPEAKERS, groups=3) == expected


def test_all_layers_are_used_if_no_speaker_can_be_held_out():
    features = clips("known", "anybody")
    assert first_layer(features, LABELS, SPEAKERS, groups=5) == 1
    assert first_layer(features, LABELS, SPEAKERS, groups=1) == 0
    assert first_layer(features, LABELS, ["one"] * 72, groups=5) == 0


def test_a_choice_depends_neither_on_the_order_of_clips_nor_on_scale_and_place():
    features = clips("known", "anybody", "nothing")
    chosen = first_layer(features, LABELS, SPEAKERS, groups=4)
    order = torch.arange(71, -1, -1).tolist()
    again = first_layer(features[order], [LABELS[i] for i in order], [SPEAKERS[i] for i in order], groups=4)
    moved = first_layer(1000 * features + 7, LABELS, SPEAKERS, groups=4)
    assert (chosen, again, moved) == (1, 1, 1)


def test_few_of_many_clips_are_used(monkeypatch):
    monkeypatch.setattr(layers, "MOST", 36)
    features = clips("known", "anybody")
    changed = features.clone()
    skipped = sorted(set(range(72)) - set(torch.linspace(0, 71, 36).round().long().tolist()))
    changed[skipped] = 1e6
    assert first_layer(features, LABELS, SPEAKERS, 3) == first_layer(changed, LABELS, SPEAKERS, 3) == 1


def test_a_number_of_groups_below_one_is_refused():
    with pytest.raises(StaanetError, match="groups of 1 or more, got 0"):
        ProbeTraining(groups=0)
