"""Perception against answers by hand and against the packages themselves, and what each says where it is undefined."""

import math
import sys

import numpy as np
import pytest
import torch
from pesq import pesq as package_pesq
from pystoi import stoi as package_stoi

from staanet.audio.files import resample
from staanet.core.errors import StaanetError
from staanet.corpora.synthetic import Synthetic
from staanet.metrics import perception
from staanet.metrics.perception import (
    MEASURES,
    SILENT,
    UNCHANGED,
    check_installed,
    log_spectral_distance_db,
    pesq,
    si_sdr_db,
    snr_segmental_db,
    stoi,
)

RATE = 16_000


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """A synthetic utterance of more than a second, and the same with a tenth of its samples changed."""
    corpus = Synthetic(speakers=3, sentences=1, seconds=(1.2, 1.4))
    root = tmp_path_factory.mktemp("corpus")
    samples, rate = corpus.read(root, corpus.validate(root).utterances[0])
    clip = resample(samples.mean(1), rate, RATE)
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], len(clip)) * (rng.random(len(clip)) < 0.1)
    return clip, (clip + 0.02 * np.abs(clip).max() * signs).astype(np.float32)


@pytest.fixture
def noise():
    return np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1


# ------------------------------------------------------------------ known answers


@pytest.mark.parametrize("gain", [0.5, 1.0, -3.0])
def test_si_sdr_is_the_ratio_of_a_scaled_clip_to_what_is_orthogonal_to_it(gain):
    clean = np.tile([1.0, 1.0, -1.0, -1.0], 100)
    orthogonal = np.tile([1.0, -1.0, -1.0, 1.0], 100)
    found = si_sdr_db(clean, gain * (clean + 0.1 * orthogonal) + 0.25, RATE)
    assert found.value == pytest.approx(20)
    assert found.reason is None


def test_segmental_snr_is_the_mean_of_the_frames_each_cut_to_its_range():
    frame = 480
    clean = np.repeat([0.5, 0.5, 0.5, 0.5, 1e-6], frame)
    change = np.repeat([0.05, 0.0005, 5.0, 0.0, 0.5], frame)  # 20, 60 -> 35, -20 -> -10, none -> 35; a pause
    assert snr_segmental_db(clean, clean + change, RATE).value == pytest.approx((20 + 35 - 10 + 35) / 4)


def test_a_rest_shorter_than_a_frame_does_not_count():
    clean = np.full(480 + 479, 0.5)
    change = np.concatenate([np.full(480, 0.05), np.full(479, 0.5)])
    assert snr_segmental_db(clean, clean + change, RATE).value == pytest.approx(20)


@pytest.mark.parametrize("gain_db", [-6.0, 0.5, 12.0])
def test_the_log_spectral_distance_of_a_gain_is_the_gain(noise, gain_db):
    found = log_spectral_distance_db(noise, noise * 10 ** (gain_db / 20), RATE)
    assert found.value == pytest.approx(abs(gain_db), rel=1e-5)


def test_log_spectra_are_cut_80_db_below_the_highest_value(noise):
    pause = np.concatenate([noise, np.zeros(RATE)])
    whisper = np.concatenate([noise, 1e-7 * noise])
    assert log_spectral_distance_db(pause, whisper, RATE).value == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_pesq_and_stoi_are_the_packages_own(speech, rate):
    clean, attacked = (resample(clip, RATE, rate) for clip in speech)
    band = "nb" if rate == 8_000 else "wb"
    assert pesq(clean, attacked, rate).value == pytest.approx(package_pesq(rate, clean, attacked, band), abs=1e-6)
    assert stoi(clean, attacked, rate).value == pytest.approx(package_stoi(clean, attacked, rate), abs=1e-6)


def test_other_rates_are_brought_to_16_khz(speech):
    wide = [resample(clip, RATE, 48_000) for clip in speech]
    assert pesq(*wide, 48_000).value == pytest.approx(pesq(*speech, RATE).value, abs=0.05)


def test_tensors_are_as_good_as_arrays(speech):
    for measure in MEASURES.values():
        assert measure(*map(torch.from_numpy, speech), RATE) == measure(*speech, RATE)


def test_more_noise_is_worse(speech):
    clean, attacked = speech
    louder = clean + 4 * (attacked - clean)
    for name, measure in MEASURES.items():
        little, much = measure(clean, attacked, RATE).value, measure(clean, louder, RATE).value
        assert (much > little) if name == "log_spectral_distance_db" else (much < little), name


