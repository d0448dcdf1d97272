"""Contract tests of all registered corruptions."""

import dataclasses
import functools
import random
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from staanet.audio.corruptions import CORRUPTIONS, create_corruption
from staanet.core.errors import StaanetError
from staanet.corpora import Synthetic

RATES = (8000, 11_025, 16_000, 22_050, 44_100, 48_000)
RANDOM = {"babble", "held_noise", "packet_loss", "packet_loss_concealed", "room", "white_noise"}
ALIGNED = [name for name in CORRUPTIONS if CORRUPTIONS[name].keeps_length]
DISTANCES = {"packet_loss_concealed": "samples", "speed_up": "length", "slow_down": "length"}
"""Measures that grow with the severity: by default, the Euclidean distance to the clip."""
SPEECH = tuple(np.random.default_rng(1).uniform(-0.5, 0.5, (5, 3000)).astype(np.float32))


@functools.cache
def speech(rate=16_000):
    """A clip of synthetic speech of 1 s."""
    corpus = Synthetic(speakers=3, sentences=1, seconds=(1.0, 1.2))
    samples, own_rate = corpus.read(Path(), corpus.validate(Path()).utterances[0])
    clip = soxr.resample(samples[:own_rate, 0], own_rate, rate).clip(-1, 1).astype(np.float32)
    clip.setflags(write=False)
    return clip


def create(name, severity=3):
    settings = {"speech": SPEECH} if name == "babble" else {}
    return create_corruption(name, severity=severity, **settings)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_is_frozen_and_describes_itself(name):
    corruption = create(name)
    assert corruption.name == name
    assert corruption.reference
    assert corruption.unit
    assert len(set(corruption.levels)) == len(corruption.levels) == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        corruption.severity = 1
    with pytest.raises(StaanetError, match=f"{name}: expected a key from"):
        create_corruption(name, colour=1)
    for severity in (0, 6, -1):
        with pytest.raises(StaanetError, match=f"expected a severity from 1 to 5, got {severity}"):
            create(name, severity)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_changes_the_clip_and_stays_in_full_scale_at_any_rate(name, rate):
    clip = speech(rate)
    for severity in (1, 5):
        corruption = create(name, severity)
        corrupted = corruption(clip, rate)
        assert corrupted.dtype == np.float32
        assert corrupted.ndim == 1
        assert (len(corrupted) == len(clip)) == corruption.keeps_length
        assert np.abs(corrupted).max() <= 1  # false if one is not a number
        assert not np.array_equal(corrupted, clip)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_is_farther_from_the_clip(name, rate):
    clip = speech(rate)
    corrupted = [create(name, severity)(clip, rate) for severity in range(1, 6)]
    match DISTANCES.get(name):
        case "length":
            distances = [abs(len(one) - len(clip)) for one in corrupted]
        case "samples":
            distances = [(one != clip).sum() for one in corrupted]
        case _:
            distances = [np.linalg.norm(one.astype(np.float64) - clip) for one in corrupted]
    assert distances == sorted(set(distances))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", sorted(set(ALIGNED) - {"room"}))  # whose direct sound is tested by itself
def test_corrupted_clips_stay_in_step_within_a_millisecond(name, rate):
    clip = speech(rate)
    for severity in (1, 3, 5):
        corrupted = create(name, severity)(clip, rate)
        size = 2 * len(clip)
        correlation = np.fft.irfft(np.fft.rfft(clip, size).conj() * np.fft.rfft(corrupted, size))
        delay = (int(correlation.argmax()) + len(clip)) % size - len(clip)
        assert abs(delay) <= rate / 1000


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_depends_on_seed_and_clip_only(name):
    clip, corruption = speech(), create(name)
    first = corruption(clip, 16_000, seed=3)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    random.random(), np.random.rand(7), torch.rand(7)  # noqa: NPY002
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    assert np.array_equal(first, create(name)(clip.copy(), 16_000, seed=3))
    assert random.getstate() == after[0] != states[0]
    assert np.random.get_state()[1].tolist() == after[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), after[2])
    assert np.array_equal(first, corruption(clip, 16_000, seed=4)) == (name not in RANDOM)


@pytest.mark.parametrize("name", sorted(RANDOM - {"packet_loss", "packet_loss_concealed", "babble"}))
def test_each_clip_has_noise_of_its_own(name):
    clip, corruption = speech(), create(name)
    changes = [corruption(one, 16_000) - one for one in (clip, clip * np.float32(0.5))]
    assert np.abs(changes[0] - 2 * changes[1]).max() > 0.01


@pytest.mark.parametrize("size", [1, 2, 3, 160, 1234])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_short_silent_quiet_and_loud_clips_are_corrupted(name, size):
    loud = np.where(np.arange(size) % 3, 1, -1).astype(np.float32)
    for rate in (8000, 48_000):
        for clip in (loud, np.zeros_like(loud), loud * np.float32(1e-30), np.full_like(loud, 1e-3)):
            corruption = create(name, 5)
            corrupted = corruption(clip, rate)
            assert np.abs(corrupted).max() <= 1
            assert len(corrupted) >= 1
            assert len(corrupted) == len(clip) or not corruption.keeps_length


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_silence_stays_silent(name):
    corrupted = create(name, 5)(np.zeros(4000, dtype=np.float32), 16_000)
    assert np.abs(corrupted).max() < (0.02 if name == "gsm" else 0.001)  # codecs of telephones have no 0


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_leaves_its_input_as_it_was(name):
    clip = speech().copy()
    create(name, 5)(clip, 16_000)
    assert np.array_equal(clip, speech())
    as_double = create(name, 5)(clip.astype(np.float64), 16_000)
    assert np.array_equal(as_double, create(name, 5)(clip, 16_000))


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((100, 2), np.float32), 16_000, r"one channel .T., at least 1, got .100, 2.; average the channels"),
        (np.zeros(0, np.float32), 16_000, r"at least 1, got .0."),
        (np.zeros(100, np.int16), 16_000, "floating-point numpy array of samples in .-1, 1., got int16"),
        (torch.zeros(100), 16_000, "floating-point numpy array of samples in .-1, 1., got Tensor"),
        (np.full(100, np.nan, np.float32), 16_000, "finite samples"),
        (np.full(100, np.inf, np.float32), 16_000, "finite samples"),
        (np.full(100, 1.5, np.float32), 16_000, "finite samples in .-1, 1., got others"),
        (np.zeros(100, np.float32), 4000, "sampling rate from 8000 to 48000 Hz, got 4000"),
        (np.zeros(100, np.float32), 96_000, "sampling rate from 8000 to 48000 Hz, got 96000"),
    ],
)
@pytest.mark.parametrize("name", ["white_noise", "speed_up"])
def test_refuses_other_input(name, samples, rate, message):
    with pytest.raises(StaanetError, match=message):
        create(name)(samples, rate)
