import pytest
import torch

from staanet.attacks import create_attack
from staanet.audio import files
from staanet.core.errors import StaanetError

RATE = 16_000
TONES = (200, 300, 500, 700, 1100)


def tone(frequency, seconds=1.0, rate=RATE, loudness=0.5):
    return loudness * torch.sin(2 * torch.pi * frequency * torch.arange(int(seconds * rate)) / rate)


SPEECH = tuple(tone(frequency, loudness=0.1 * number + 0.1) for number, frequency in enumerate(TONES))


def babble(speech=SPEECH, clips=1, sparsity=1.0, **settings):
    """Return the babble [B, T] that the attack adds to a second of silence, a little different in each clip."""
    silent = torch.zeros(clips, RATE)
    silent[:, 0] = torch.arange(clips) * 1e-6
    attack = create_attack("babble", speech=speech, epsilon=0.1, sparsity=sparsity, **settings)
    return attack(lambda waveforms: waveforms[:, :2], silent, torch.zeros(clips, dtype=torch.int64)) - silent


def loudest(waveform, count):
    """Return the `count` loudest frequencies in Hz of a second, in order, and their amplitudes."""
    amplitudes, frequencies = torch.fft.rfft(waveform).abs().topk(count)
    order = frequencies.argsort()
    return frequencies[order].tolist(), amplitudes[order]


def test_mixes_the_voices_at_equal_energy_whatever_their_loudness():
    found, amplitudes = loudest(babble(voices=5)[0], 5)
    assert found == list(TONES)
    torch.testing.assert_close(amplitudes, amplitudes[:1].expand(5), rtol=1e-3, atol=0)


def test_each_clip_has_voices_of_its_own_and_each_voice_once():
    chosen = [tuple(loudest(row, 2)[0]) for row in babble(clips=40, voices=2)]
    assert len(set(chosen)) >= 8  # of 10 pairs
    assert all(set(pair) <= set(TONES) for pair in chosen)


def test_the_largest_sample_is_epsilon():
    torch.testing.assert_close(babble(clips=20).abs().amax(1), torch.full((20,), 0.1))


def test_sparse_babble_is_one_excerpt():
    for row in babble(clips=20, sparsity=0.12):
        changed = row.nonzero()[:, 0]
        assert 1 < len(changed) <= 1920
        assert changed[-1] - changed[0] <= 1919
        assert row.abs().max() == pytest.approx(0.1, rel=1e-6)


def test_short_speech_is_repeated_and_silence_is_harmless():
    assert loudest(babble((tone(200, 0.1),), voices=1)[0], 1)[0] == [200]
    assert torch.equal(babble((torch.zeros(10),), voices=1), torch.zeros(1, RATE))


def test_files_are_resampled_and_mixed_to_one_channel(tmp_path):
    stereo = torch.stack([tone(400, rate=8_000), tone(400, rate=8_000)], 1)
    (tmp_path / "a").mkdir()
    files.write(tmp_path / "a" / "clip.wav", stereo.numpy(), 8_000)
    (tmp_path / "a" / "notes.txt").write_text("no audio")
    (tmp_path / ".clip.wav").write_text("hidden")
    for speech in (tmp_path, str(tmp_path)):
        assert loudest(babble(speech, voices=1)[0], 1)[0] == [400]


def test_a_file_and_its_samples_give_the_same(tmp_path):
    for number, clip in enumerate(SPEECH):
        files.write(tmp_path / f"{number}.wav", clip[:, None].numpy(), RATE)
    assert torch.equal(babble(tmp_path, clips=3), babble(SPEECH, clips=3))


@pytest.mark.parametrize("make", [lambda folder: folder / "missing", lambda folder: folder, lambda _: SPEECH[:3]])
def test_too_little_speech_is_reported_before_the_attack(make, tmp_path):
    attack = create_attack("babble", speech=make(tmp_path))
    with pytest.raises(StaanetError, match=r"expected 4 clips or more, one per voice, got [03]; give a folder"):
        attack.prepare(torch.device("cpu"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected the key 'speech'"),
        ({"speech": SPEECH, "voices": 0}, "voices of 1 or more"),
        ({"speech": SPEECH, "sample_rate": 0}, "sample_rate of 1 Hz or more"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("babble", **settings)