# ------------------------------------------------------------------ where there is no value


def test_an_unchanged_clip_has_its_best_values_or_none(speech):
    clean, _ = speech
    found = {name: measure(clean, clean.copy(), RATE) for name, measure in MEASURES.items()}
    assert found["pesq"].value == pytest.approx(4.64, abs=0.01)
    assert found["stoi"].value == pytest.approx(1)
    assert found["log_spectral_distance_db"].value == 0
    assert found["si_sdr_db"] == found["snr_segmental_db"] == (None, UNCHANGED)


@pytest.mark.parametrize("name", MEASURES)
def test_silence_is_reported(name, noise):
    assert MEASURES[name](np.zeros(RATE), noise, RATE) == (None, SILENT)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("length", [1, 2, 100, 479, 3000, 6300, 6500])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_what_is_short_has_a_value_or_a_reason_and_never_nan(name, length, rate, noise):
    clip = noise[:length]
    changed = clip.copy()
    changed[::7] += 0.01
    value, reason = MEASURES[name](clip, changed, rate)
    assert (value is None) == bool(reason)
    assert value is None or math.isfinite(value)


@pytest.mark.parametrize(
    ("measure", "seconds", "reason"),
    [
        (pesq, 0.2, "shorter than 0.25 s"),
        (pesq, 19.1, "longer than 19 s"),
        (stoi, 0.3, "less than 0.4 s of speech"),
        (snr_segmental_db, 0.029, "shorter than 30 ms"),
        (log_spectral_distance_db, 0.031, "shorter than 32 ms"),
    ],
)
def test_a_length_that_cannot_be_measured_is_reported(measure, seconds, reason, noise):
    clip = np.resize(noise, round(seconds * RATE))
    value, why = measure(clip, clip * 0.9 + 0.01 * np.resize(noise[::-1], len(clip)), RATE)
    assert value is None
    assert reason in why


def test_speech_that_is_nearly_all_pause_has_no_stoi_and_no_pesq(noise):
    clip = np.zeros(RATE, dtype=np.float32)
    clip[4000:5000] = noise[:1000]
    assert "0.4 s of speech" in stoi(clip, clip + 1e-3 * noise, RATE).reason
    assert pesq(clip, clip + 1e-3 * noise, RATE) == (None, "no utterance was found")


@pytest.mark.parametrize("name", MEASURES)
def test_a_clip_of_which_nothing_is_left_has_a_value_or_a_reason(name, speech):
    clean, _ = speech
    value, reason = MEASURES[name](clean, np.zeros_like(clean), RATE)
    assert (value is None) == bool(reason)
    assert value is None or math.isfinite(value)


@pytest.mark.parametrize("change", [lambda clip: 0.3 * clip, lambda clip: clip + 0.1, lambda clip: -0.7 * clip + 0.2])
def test_gain_and_offset_alone_are_no_distortion(noise, change):
    value, reason = si_sdr_db(noise.astype(np.float64), change(noise.astype(np.float64)), RATE)
    assert value is None
    assert reason == "nothing but gain and offset was changed"


def test_one_sample_changed_by_the_least_amount_is_distortion(noise):
    changed = noise.copy()
    changed[7] = np.nextafter(changed[7], np.float32(1))
    assert si_sdr_db(noise, changed, RATE).value > 100


@pytest.mark.parametrize(("name", "package"), [("pesq", "pesq"), ("stoi", "pystoi")])
def test_a_missing_package_is_reported(monkeypatch, speech, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert MEASURES[name](*speech, RATE) == (None, perception.NOT_INSTALLED)
    with pytest.raises(StaanetError, match=rf"found no {package}; install staanet\[perceptual\]"):
        check_installed()


def test_installed_packages_are_found():
    check_installed()


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("clean", "attacked", "message"),
    [
        (np.ones(5), np.ones(6), "one length"),
        (np.ones((2, 5)), np.ones((2, 5)), r"two clips \[T\]"),
        (np.ones(0), np.ones(0), "one length"),
        (np.ones(5), np.full(5, np.nan), "finite"),
    ],
)
def test_what_is_no_pair_of_clips_is_reported(name, clean, attacked, message):
    with pytest.raises(StaanetError, match=message):
        MEASURES[name](clean, attacked, RATE)
