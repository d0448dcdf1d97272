import numpy as np
import pytest
import torch
from torch import nn

from staanet.audio import front_ends
from staanet.audio.front_ends import (
    AmplitudeToDb,
    Chain,
    Chroma,
    Concatenate,
    Deltas,
    Excerpt,
    FrontEnd,
    MelSpectrogram,
    Mfcc,
    PowerToDb,
    Resample,
    Rms,
    Scaler,
    Spectrogram,
    Statistics,
    ZeroCrossingRate,
)
from staanet.core.errors import StaanetError

STFT = {"n_fft": 256, "hop_length": 100}
MEL = {"sr": 8000, "n_mels": 20, **STFT}
FRONT_ENDS = [
    Spectrogram(**STFT, pad_mode="reflect"),
    Spectrogram(**STFT, power=0.5),
    MelSpectrogram(**MEL),
    Mfcc(n_mfcc=13, **MEL),
    Chroma(sr=8000, **STFT),
    Chroma(sr=8000, tuning=0.0, norm=2, **STFT),
    Rms(frame_length=256, hop_length=100),
    ZeroCrossingRate(frame_length=256, hop_length=100),
    Excerpt(sr=8000, offset=0.01, duration=0.1, fill="repeat"),
    Excerpt(sr=8000, offset=0.05),
    Resample(orig_sr=8000, target_sr=11_025),
    Chain(MelSpectrogram(**MEL), PowerToDb(ref="max"), Statistics("mean", "std", "max", "min")),
    Chain(Spectrogram(**STFT, power=1.0), AmplitudeToDb(ref="median"), Scaler(-40.0, 20.0)),
    Chain(Excerpt(sr=8000, duration=0.12, fill="zeros"), Resample(orig_sr=8000, target_sr=16_000), Mfcc(sr=16_000)),
    Chain(Mfcc(**MEL), Concatenate(nn.Identity(), Deltas(), Deltas(order=2))),
    Chain(Concatenate(Mfcc(**MEL), Chroma(sr=8000, **STFT), Rms(hop_length=100)), Statistics("mean")),
]
NAMES = [f"{index}-{type(front_end).__name__}" for index, front_end in enumerate(FRONT_ENDS)]
LENGTHS = torch.tensor([1500, 1000, 1500, 1333])


def padded_clips(lengths=LENGTHS):
    generator = torch.Generator().manual_seed(0)
    clips = 0.2 * torch.randn(len(lengths), int(lengths.max()) + 50, generator=generator)
    return clips, clips * (torch.arange(clips.shape[1]) < lengths[:, None])


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=NAMES)
def test_each_clip_has_the_features_of_its_own_length(front_end):
    dirty, clips = padded_clips()
    features = front_end(clips, LENGTHS)
    for row, (clip, length) in enumerate(zip(clips, LENGTHS.tolist(), strict=True)):
        alone = front_end(clip[None, :length])[0]
        ours = features[row, ..., : alone.shape[-1]]
        assert torch.allclose(ours, alone, rtol=1e-5, atol=1e-5 * float(alone.abs().max()))
        assert not features[row, ..., alone.shape[-1] :].any()
    assert torch.equal(front_end(dirty, LENGTHS), features)  # what lies behind the end of a clip does not matter


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=NAMES)
@pytest.mark.parametrize("clip", ["silence", "noise", "constant"])
def test_gradients_are_finite_and_reach_the_samples(front_end, clip):
    waveforms = {
        "silence": torch.zeros(2, 1500),
        "noise": padded_clips()[0][:2],
        "constant": torch.full((2, 1500), 0.3),
    }
    clips = waveforms[clip].clone().requires_grad_()
    features = front_end(clips)
    assert torch.isfinite(features).all()
    if not isinstance(front_end, ZeroCrossingRate):
        weights = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
        (features * weights).sum().backward()
        assert torch.isfinite(clips.grad).all()
        assert clips.grad.any() or clip == "silence"


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=NAMES)
def test_a_front_end_adds_nothing_to_the_weights_of_a_network(front_end):
    assert not front_end.state_dict()
    assert not list(front_end.parameters())


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=NAMES)
def test_the_type_of_the_features_is_that_of_the_clips(front_end):
    assert front_end(padded_clips()[1].double(), LENGTHS).dtype == torch.float64


def test_the_test_covers_every_front_end():
    tested = {type(module).__name__ for front_end in FRONT_ENDS for module in front_end.modules()}
    public = {name for name in vars(front_ends) if name[0].isupper()} - {"FrontEnd"}
    assert public - tested == set()


def test_clips_that_are_cut_to_one_length_share_a_pass():
    sizes = []

    class Counting(nn.Module):
        def forward(self, clips):
            sizes.append(tuple(clips.shape))
            return clips

    _, clips = padded_clips()
    chain = Chain(Excerpt(sr=8000, duration=0.05, fill="zeros"), Counting())
    assert torch.equal(chain(clips, LENGTHS), clips[:, :400])
    assert sizes == [(4, 400)]


def test_statistics_are_numpys():
    features = torch.randn(3, 5, 7)
    expected = [f(features.numpy(), axis=-1) for f in (np.mean, np.std, np.max, np.min)]
    ours = Statistics("mean", "std", "max", "min")(features).numpy()
    assert ours == pytest.approx(np.concatenate(expected, axis=1), abs=1e-6)


@pytest.mark.parametrize(
    ("clips", "lengths", "message"),
    [
        (torch.zeros(100), None, r"waveforms \[B, T\] .* got \[100\]"),
        (torch.zeros(0, 100), None, r"got \[0, 100\]"),
        (torch.zeros(1, 100, dtype=torch.int16), None, "of torch.int16"),
        (torch.zeros(2, 100), torch.tensor([100]), r"2 lengths between 1 and 100, got \[100\]"),
        (torch.zeros(2, 100), torch.tensor([0, 100]), "2 lengths between 1"),
        (torch.zeros(2, 100), torch.tensor([50, 101]), "2 lengths between 1"),
    ],
)
def test_invalid_input_raises(clips, lengths, message):
    with pytest.raises(StaanetError, match=message):
        Spectrogram()(clips, lengths)


def test_invalid_combinations_raise():
    with pytest.raises(StaanetError, match="use the same hop_length"):
        Concatenate(Mfcc(sr=8000), Rms(hop_length=100))(torch.zeros(1, 4000))
    with pytest.raises(StaanetError, match="statistics among mean, std, max, min, got median"):
        Statistics("median")
    with pytest.raises(StaanetError, match="got none"):
        Statistics()
    with pytest.raises(NotImplementedError):
        FrontEnd()(torch.zeros(1, 10))
