"""Corruptions against known answers."""

import itertools
import sys

import numpy as np
import pytest

from staanet.audio.corruptions import create_corruption
from staanet.audio.corruptions.base import rms
from staanet.audio.corruptions.room import image_sources, noise_tail, reverberation_time
from staanet.audio.files import write
from staanet.core.errors import StaanetError

RATE = 16_000


def tone(hertz, size=RATE, rate=RATE):
    return (0.3 * np.sin(np.arange(size) * 2 * np.pi * hertz / rate)).astype(np.float32)


def voices(count=5, size=3000):
    return tuple(np.random.default_rng(0).uniform(-0.5, 0.5, (count, size)).astype(np.float32))


def write_all(folder, clips, rate=RATE):
    for number, clip in enumerate(clips):
        write(folder / f"{number}.wav", clip, rate)
    return folder


@pytest.mark.parametrize("name", ["white_noise", "held_noise", "babble"])
@pytest.mark.parametrize(("severity", "snr_db"), [(1, 30), (2, 20), (3, 10), (4, 5), (5, 0)])
def test_noise_has_the_ratio_of_its_severity(name, severity, snr_db):
    clip = tone(440)
    settings = {"speech": voices()} if name == "babble" else {}
    noise = create_corruption(name, severity=severity, **settings)(clip, RATE).astype(np.float64) - clip
    if np.abs(clip + noise).max() < 1:
        assert 20 * np.log10(rms(clip) / rms(noise)) == pytest.approx(snr_db, abs=0.01)
    else:
        assert 20 * np.log10(rms(clip) / rms(noise)) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize(("rate", "shortest", "longest"), [(8000, 4, 32), (16_000, 8, 64), (48_000, 24, 192)])
def test_held_noise_holds_its_sign_for_half_a_millisecond_to_four(rate, shortest, longest):
    clip = tone(100, 4 * rate, rate)
    noise = create_corruption("held_noise", severity=3)(clip, rate) - clip
    times = np.diff(np.flatnonzero(np.diff(np.sign(noise))))
    assert times.min() == shortest
    assert times[times <= longest].max() > 0.9 * longest
    assert np.unique(np.abs(noise).round(5)).size == 1


def test_babble_of_a_folder_is_that_of_its_clips(tmp_path):
    clip = tone(440)
    of_clips = create_corruption("babble", speech=voices())(clip, RATE)
    assert np.array_equal(of_clips, create_corruption("babble", speech=write_all(tmp_path, voices()))(clip, RATE))


