"""Sentences of captions: what intervals assume, where chance is, and controls that are optimistic."""

import pytest

from report.test_report import made
from staanet.report import captions
from staanet.report.sections import models, transfer


@pytest.mark.parametrize(
    ("speakers", "sentence"),
    [([8, 24], captions.BY_SPEAKER), ([7, 2], captions.BY_CLIP), ([7, 24], captions.EITHER), ([], captions.BY_SPEAKER)],
)
def test_intervals_assume_what_the_number_of_speakers_allows(speakers, sentence):
    assert captions.intervals(speakers) == sentence


def test_clips_of_a_few_speakers_are_not_said_to_be_allowed_to_resemble_each_other():
    few, many = transfer.table([made(speakers=7)]).caption, transfer.table([made(speakers=8)]).caption
    assert "correlation between clips" not in few
    assert "treat clips as independent" in few
    assert "allow for correlation between clips of a speaker" in many


def test_chance_is_named_for_each_number_of_classes():
    assert captions.chance([made(), made()]) == "Chance (1/K) is 25.0 % for 4 classes."
    two = made(labels=["a", "b"], chance=0.5)
    assert captions.chance([made(), two]) == "Chance (1/K) is 50.0 % for 2 classes, 25.0 % for 4 classes."


TRAINED = {"training": {"augmentation": {"noise": 0.7}}}
CLEAN = {"training": {"augmentation": {"noise": 0.0}}}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (TRAINED, True),
        (CLEAN, False),
        ({**CLEAN, "base_model": TRAINED}, True),
        ({**TRAINED, "defence": {"name": "mp3"}}, True),
        ({"training": None}, False),
        ({"model": "wav2vec2"}, False),
        ("a hash", False),
        (None, False),
    ],
)
def test_only_a_model_trained_with_noise_makes_the_control_optimistic(target, said):
    record = made(settings={"attack": {"name": "staa_net"}, "target": target})
    for table in (transfer.table([record]), models.table([record])):
        assert ("emo18 was trained with noise of the control's distribution" in table.caption) == said


def test_all_models_that_were_trained_with_noise_are_named_once():
    found = [made(target=name, settings={"target": TRAINED}) for name in ("emo18", "zhao19", "emo18")]
    assert captions.control(found).startswith(" emo18, zhao19 were trained with noise")
