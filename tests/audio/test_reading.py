import os
import struct

import numpy as np
import pytest
import soundfile

from staanet.audio.containers import declared_bytes
from staanet.audio.reading import MOST_CHANNELS, encoding, measure, read, read_windows
from staanet.core.errors import StaanetError

RATE = 16_000
SPEECH = np.random.default_rng(0).uniform(-0.5, 0.5, 4_000).astype(np.float32)


@pytest.fixture
def wav(tmp_path):
    soundfile.write(tmp_path / "clip.wav", SPEECH, RATE, subtype="PCM_16")
    return tmp_path / "clip.wav"


def refusal(path, look=read):
    with pytest.raises(StaanetError) as caught:
        look(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def patched(path, place, form, value):
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, place, value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("rate", [1, 8, 999, 768_001, 2**31 - 1])
def test_a_rate_that_is_none_of_audio_is_refused(wav, rate):
    assert "expected a sampling rate from 1000 to 768000 Hz" in refusal(patched(wav, 24, "<I", rate))


@pytest.mark.parametrize("look", [read, measure])
def test_a_flac_file_of_a_wrong_length_is_refused(tmp_path, look):
    path = tmp_path / "clip.flac"
    for samples in (0, 8_001, 10**6, 2**36 - 1):
        soundfile.write(path, SPEECH, RATE)
        with path.open("r+b") as file:
            file.seek(21)
            first = file.read(1)[0] & 0xF0 | samples >> 32
            file.seek(21)
            file.write(bytes([first]) + struct.pack(">I", samples & 0xFFFFFFFF))
        assert "expected" in refusal(path, look)


def test_a_flac_file_that_declares_far_fewer_samples_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "clip.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 200_000), RATE)
    assert read(path)[0].shape == (200_000, 1)
    patched(path, 22, ">I", 100)
    assert "bytes of audio, got" in refusal(path)


@pytest.mark.parametrize("declared", [2, 1000, 2_000])
def test_a_wav_file_whose_audio_goes_on_behind_its_end_is_refused(wav, declared):
    assert "(truncated)" in refusal(patched(wav, 40, "<I", declared))


def test_chunks_behind_the_audio_are_no_audio(wav):
    content = wav.read_bytes()
    wav.write_bytes(content + b"LIST" + struct.pack("<I", 20_000) + bytes(20_000))
    assert read(wav)[0].shape == (4_000, 1)
    wav.write_bytes(content + b"TAG and text without a chunk")
    assert read(wav)[0].shape == (4_000, 1)


@pytest.mark.parametrize("kind", ["W64", "RF64", "AU", "AIFF", "CAF"])
def test_a_file_that_was_cut_off_is_refused_in_every_container(tmp_path, kind):
    path = tmp_path / f"clip.{kind.lower()}"
    soundfile.write(path, SPEECH, RATE, format=kind, subtype="PCM_16")
    declared, present, _ = declared_bytes(path)
    assert declared in (8_000, 8_004, 8_008)
    assert present >= declared
    assert read(path)[0].shape == (4_000, 1)
    path.write_bytes(path.read_bytes()[:6_000])
    assert ("malformed" if kind == "CAF" else "(truncated)") in refusal(path)


def test_more_channels_than_a_microphone_array_has_are_refused(tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.tile(SPEECH[:100, None], (1, MOST_CHANNELS + 1)), RATE)
    assert "expected at most 64 channels, got 65" in refusal(tmp_path / "clip.wav")


def test_memory_is_limited_before_it_is_used(wav, monkeypatch):
    monkeypatch.setattr("staanet.audio.reading.MOST_BYTES", 4 * 3_999)
    monkeypatch.setattr(soundfile.SoundFile, "read", None)
    assert "expected at most 3999 samples over all channels, got 4000; cut the file" in refusal(wav)


def test_a_file_that_is_too_large_at_once_is_read_in_windows(wav, monkeypatch):
    monkeypatch.setattr("staanet.audio.reading.MOST_BYTES", 4 * 3_999)
    assert sum(len(window) for window in read_windows(wav, [2_000, 2_000])) == 4_000


@pytest.mark.parametrize(("factor", "share"), [(32_768, "100.0 %"), (20, "90."), (2**31, "100.0 %")])
def test_integer_scale_is_told_with_its_share(tmp_path, factor, share):
    soundfile.write(tmp_path / "clip.wav", SPEECH * factor, RATE, subtype="FLOAT")
    assert f"({share}" in refusal(tmp_path / "clip.wav")


def test_quiet_integer_scale_is_found_because_its_samples_are_whole_numbers(tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.round(SPEECH * 6), RATE, subtype="FLOAT")
    assert "got a peak of 3 (" in refusal(tmp_path / "clip.wav")
    soundfile.write(tmp_path / "clip.wav", np.sign(SPEECH), RATE, subtype="FLOAT")
    assert read(tmp_path / "clip.wav")[0].max() == 1


@pytest.mark.parametrize("error", [TypeError("odd"), ValueError("odd"), OSError(5, "odd"), MemoryError(), KeyError(1)])
def test_whatever_a_file_raises_names_the_file(wav, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    for look in (read, measure):
        assert "expected readable audio, got" in refusal(wav, look)
    monkeypatch.setattr(soundfile, "info", fail)
    assert "expected readable audio, got" in refusal(wav, encoding)


@pytest.mark.parametrize("name", ["nosuch.wav", "a" * 300 + ".wav", os.fsdecode(b"caf\xe9.wav")])
def test_names_that_cannot_be_opened(tmp_path, name):
    with pytest.raises(StaanetError, match="expected"):
        read(tmp_path / name)