def test_babble_takes_clips_of_another_rate(tmp_path):
    slow = tuple(tone(100 * number, 8000, 8000) for number in range(1, 5))
    speech = write_all(tmp_path, slow, 8000)
    noise = create_corruption("babble", speech=speech, severity=1)(tone(3000), RATE) - tone(3000)
    spectrum = np.abs(np.fft.rfft(noise))
    assert set(np.argsort(spectrum)[-4:]) == {100, 200, 300, 400}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speech": voices(3)}, "speech: expected 4 clips or more, one per voice, got 3"),
        ({"speech": "nosuch"}, "nosuch: expected 4 clips or more, one per voice, got 0; give a folder"),
        ({"speech": voices(), "voices": 0}, "expected voices of 1 or more, got 0"),
        ({"speech": 4 * (np.zeros((10, 2)),)}, r"expected clips .T. of speech, got .10, 2.; average the channels"),
        ({"speech": 4 * (np.zeros(0),)}, r"expected clips .T. of speech, got .0."),
        ({}, "babble: expected the key 'speech', found none"),
    ],
)
def test_unusable_speech_is_refused(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_corruption("babble", **settings)(tone(440), RATE)


@pytest.mark.parametrize("seconds", [0.25, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_a_tail_of_noise_has_the_reverberation_time_and_energy_of_its_room(seconds, rate):
    response = noise_tail(seconds, rate, np.random.default_rng(0))
    assert reverberation_time(response[1:], rate) == pytest.approx(seconds, rel=0.1)
    assert np.abs(response).argmax() == 0
    critical = 0.057 * np.sqrt(7.0 * 5.5 * 2.6 / seconds)  # metres, where direct and diffuse sound are equal
    assert response[0] ** 2 / np.square(response[1:]).sum() == pytest.approx(critical**2)


@pytest.mark.parametrize("rate", [8000, 11_025, 48_000])
@pytest.mark.parametrize("severity", [1, 5])
def test_the_direct_sound_of_a_room_is_not_delayed(severity, rate):
    clip = np.random.default_rng(0).uniform(-0.2, 0.2, rate).astype(np.float32)
    received = create_corruption("room", severity=severity)(clip, rate)
    assert np.correlate(received, clip, "full").argmax() == len(clip) - 1


def test_a_room_keeps_the_level():
    clip = np.random.default_rng(0).uniform(-0.2, 0.2, RATE).astype(np.float32)
    assert rms(create_corruption("room", severity=4)(clip, RATE)) == pytest.approx(rms(clip), rel=1e-4)


def test_image_sources_begin_with_the_direct_sound_and_decay_about_as_sabine_says():
    pytest.importorskip("pyroomacoustics")
    response = image_sources(0.25, 8000)
    assert reverberation_time(response, 8000) == pytest.approx(0.25, rel=0.35)
    clip = np.pad(np.float32([0.5]), (0, 999))
    received = create_corruption("room", severity=1, responses="image_sources")(clip, 8000)
    assert np.abs(received).argmax() == 0
    assert received[0] > 0


def test_image_sources_need_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    image_sources.cache_clear()
    with pytest.raises(StaanetError, match=r"expected the package pyroomacoustics, found none; install staanet.rooms."):
        create_corruption("room", responses="image_sources")(tone(440), RATE)


def test_measured_responses_are_ordered_by_reverberation_time_and_lose_delay_and_sign(tmp_path):
    times = [0.8, 0.2, 1.0, 0.4, 0.6]
    for number, seconds in enumerate(times):
        decay = 10 ** (-3 * np.arange(RATE) / RATE / seconds)
        decay[1:] *= np.random.default_rng(number).uniform(-0.2, 0.2, RATE - 1)
        write(tmp_path / f"{number}.wav", np.pad(-0.9 * decay, (300, 0)).astype(np.float32), RATE)
    clip = np.pad(np.float32([0.5]), (0, 2 * RATE))
    found = []
    for severity in range(1, 6):
        received = create_corruption("room", severity=severity, responses=tmp_path)(clip, RATE)
        assert received.argmax() == np.abs(received).argmax() == 0
        found.append(reverberation_time(received[1:], RATE))
    assert found == pytest.approx(sorted(times), rel=0.1)


def test_one_response_serves_all_severities(tmp_path):
    write(tmp_path / "one.wav", np.float32([0, 0.5, 0.25]), 48_000)
    first, last = (create_corruption("room", severity=s, responses=tmp_path)(tone(440), 48_000) for s in (1, 5))
    assert np.array_equal(first, last)


def test_unusable_responses_are_refused(tmp_path):
    with pytest.raises(StaanetError, match=r"expected a folder of impulse responses, noise_tail or .* no audio files"):
        create_corruption("room", responses=tmp_path)(tone(440), RATE)
    write(tmp_path / "silent.wav", np.zeros(10, dtype=np.float32), RATE)
    with pytest.raises(StaanetError, match=r"silent.wav: expected an impulse response, got silence; remove the file"):
        create_corruption("room", responses=tmp_path)(tone(440), RATE)


@pytest.mark.parametrize(
    ("law", "severity", "snr_db"),
    [("mu", 1, 38), ("a", 1, 38), ("mu", 5, 25), ("a", 5, 19)],
)
def test_g711_has_the_quantisation_noise_of_its_level(law, severity, snr_db):
    """At -58 dBov, steps are 8 or 16 of 2**15, so that their noise is at -83 or -77 dB."""
    clip = tone(440)
    for gain in (1.0, 0.1):
        quiet = (gain * clip).astype(np.float32)
        received = create_corruption("g711", severity=severity, law=law)(quiet, RATE)[500:-500]
        noise = received - quiet[500:-500]
        assert 20 * np.log10(rms(quiet) / rms(noise)) == pytest.approx(snr_db, abs=3)
        assert rms(received) == pytest.approx(rms(quiet), rel=0.07)


@pytest.mark.parametrize("name", ["g711", "gsm"])
def test_telephones_lose_all_above_four_kilohertz(name):
    clip = tone(1000) + tone(6000)
    spectrum = np.abs(np.fft.rfft(create_corruption(name, severity=1)(clip, RATE)))
    assert spectrum[4100:].max() < 0.02 * spectrum[1000]


@pytest.mark.parametrize(("severity", "share"), [(1, 0.01), (2, 0.05), (3, 0.1), (4, 0.2), (5, 0.4)])
def test_clipping_cuts_its_share_of_the_samples_off(severity, share):
    clip = np.random.default_rng(0).normal(0, 0.1, 10_000).clip(-1, 1).astype(np.float32)
    padded = np.pad(clip, (5000, 20_000))
    received = create_corruption("clipping", severity=severity)(padded, RATE)
    cut = received != padded
    assert cut.sum() == pytest.approx(share * 10_000, abs=2)
    assert np.unique(np.abs(received[cut])).size == 1
    assert np.abs(received[~cut]).max() <= np.abs(received[cut]).min()


@pytest.mark.parametrize(("severity", "gain"), [(1, 10**-0.5), (2, 0.1), (4, 0.01)])
def test_gain_down_attenuates_and_rounds_to_16_bits(severity, gain):
    clip = tone(440)
    received = create_corruption("gain_down", severity=severity)(clip, RATE)
    assert np.abs(received - gain * clip).max() == pytest.approx(2**-16, rel=0.03)
    assert np.array_equal(received * 2**15, np.round(received * 2**15))


def test_gain_up_amplifies_and_clips():
    received = create_corruption("gain_up", severity=3)(np.float32([0.01, 0.05, -0.09, 0.2]), RATE)
    assert received == pytest.approx([0.1, 0.5, -0.9, 1.0])


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize(
    ("hertz", "db"), [(150, -48), (300, -3), (1000, 0), (3400, -3), (3800, -8.4), (6800, -48), (13_600, -96)]
)
def test_the_third_band_is_that_of_the_telephone(hertz, db, rate):
    if hertz >= rate / 2:
        return
    clip = tone(hertz, rate, rate)
    middle = slice(rate // 4, -rate // 4)
    gain = rms(create_corruption("band_limit", severity=3)(clip, rate)[middle]) / rms(clip[middle])
    assert 20 * np.log10(gain) == pytest.approx(db, abs=0.5) or (db < -40 and gain < 10 ** ((db + 3) / 20))


@pytest.mark.parametrize("rate", [8000, 11_025, 48_000])
@pytest.mark.parametrize(("severity", "lost"), [(1, 3), (2, 8), (3, 15), (4, 30), (5, 45)])
def test_a_share_of_frames_of_20_ms_is_lost(severity, lost, rate):
    size = round(0.02 * rate)
    frames = create_corruption("packet_loss", severity=severity)(np.full(150 * size, 0.5, np.float32), rate)
    frames = frames.reshape(150, size)
    assert (frames == 0).all(1).sum() == pytest.approx(lost, abs=0.51)
    assert ((frames == 0).all(1) | (frames == 0.5).all(1)).all()


def test_a_higher_severity_loses_the_same_frames_and_more():
    clip = np.full(3 * RATE, 0.5, np.float32)
    lost = [create_corruption("packet_loss", severity=severity)(clip, RATE) == 0 for severity in range(1, 6)]
    assert all((more | less == more).all() for less, more in itertools.pairwise(lost))


def test_concealed_frames_repeat_the_last_one_and_fade():
    size, clip = 320, np.random.default_rng(0).uniform(0.1, 0.9, 3 * RATE).astype(np.float32)
    lost = (create_corruption("packet_loss", severity=5)(clip, RATE) == 0).reshape(-1, size).all(1)
    frames = create_corruption("packet_loss_concealed", severity=5)(clip, RATE).reshape(-1, size)
    sent = clip.reshape(-1, size)
    fade = (1 - (np.arange(4 * size) / RATE - 0.01) / 0.05).clip(0, 1)
    last, since, longest = np.zeros(size), 0, 0
    for frame, original, is_lost in zip(frames, sent, lost, strict=True):
        if is_lost:
            assert frame == pytest.approx(last * fade[since * size : (since + 1) * size], abs=1e-6)
            since, longest = since + 1, max(longest, since + 1)
        else:
            assert np.array_equal(frame, original)
            last, since = original, 0
    assert longest >= 2


@pytest.mark.parametrize(
    ("name", "severity", "factor"),
    [("speed_up", 1, 1.1), ("speed_up", 5, 2.0), ("slow_down", 1, 0.9), ("slow_down", 5, 0.5)],
)
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_speed_changes_duration_and_pitch(name, severity, factor, rate):
    clip = tone(440, 2 * rate, rate)
    received = create_corruption(name, severity=severity)(clip, rate)
    assert len(received) == round(len(clip) / factor)
    peak = np.abs(np.fft.rfft(received * np.hanning(len(received)))).argmax() * rate / len(received)
    assert peak == pytest.approx(440 * factor, abs=1.5)
    assert rms(received) == pytest.approx(rms(clip), rel=0.01)
