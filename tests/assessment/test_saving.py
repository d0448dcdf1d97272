"""Clips are saved as the recordings are: on the grid of their bits, as floats, or after their codec."""

import numpy as np
import pytest
import soundfile
import torch

import staanet
from staanet.assessment import wording
from staanet.assessment.saving import BITS, CODECS, WORDS, Saved
from staanet.core.errors import StaanetError


@pytest.mark.parametrize(("name", "bits"), BITS.items())
def test_changes_are_whole_steps_within_the_budget(name, bits):
    random, saved = torch.Generator().manual_seed(0), Saved(name)
    clean = saved.clean(torch.rand(4, 1000, generator=random) * 2 - 1)
    epsilon = torch.tensor([[0.5], [0.01], [0.03], [1e-6]])
    adversarial = saved.perturbed(clean, clean + epsilon * torch.randn(4, 1000, generator=random), epsilon)
    steps = (adversarial.double() - clean.double()) * 2 ** (bits - 1)
    assert torch.equal(steps, steps.round())
    assert bool(((adversarial - clean).abs().amax(1) <= epsilon[:, 0] + 1e-7).all())
    assert bool((adversarial <= 1 - 2.0 ** (1 - bits)).all())


def test_what_is_saved_with_24_bits_is_what_a_file_of_24_bits_holds(tmp_path):
    clip = Saved("pcm24").clean(torch.rand(1, 500) * 2 - 1)
    soundfile.write(tmp_path / "clip.wav", clip[0].numpy(), 16_000, subtype="PCM_24")
    assert np.array_equal(soundfile.read(tmp_path / "clip.wav", dtype="float32")[0], clip[0].numpy())


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_a_lossy_format_changes_what_a_model_receives_but_not_its_length(name, rate):
    time = torch.arange(rate) / rate
    clip = 0.3 * torch.sin(2 * torch.pi * 300 * time)[None].repeat(2, 1)
    clip[1, rate // 2 :] = 0
    received = Saved(name, rate).received(clip, torch.tensor([rate, rate // 2]))
    assert received.shape == clip.shape
    assert not torch.equal(received, clip)
    assert bool((received[1, rate // 2 :] == 0).all())
    middle = slice(rate // 8, rate // 4)
    assert float((received - clip)[:, middle].abs().max()) < 0.15


@pytest.mark.parametrize(
    ("ending", "subtype", "expected"),
    [
        ("wav", "PCM_16", "pcm16"),
        ("flac", "PCM_24", "pcm24"),
        ("wav", "FLOAT", "float32"),
        ("wav", "PCM_U8", "pcm8"),
        ("mp3", "MPEG_LAYER_III", "mp3"),
        ("ogg", "OPUS", "opus"),
        ("ogg", "VORBIS", "vorbis"),
    ],
)
def test_clips_are_saved_as_the_recordings_are_and_this_is_told(model, recordings, tmp_path, ending, subtype, expected):
    for path in sorted(recordings.rglob("*.wav")):
        samples, rate = soundfile.read(path)
        path.unlink()
        soundfile.write(path.with_suffix(f".{ending}"), samples, rate, subtype=subtype)
    reference, settings = f"{model}:decide", {"preset": "quick", "budgets": [30.0], "dry_run": True}
    plan = staanet.evaluate(reference, recordings, tmp_path / "out", **settings)
    assert plan.saved == Saved(expected)
    assert f"Clips are saved {WORDS[expected]}, because the recordings are" in "\n".join(wording.plan(plan))
    plan = staanet.evaluate(reference, recordings, tmp_path / "out", floats=True, **settings)
    assert plan.saved == Saved("float32")


def test_attacked_clips_of_mp3_recordings_fool_as_they_are_received(model, recordings, tmp_path):
    for path in sorted(recordings.rglob("*.wav")):
        samples, rate = soundfile.read(path)
        path.unlink()
        soundfile.write(path.with_suffix(".mp3"), samples, rate)
    found = staanet.evaluate(f"{model}:decide", recordings, tmp_path / "out", preset="quick", budgets=[30.0], clips=4)
    assert found.about["settings"]["saved"] == "mp3"
    assert "as MP3 at 64 kbit/s" in (tmp_path / "out" / "evidence.md").read_text()


@pytest.mark.parametrize(("subtype", "step"), [("PCM_16", "16-bit"), ("PCM_24", "24-bit")])
def test_budgets_below_one_step_of_the_format_are_refused(model, recordings, tmp_path, subtype, step):
    for path in sorted(recordings.rglob("*.wav")):
        samples, rate = soundfile.read(path)
        soundfile.write(path, samples, rate, subtype=subtype)
    budget = {"16-bit": 90.0, "24-bit": 140.0}[step]
    with pytest.raises(StaanetError, match=f"one step of {step} audio or more, got less in every clip") as caught:
        staanet.evaluate(f"{model}:decide", recordings, tmp_path / "out", budgets=[budget])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "parts").exists()


def test_an_unknown_format_is_refused():
    with pytest.raises(StaanetError, match="expected a format from"):
        Saved("pcm12")
