"""The small Transformer and its front ends."""

import pytest
import torch

from staanet.audio.lengths import standardise
from staanet.audio.spectrogram import LogMel, log_mel, mfcc
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model, load_model

FRONT_ENDS = ("waveform", "log_mel", "mfcc")


def model(**settings):
    with seeded("victim"):
        return create_model("transformer", "abc", **{"seconds": 0.5, "width": 16, "layers": 2, "heads": 2, **settings})


@pytest.mark.parametrize(("front_end", "size"), [("waveform", 400), ("log_mel", 64), ("mfcc", 20)])
def test_only_the_first_layer_depends_on_the_front_end(front_end, size):
    one = model(front_end=front_end)
    assert one.front.weight.shape == (16, size)
    rest = {name: value.shape for name, value in one.state_dict().items() if not name.startswith("front")}
    assert rest == {name: value.shape for name, value in model().state_dict().items() if not name.startswith("front")}


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_frames_are_those_of_the_standardised_clip(front_end):
    one = model(front_end=front_end)
    with seeded("clip"):
        clip = standardise(torch.randn(2, 8000))
    frames = one._frames(clip)
    if front_end == "waveform":
        torch.testing.assert_close(frames[:, 3], clip[:, 960:1360])
        return
    expected = (log_mel(clip, 16_000, LogMel(64, n_fft=400, hop=320)) + 20) / 20
    if front_end == "mfcc":
        expected = mfcc(expected, 20)
    torch.testing.assert_close(frames, expected.transpose(1, 2))


def test_the_order_of_frames_matters():
    one = model()
    with seeded("clip"):
        clip = torch.randn(1, 8000) * torch.linspace(0, 1, 8000)
    assert not torch.allclose(one(clip), one(clip.flip(1)), atol=1e-3)


def test_a_checkpoint_keeps_the_front_end(tmp_path):
    one = model(front_end="mfcc", cepstra=13)
    checkpoints.save(one, tmp_path / "model")
    again = load_model(tmp_path / "model")
    clip = torch.rand(1, 5000)
    assert again.settings == one.settings
    assert torch.equal(again(clip), one(clip))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width of 1 or more"),
        ({"width": 10}, "even width for each of 2 heads, got 10"),
        ({"cepstra": 65}, r"cepstra in 1\.\.64"),
        ({"dropout": 1.0}, "dropout"),
        ({"front_end": "spectrogram"}, "front_end"),
        ({"seconds": 0.02}, "trained length of 400 samples"),
    ],
)
def test_invalid_settings_raise(settings, message):
    with pytest.raises(StaanetError, match=message):
        model(**settings)
