import json
import warnings
from collections import Counter
from pathlib import Path

import librosa
import numpy as np
import pytest

from staanet.audio.effects import trim
from staanet.audio.files import mono, resample, write
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.corpora import EmoDB, Folder, Synthetic
from staanet.corpora.base import Segment, Utterance
from staanet.data import at_random, by_speaker, folds, prepare
from staanet.data.segments import SEGMENTATION_PRESETS, Segmentation

RATE = 16_000
CLIP = Utterance("a/1", "a/1.wav", "joy", "a", "female", "en")


def hum(seconds, silence=0.0):
    """A loud sound, followed by silence."""
    size = round(seconds * RATE)
    sound = 0.5 * np.sin(np.arange(size) * 0.07) * (1 + 0.3 * np.sin(np.arange(size) * 0.0011))
    return np.concatenate([sound, np.zeros(round(silence * RATE))]).astype(np.float32)


def cut(samples, **settings):
    """Return the segments of a clip by their ids, and the reasons why others were skipped."""
    made = list(Segmentation(**settings).segment(CLIP, samples, RATE))
    return {segment.id: (segment, sound) for segment, sound in (m for m in made if not isinstance(m, str))}, Counter(
        m for m in made if isinstance(m, str)
    )


def test_a_short_clip_has_eight_augmented_copies_all_repeated_to_three_seconds():
    segments, lacking = cut(hum(1.0))
    assert not lacking
    assert [segment.augmentation for segment, _ in segments.values()] == [
        "",
        *("pitch-3", "pitch-1.5", "pitch+1.5", "pitch+3"),
        *("speed0.75", "speed0.9", "speed1.1", "speed1.25"),
    ]
    assert {len(sound) for _, sound in segments.values()} == {3 * RATE}
    assert {sound.dtype for _, sound in segments.values()} == {np.dtype(np.float32)}
    assert max(np.abs(sound).max() for _, sound in segments.values()) <= 1


def test_a_segment_has_all_but_the_id_of_its_clip():
    segments, _ = cut(hum(1.0), pitches=(), speeds=(0.9,))
    own, slow = (segment for segment, _ in segments.values())
    assert (own.id, own.is_augmented) == ("a/1@as-it-is_0", False)
    assert (slow.id, slow.augmentation, slow.is_augmented) == ("a/1@speed0.9_0", "speed0.9", True)
    for segment in (own, slow):
        assert (segment.clip, segment.path, segment.label, segment.speaker, segment.gender) == (
            "a/1",
            "a/1.wav",
            "joy",
            "a",
            "female",
        )
    assert not CLIP.is_augmented


def test_pitch_and_speed_are_those_of_librosa():
    sound = hum(1.0)
    speech, _ = librosa.effects.trim(sound, top_db=30, frame_length=512, hop_length=64)
    expected = {
        "a/1@pitch+1.5_0": librosa.effects.pitch_shift(speech, sr=RATE, n_steps=1.5),
        "a/1@speed0.75_0": librosa.effects.time_stretch(speech, rate=0.75),
    }
    segments, _ = cut(sound, pitches=(1.5,), speeds=(0.75,))
    for name, augmentation in expected.items():
        assert segments[name][1] == pytest.approx(np.resize(augmentation, 3 * RATE).clip(-1, 1), abs=1e-6)


def test_silence_is_trimmed_and_the_rest_repeated():
    segments, _ = cut(np.concatenate([np.zeros(5000, np.float32), hum(1.0, silence=0.5)]), pitches=(), speeds=())
    ((_, sound),) = segments.values()
    speech = trim(np.concatenate([np.zeros(5000, np.float32), hum(1.0, silence=0.5)]))
    assert RATE <= len(speech) < RATE + 1000
    assert np.array_equal(sound[: len(speech)], speech)
    assert np.array_equal(sound[len(speech) : 2 * len(speech)], speech)


