import os
import struct
import time

import numpy as np
import pytest
import soundfile
from scipy.signal import get_window

from staanet.audio import files
from staanet.audio.files import About, as_saved, encode, measure, mono, read, read_windows, resample, write, writing
from staanet.core.errors import StaanetError

STEP = {"PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "FLOAT": 0.0}


def sine(rate, channels=1, seconds=0.1):
    time = np.arange(round(rate * seconds)) / rate
    tones = [0.4 / (channel + 1) * np.sin(2 * np.pi * (300 + 50 * channel) * time) for channel in range(channels)]
    return np.stack(tones, axis=1).astype(np.float32)


@pytest.fixture
def wav(tmp_path):
    """A WAV file of 16-bit samples and a header of 44 bytes."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, sine(16_000), 16_000, subtype="PCM_16")
    return path


@pytest.fixture
def flac(tmp_path):
    path = tmp_path / "clip.flac"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    soundfile.write(path, noise, 16_000, subtype="PCM_16")
    return path


def error_of(path):
    with pytest.raises(StaanetError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [(".wav", "PCM_16"), (".wav", "PCM_24"), (".wav", "FLOAT"), (".flac", "PCM_16"), (".flac", "PCM_24")],
)
def test_every_kind_of_file_is_read(tmp_path, rate, channels, suffix, subtype):
    samples = sine(rate, channels)
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, samples, rate, subtype=subtype)
    back, back_rate = read(path)
    assert (back.dtype, back.shape, back_rate) == (np.float32, samples.shape, rate)
    assert np.abs(back - samples).max() <= STEP[subtype]


def test_a_missing_file_raises(tmp_path):
    assert error_of(tmp_path / "nosuch.wav").endswith("expected an audio file, found none")


@pytest.mark.parametrize("name", ["clip.wav", "clip.flac", "clip.ogg", "clip.mp3"])
@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all " * 64])
def test_garbage_raises(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert error_of(tmp_path / name).endswith("replace the file")


@pytest.mark.parametrize("lost", [1, 2, 100, 1600, 3100])
def test_a_truncated_wav_raises(wav, lost):
    whole = wav.read_bytes()
    wav.write_bytes(whole[:-lost])
    assert error_of(wav).endswith(
        f"expected 3200 bytes of audio, got {3200 - lost} (truncated); replace or remove the file"
    )


def test_a_wav_truncated_within_its_header_raises(wav):
    wav.write_bytes(wav.read_bytes()[:40])
    assert "expected readable audio" in error_of(wav)


def test_chunks_around_the_audio_are_no_truncation(wav):
    whole = wav.read_bytes()
    odd = b"note" + struct.pack("<I", 3) + b"abc\0"
    wav.write_bytes(whole[:36] + odd + whole[36:] + b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert read(wav)[0].shape == (1600, 1)
    wav.write_bytes(whole[:36] + odd + whole[36:-100])
    assert "expected 3200 bytes of audio, got 3100 (truncated)" in error_of(wav)


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_written_to_a_pipe_is_read_to_its_end(wav, length):
    whole = bytearray(wav.read_bytes())
    whole[40:44] = struct.pack("<I", length)
    wav.write_bytes(whole)
    assert read(wav)[0].shape == (1600, 1)


@pytest.mark.parametrize("kind", ["AIFF", "AU"])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("lost", [1, 2, 100, 1600])
def test_a_truncated_aiff_or_au_raises(tmp_path, kind, subtype, lost):
    path = tmp_path / "clip"
    soundfile.write(path, sine(16_000), 16_000, subtype=subtype, format=kind)
    assert read(path)[0] == pytest.approx(sine(16_000), abs=1e-4)
    path.write_bytes(path.read_bytes()[:-lost])
    assert error_of(path).endswith("(truncated); replace or remove the file")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_flac_raises(flac, kept):
    whole = flac.read_bytes()
    flac.write_bytes(whole[: int(kept * len(whole))])
    assert error_of(flac).endswith("replace the file")


@pytest.mark.parametrize("look", [read, measure])
def test_a_flac_that_does_not_declare_its_length_raises(flac, look):
    whole = bytearray(flac.read_bytes())
    whole[21:26] = bytes([whole[21] & 0xF0, 0, 0, 0, 0])
    flac.write_bytes(whole)
    with pytest.raises(StaanetError, match=r"clip.flac: expected a file that declares its length, got none; convert"):
        look(flac)


def test_a_flac_with_damaged_bytes_raises(flac):
    whole = bytearray(flac.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    flac.write_bytes(whole)
    assert error_of(flac).endswith("replace the file")


def test_an_empty_file_raises(tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.zeros((0, 1)), 16_000)
    assert "expected samples, got an empty file; replace or remove it" in error_of(tmp_path / "clip.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_raise(tmp_path, value):
    samples = sine(16_000)
    samples[7] = value
    soundfile.write(tmp_path / "clip.wav", samples, 16_000, subtype="FLOAT")
    assert "expected finite samples, got NaN or infinity" in error_of(tmp_path / "clip.wav")


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("scale", [2**15, 2**31, 16])
@pytest.mark.parametrize("look", [read, measure])
def test_a_float_file_in_another_scale_raises(tmp_path, subtype, scale, look):
    soundfile.write(tmp_path / "clip.wav", scale * sine(16_000, 2), 16_000, subtype=subtype)
    peak = np.abs(scale * sine(16_000, 2)).max()
    with pytest.raises(StaanetError) as caught:
        look(tmp_path / "clip.wav")
    assert str(caught.value).startswith(
        f"{tmp_path / 'clip.wav'}: expected samples in [-1, 1], got a peak of {peak:g} ("
    )
    assert str(caught.value).endswith(" % of the samples lie beyond); divide by the integer range or by the peak")


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_integer_files_are_in_full_scale_whatever_their_range(tmp_path, subtype):
    soundfile.write(tmp_path / "clip.wav", 2 * sine(16_000), 16_000, subtype=subtype)
    assert read(tmp_path / "clip.wav")[0] == pytest.approx(2 * sine(16_000), abs=0.01)


def test_a_float_file_a_little_beyond_full_scale_is_read_as_it_is(tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.array([0.5, 1.3, -2.0]), 16_000, subtype="FLOAT")
    assert read(tmp_path / "clip.wav")[0][:, 0] == pytest.approx([0.5, 1.3, -2.0])


def test_a_name_that_is_not_utf_8_is_refused_when_reading_and_writing(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    for use in (lambda: read(path), lambda: list(read_windows(path, [1])), lambda: write(path, noise((10,)), 16_000)):
        with pytest.raises(StaanetError) as caught:
            use()
        assert str(caught.value) == (
            f"{tmp_path}/caf\\xe9.wav: expected a name in UTF-8, got another encoding; rename the file"
        )


def noise(shape):
    samples = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    samples.flat[:3] = [1.0, -1.0, 2.0**-24]
    return samples


@pytest.mark.parametrize("shape", [(500,), (500, 1), (500, 2)])
def test_float_wav_comes_back_bit_for_bit(tmp_path, shape):
    write(tmp_path / "clip.wav", noise(shape), 22_050)
    back, rate = read(tmp_path / "clip.wav")
    assert rate == 22_050
    assert np.array_equal(back, noise(shape).reshape(500, -1))


@pytest.mark.parametrize("shape", [(500,), (500, 2)])
def test_flac_comes_back_within_24_bits(tmp_path, shape):
    write(tmp_path / "CLIP.FLAC", noise(shape), 44_100)
    back, rate = read(tmp_path / "CLIP.FLAC")
    assert rate == 44_100
    assert np.abs(back - noise(shape).reshape(500, -1)).max() <= 2.0**-22
    assert soundfile.info(tmp_path / "CLIP.FLAC").subtype == "PCM_24"


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_as_saved_is_what_the_file_gives_back(tmp_path, suffix):
    samples = noise((300,))
    write(tmp_path / f"clip{suffix}", samples, 16_000)
    assert np.array_equal(as_saved(samples, 16_000, suffix), read(tmp_path / f"clip{suffix}")[0][:, 0])
    assert np.array_equal(as_saved(samples, 16_000, suffix), samples) == (suffix == ".wav")


def test_saving_twice_changes_nothing_more():
    once = as_saved(noise((300,)), 16_000)
    assert np.array_equal(as_saved(once, 16_000), once)


@pytest.mark.parametrize("peak", [1.0001, -1.5, np.nan, np.inf])
def test_samples_beyond_full_scale_are_refused_and_nothing_is_left(tmp_path, peak):
    samples = np.array([0.1, peak, 0.2], dtype=np.float32)
    with pytest.raises(StaanetError, match=r"expected samples in \[-1, 1\] to write, got a peak of"):
        encode(samples, 16_000)
    with pytest.raises(StaanetError, match="they would be clipped"):
        write(tmp_path / "clip.wav", samples, 16_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["clip.mp3", "clip", "clip.wav.txt"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(StaanetError, match=rf"{name}: expected a name ending in .wav or .flac"):
        write(tmp_path / name, noise((10,)), 16_000)


def test_the_same_samples_give_the_same_bytes():
    assert encode(noise((300,)), 16_000) == encode(noise((300,)), 16_000)


def test_mono_is_the_mean_of_the_channels():
    samples = noise((50, 3))
    assert mono(samples) == pytest.approx(samples.astype(np.float64).mean(axis=1), abs=1e-6)
    assert np.array_equal(mono(samples[:, :1]), samples[:, 0])


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_mono_equals_numpys_mean_to_the_bit(channels):
    samples = noise((5000, channels))
    assert np.array_equal(mono(samples), samples.mean(axis=1, dtype=np.float32))
    assert mono(samples).dtype == np.float32


@pytest.mark.parametrize(("rate", "target"), [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 22_050)])
def test_resampling_keeps_a_tone_its_level_and_its_length(rate, target):
    length, tone = rate, 1000
    samples = (0.5 * np.sin(2 * np.pi * tone * np.arange(length) / rate)).astype(np.float32)
    back = resample(samples, rate, target)
    assert len(back) == target
    expected = 0.5 * np.sin(2 * np.pi * tone * np.arange(target) / target)
    inner = slice(target // 10, -target // 10)
    assert back[inner] == pytest.approx(expected[inner], abs=1e-3)


def test_resampling_lets_nothing_above_the_new_range_through():
    samples = (0.5 * np.sin(2 * np.pi * 12_000 * np.arange(44_100) / 44_100)).astype(np.float32)
    inner = resample(samples, 44_100, 16_000)[1600:-1600]
    spectrum = np.abs(np.fft.rfft(inner * get_window("hann", len(inner)))) / len(inner)
    assert spectrum.max() < 1e-5


def test_the_same_rate_returns_the_very_samples():
    samples = noise((10, 2))
    assert resample(samples, 16_000, 16_000) is samples


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_windows_of_a_file_are_what_lies_in_it(tmp_path, suffix):
    path, sizes = tmp_path / f"clip{suffix}", [1, 500, 3000, 12_499]
    soundfile.write(path, noise((16_000, 2)), 16_000)
    assert measure(path) == About(16_000, 16_000, 2)
    windows = list(read_windows(path, sizes))
    assert [window.shape for window in windows] == [(size, 2) for size in sizes]
    assert np.concatenate(windows) == pytest.approx(read(path)[0], abs=1e-6 if suffix == ".mp3" else 0)


def test_windows_written_one_by_one_are_the_whole_file(tmp_path):
    samples = noise((1000, 2))
    write(tmp_path / "whole.flac", samples, 16_000)
    with writing(tmp_path / "parts.flac", 16_000, 2) as append:
        for part in np.split(samples, [1, 600]):
            append(part)
        assert not (tmp_path / "parts.flac").exists()
    assert np.array_equal(read(tmp_path / "parts.flac")[0], read(tmp_path / "whole.flac")[0])


@pytest.mark.parametrize("damage", ["nan", "cut"])
def test_damage_at_the_end_of_a_long_file_is_found_before_anything_is_done_with_it(tmp_path, damage):
    path, samples = tmp_path / "clip.wav", sine(1000, seconds=150)
    if damage == "nan":
        samples[-1] = np.nan
    soundfile.write(path, samples, 1000, subtype="FLOAT")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(StaanetError, match=r"clip.wav: expected .*replace"):
        measure(path)


def test_more_than_a_wav_header_can_count_is_refused_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WAV_BYTES", 4000)
    write(tmp_path / "fits.wav", noise((1000,)), 16_000)
    write(tmp_path / "any.flac", noise((2000,)), 16_000)
    with pytest.raises(StaanetError, match=r"expected at most 4000 bytes of audio in WAV, got more; write .flac"):
        write(tmp_path / "long.wav", noise((1001,)), 16_000)
    assert not (tmp_path / "long.wav").exists()


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_equal_audio_is_equal_files_whenever_it_is_written(tmp_path, name):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 2)).astype(np.float32)
    write(tmp_path / "1" / name, samples, 8_000)
    began = int(time.time())
    while int(time.time()) == began:
        time.sleep(0.02)
    write(tmp_path / "2" / name, samples, 8_000)
    assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert np.allclose(read(tmp_path / "2" / name)[0], samples, atol=1e-6)