def test_a_long_clip_is_cut_and_each_of_its_segments_trimmed_again():
    sound = np.concatenate([hum(2.0, silence=1.5), hum(1.0), hum(3.0)])
    segments, lacking = cut(sound, pitches=(), speeds=())
    assert list(segments) == ["a/1@as-it-is_0", "a/1@as-it-is_1", "a/1@as-it-is_2"]
    assert not lacking
    first = segments["a/1@as-it-is_0"][1]
    assert np.array_equal(first[: 2 * RATE], sound[: 2 * RATE])
    assert np.abs(first[2 * RATE : 2 * RATE + 2000]).max() > 0.3  # not the pause, but the sound again


@pytest.mark.parametrize(("min_seconds", "count"), [(0.9, 1), (0.4, 2), (0.0, 2)])
def test_a_remainder_too_short_is_skipped_with_a_reason(min_seconds, count):
    segments, lacking = cut(hum(3.5), pitches=(), speeds=(), min_seconds=min_seconds)
    assert len(segments) == count
    assert lacking == ({"shorter than 0.9 s": 1} if count == 1 else {})


def test_a_segment_of_silence_is_skipped_with_a_reason():
    sound = np.concatenate([hum(1.0, silence=5.0), hum(1.0)])
    segments, lacking = cut(sound, pitches=(), speeds=())
    assert list(segments) == ["a/1@as-it-is_0", "a/1@as-it-is_2"]
    assert lacking == {"of silence": 1}


def test_a_clip_too_short_to_be_changed_is_skipped_with_a_reason():
    assert cut(hum(0.05)) == ({}, {"of clips with less than 0.128 s of speech": 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seconds": 0.0}, "seconds above 0"),
        ({"seconds": float("nan")}, "seconds above 0"),
        ({"min_seconds": 4.0}, "min_seconds from 0 to seconds"),
        ({"trim_db": 0.0}, "trim_db above 0"),
        ({"speeds": (1.0,)}, "augmented copies that differ"),
        ({"speeds": (-1.0,)}, "augmented copies that differ"),
        ({"pitches": (0.0,)}, "augmented copies that differ"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(StaanetError, match=message):
        Segmentation(**settings)


def test_without_librosa_it_is_refused_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setattr("staanet.audio.effects.importlib.util.find_spec", lambda _: None)
    with pytest.raises(StaanetError, match=r"the package librosa, found none; install staanet\[systematic\]"):
        prepare(Synthetic(), Path(), tmp_path / "dataset", segments=Segmentation())
    assert not (tmp_path / "dataset").exists()


# ------------------------------------------------------------------ a dataset of segments, and its splits


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Six speakers, two of three emotions, each clip in three augmented copies of one or two segments."""
    root = tmp_path_factory.mktemp("corpus")
    for number, speaker in enumerate("abcdef"):
        for emotion in ("anger", "joy", "fear"):
            write(root / emotion / f"{speaker}-1.wav", hum(0.5 + 0.1 * number)[:, None], RATE)
    segments = Segmentation(emotions=("joy", "anger"), seconds=1.0, pitches=(2.0,), speeds=(0.9,), min_seconds=0.1)
    return prepare(Folder(), root, tmp_path_factory.mktemp("datasets") / "segments", segments=segments)


def test_a_dataset_holds_the_segments_of_the_emotions_that_are_kept(dataset):
    assert dataset.labels == ("anger", "joy")
    assert all(isinstance(utterance, Segment) for utterance in dataset.utterances.values())
    assert {utterance.augmentation for utterance in dataset.utterances.values()} == {"", "pitch+2", "speed0.9"}
    assert {utterance.clip for utterance in dataset.utterances.values()} == {
        f"{emotion}/{speaker}-1" for emotion in ("anger", "joy") for speaker in "abcdef"
    }
    assert {dataset.length(clip) for clip in dataset.utterances} == {RATE}
    about = json.loads((dataset.folder / "dataset.json").read_text())
    assert about["segments"]["emotions"] == ["joy", "anger"]
    assert "skipped 6 clips of other emotions than anger, joy" in about["remarks"]


def test_an_emotion_that_is_not_in_the_corpus_is_refused(tmp_path):
    with pytest.raises(StaanetError, match=r"expected an emotion from .*; got 'angst'"):
        prepare(Synthetic(), Path(), tmp_path / "dataset", segments=Segmentation(emotions=("angst",)))


def subsets_of(dataset, split, what):
    subsets = (split.train, split.val, split.test)
    return [{getattr(dataset.utterances[clip], what) for clip in subset} for subset in subsets]


def test_the_clean_splits_leak_nothing_and_train_alone_has_augmented_copies(dataset):
    utterances = list(dataset.utterances.values())
    for split in (by_speaker(utterances), *folds(utterances, 3)):
        dataset.check(split)
        for what in ("speaker", "clip"):
            train, val, test = subsets_of(dataset, split, what)
            assert not train & val | train & test | val & test
            assert train
            assert val
            assert test
        train, val, test = subsets_of(dataset, split, "augmentation")
        assert train == {"", "pitch+2", "speed0.9"}
        assert val == test == {""}


def test_the_published_split_leaks_clips_and_speakers_and_warns(dataset):
    with pytest.warns(StaanetWarning, match="speakers in one subset each, got 'a', 'b', 'c' and 3 more in several"):
        split = at_random(list(dataset.utterances.values()))
    dataset.check(split)
    for what in ("speaker", "clip"):
        train, _, test = subsets_of(dataset, split, what)
        assert len(train & test) >= len(test) / 2
    assert subsets_of(dataset, split, "augmentation")[2] != {""}
    assert Counter(split.train + split.val + split.test) == Counter(list(dataset.utterances))
    assert split.digest() == quietly(at_random, list(dataset.utterances.values())).digest()
    assert split.digest() != quietly(at_random, list(dataset.utterances.values()), seed=1).digest()


def quietly(function, *arguments, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        return function(*arguments, **settings)


@pytest.mark.parametrize(
    ("segments", "subsets"), [(4181, (2675, 669, 837)), (4931, (3155, 789, 987)), (8952, (5728, 1433, 1791))]
)
def test_the_published_split_has_the_papers_sizes_and_each_class_in_proportion(segments, subsets):
    classes = ("a", "b", "c", "d", "e")
    utterances = [Utterance(str(n), "", classes[min(4, n % 7)], f"s{n % 9}") for n in range(segments)]
    split = quietly(at_random, utterances)
    assert (len(split.train), len(split.val), len(split.test)) == subsets
    labels = {utterance.id: utterance.label for utterance in utterances}
    everywhere = Counter(labels.values())
    for ids in (split.train, split.val, split.test):
        for label, count in Counter(labels[clip] for clip in ids).items():
            assert abs(count - everywhere[label] * len(ids) / segments) <= 1.5


def test_a_class_with_too_few_clips_for_the_published_split_is_refused():
    many = [Utterance(f"{emotion}{n}", "", emotion, f"s{n}") for emotion in ("joy", "fear") for n in range(20)]
    with pytest.raises(StaanetError, match="clips of 'anger' by training ids and others, got 1 in all"):
        quietly(at_random, [*many, Utterance("x", "", "anger", "s0")])
    two = [Utterance(name, "", "anger", name) for name in "xy"]
    with pytest.warns() as caught:
        at_random([*many, *two])
    assert any("test clips of every class, got none of 'anger'" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.0, 0.0, 0.0)])
def test_shares_that_mean_nothing_are_refused(shares):
    with pytest.raises(StaanetError, match="three shares above 0"):
        at_random([], shares)


@pytest.mark.corpus
def test_emodb_has_the_papers_number_of_segments(emodb):
    corpus, settings = EmoDB(), SEGMENTATION_PRESETS["emodb"]
    lengths = []
    for utterance in corpus.validate(emodb).utterances:
        if utterance.label in settings.emotions:
            samples, rate = corpus.read(emodb, utterance)
            lengths.append(len(trim(resample(mono(samples), rate, RATE), settings.trim_db)))
    own = sum(-(-length // (3 * RATE)) for length in lengths)
    faster = sum(-(-round(length / speed) // (3 * RATE)) for length in lengths for speed in settings.speeds)
    assert (len(lengths), own, own * 5 + faster) == (339, 457, 4181)
