import itertools

import librosa
import numpy as np
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

from staanet.attacks import create_attack
from staanet.audio.effects import resynthesise
from staanet.audio.spectrogram import power_of
from staanet.core import checkpoints
from staanet.core.classifier import bounds_of
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.metrics import observe
from staanet.models import FeatureView, create_model, load_model
from staanet.models.cnn_lstm import normalised
from staanet.models.wrappers import LabelView, bounds_of_features
from tiny import TINY_ATTACKS, TINY_MODELS

RATE = 16_000
NORMALISATIONS = ("none", "sum", "maximum", "range")


def sounds(count=6, seconds=0.06, seed=0):
    """Return clips of noise at different levels, each with a pause at its end."""
    with seeded("sounds", seed):
        waveforms = torch.randn(count, round(seconds * RATE)) * torch.logspace(-2.5, -1, count)[:, None]
    waveforms[:, -waveforms.shape[1] // 4 :] = 0
    return waveforms.clamp(-1, 1)


def tiny(fitted=True, **settings):
    with seeded("victim"):
        model = create_model("cnn_lstm", "abc", **{"seconds": 0.06, **TINY_MODELS["cnn_lstm"], **settings})
    if fitted:
        model.fit_statistics([(sounds(), torch.full((6,), 960))])
    return model


# ------------------------------------------------------------------ the network


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        # Keras counts 32 statistics of the normalisation as well, and one bias of an LSTM where there are two here
        ({}, (416, 64 - 32, 4_640, 18_496, 3_934_208 + 2_048, 2_565)),
        ({"width": 3, "bidirectional": False}, (416, 64 - 32, 4_640, 18_496, 20_016 + 12, 20)),
    ],
    ids=["final", "base"],
)
def test_has_the_published_number_of_parameters(settings, layers):
    model = create_model("cnn_lstm", "abcde", **settings)
    parts = [part for part in model.modules() if next(part.parameters(recurse=False), None) is not None]
    assert tuple(sum(parameter.numel() for parameter in part.parameters()) for part in parts) == layers
    assert model.grid == (128, 261)


def test_segments_go_through_the_convolutions_by_themselves_and_the_last_states_decide():
    model = create_model("cnn_lstm", "abcde", width=8).double()
    features = torch.randn(2, 128 * 261, generator=torch.Generator().manual_seed(0)).double()
    steps = []
    for number in range(9):
        segment = features.unflatten(1, (128, 261))[:, :, 29 * number : 29 * (number + 1)].transpose(1, 2)
        x = segment[:, None]
        shapes = []
        for layer in model.convolutions:
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
        steps.append(x)
    assert [shape for shape, _ in itertools.groupby(shapes)] == [
        *((16, 25, 124), (16, 11, 61), (32, 9, 59), (32, 4, 29), (64, 2, 27), (64, 1, 26), (1664,))
    ]
    every, _ = model.lstm(torch.stack(steps, dim=1))
    last = torch.cat([every[:, -1, :8], every[:, 0, 8:]], dim=1)
    torch.testing.assert_close(model.decide(features), model.linear(last))


def test_weights_start_as_keras_starts_them():
    with seeded("victim"):
        model = create_model("cnn_lstm", "abcde")
    bound = (6 / (1664 + 4 * 256)) ** 0.5
    assert bound * 0.99 < model.lstm.weight_ih_l0.abs().max() <= bound
    assert torch.equal(model.lstm.bias_ih_l0.view(4, 256).sum(1), torch.tensor([0.0, 256.0, 0.0, 0.0]))
    assert not model.lstm.bias_hh_l0.any()
    assert not model.convolutions[0].bias.any()
    recurrent = model.lstm.weight_hh_l0_reverse
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(256), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "a width of 1 or more"),
        ({"spectrogram": {"bands": 20}}, "26 bands or cepstra or more"),
        ({"cepstra": 20}, "26 bands or cepstra or more"),
        ({"cepstra": 200}, "cepstra of at most 128 bands, got 200"),
        ({"seconds": 0.3}, "trained length of 5152 samples"),
        ({"seconds": None}, "a trained length"),
        ({"normalisation": "max"}, "normalisation"),
    ],
)
def test_invalid_settings_raise(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_model("cnn_lstm", "abc", **settings)


def test_a_clip_of_another_length_than_its_own_raises():
    with pytest.raises(StaanetError, match=r"expected clips of 0.06 s, .* got 0.05 s; leave crop out"):
        tiny().forward_fitted(torch.zeros(1, 800), torch.tensor([800]))


# ------------------------------------------------------------------ its features


def published(waveforms, spectrogram):
    """Return features as the published code makes them, with librosa and scikit-learn, from clips of one length."""
    rows = [
        librosa.amplitude_to_db(
            librosa.feature.melspectrogram(
                y=clip, sr=RATE, n_fft=spectrogram.n_fft, hop_length=spectrogram.hop, n_mels=spectrogram.bands
            ),
            ref=np.min,
        )
        for clip in waveforms.numpy()
    ]
    return StandardScaler().fit_transform(np.stack(rows).reshape(len(rows), -1))


def test_features_are_the_published_ones():
    waveforms = sounds(5, seconds=3.0)
    model = create_model("cnn_lstm", "abcde", width=2)
    model.fit_statistics([(waveforms[:2], torch.full((2,), 48_000)), (waveforms[2:], torch.full((3,), 48_000))])
    expected = published(waveforms, model.settings.spectrogram)
    features = model.features(waveforms)
    assert features.shape == (5, 33_408)
    assert features.numpy() == pytest.approx(expected, abs=1e-2)
    assert tuple(model.feature_bounds.tolist()) == (np.floor(expected.min()), np.ceil(expected.max()))
    assert bounds_of_features(features) == tuple(model.feature_bounds.tolist())


def test_a_cell_that_is_always_the_same_stays_as_it_is():
    model = tiny()
    pause = model.features(sounds()).unflatten(1, model.grid)[:, :, -2]
    assert not pause.any()
    assert (model.deviation > 0).all()
    assert torch.isfinite(model.features(sounds(seed=1))).all()


def test_without_standardising_only_bounds_are_learnt():
    model = tiny(standardised=False)
    assert not model.mean.any()
    assert torch.equal(model.deviation, torch.ones_like(model.deviation))
    low, high = model.feature_bounds.tolist()
    assert low == 0
    assert 50 < high <= 80


def test_fitting_statistics_needs_clips():
    with pytest.raises(StaanetError, match="expected clips to fit the statistics of cnn_lstm on"):
        tiny(fitted=False).fit_statistics([])


@pytest.mark.parametrize("standardised", [True, False])
@pytest.mark.parametrize("how", NORMALISATIONS)
def test_silence_has_finite_features_whatever_the_normalisation(how, standardised):
    waveforms = torch.cat([sounds(), torch.zeros(1, 960)])
    model = tiny(fitted=False, normalisation=how, standardised=standardised)
    model.fit_statistics([(waveforms, torch.full((7,), 960))])
    silence = torch.zeros(1, 960, requires_grad=True)
    features = model.features(torch.cat([silence, waveforms]))
    assert torch.isfinite(features).all()
    model.decide(features).sum().backward()
    assert torch.isfinite(silence.grad).all()


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_normalisations_are_the_published_ones(how):
    matrices = np.abs(np.random.default_rng(0).standard_normal((3, 16, 7)))
    expected = {
        "none": lambda matrix: matrix,
        "sum": lambda matrix: matrix / matrix.sum(),
        "maximum": lambda matrix: matrix / matrix.max(),
        "range": lambda matrix: MinMaxScaler().fit_transform(matrix),
    }[how]
    ours = normalised(torch.from_numpy(matrices), how).numpy()
    assert ours == pytest.approx(np.stack([expected(matrix) for matrix in matrices]), abs=1e-12)
    assert np.array_equal(normalised(torch.zeros(1, 4, 5), how).numpy(), np.zeros((1, 4, 5)))


@pytest.mark.filterwarnings("ignore:Empty filters")
def test_features_become_sound_again():
    model, waveforms = tiny(), sounds()
    spectrograms = model.spectrogram(model.features(waveforms))
    assert spectrograms.shape == (6, *model.grid)
    assert spectrograms.amin((1, 2)).tolist() == pytest.approx([0] * 6, abs=1e-3)
    sound = resynthesise(power_of(spectrograms[5], model.settings.spectrogram), RATE, model.settings.spectrogram)
    assert torch.equal(model.sound(model.features(waveforms)[5]), torch.from_numpy(sound))
    assert len(sound) == 960
    assert np.abs(sound).max() == pytest.approx(1)
    assert (sound[:700] ** 2).mean() > 20 * (sound[800:] ** 2).mean()
    with pytest.raises(StaanetError, match="normalisation = sum"):
        tiny(normalisation="sum").spectrogram(model.features(waveforms))


def test_a_checkpoint_keeps_the_statistics(tmp_path):
    model = tiny()
    checkpoints.save(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert torch.equal(loaded(sounds()), model(sounds()))
    assert FeatureView(loaded).bounds == FeatureView(model).bounds


# ------------------------------------------------------------------ views


def test_it_may_classify_cepstra():
    model = create_model("cnn_lstm", "abc", cepstra=40, spectrogram={"decibels": "power"})
    assert model.grid == (40, 261)
    clips = sounds(seconds=3.0)
    lengths = torch.full((6,), clips.shape[1])
    model.fit_statistics([(clips, lengths)])
    coefficients = librosa.feature.mfcc(
        y=clips[0].numpy(), sr=RATE, n_mfcc=40, n_mels=128, n_fft=368, hop_length=184, center=True
    )
    found = (model.features(clips)[0] * model.deviation + model.mean).unflatten(0, model.grid)
    assert found.numpy() == pytest.approx(coefficients, abs=0.05)
    assert model(clips).shape == (6, 3)
    with pytest.raises(StaanetError, match="cepstra = 40, which cannot be undone"):
        model.spectrogram(model.features(clips))


def test_the_feature_view_decides_as_the_model_does():
    model, waveforms = tiny(), sounds()
    lengths = torch.tensor([960, 900, 500, 960, 100, 960])
    waveforms[torch.arange(960) >= lengths[:, None]] = 0
    view = FeatureView(model, bounds=(-50, 50))
    assert torch.equal(view(model.features(waveforms, lengths)), model(waveforms, lengths))
    assert bounds_of(view) == (-50, 50)


def test_the_view_of_an_untrained_model_needs_bounds():
    with pytest.raises(StaanetError, match=r"expected bounds from low to high, got \[-inf, inf\]; train the model"):
        FeatureView(tiny(fitted=False))


@pytest.mark.parametrize("name", ["noise", "fgsm", "bim", "deepfool", "jsma", "one_pixel"])
def test_attacks_act_on_features_within_their_own_bounds(name):
    model, labels = tiny(), torch.arange(6) % 3
    for part in model.modules():
        if isinstance(part, nn.Linear):
            part.weight.data *= 20  # the small initial weights give all clips nearly equal logits
    view, features = FeatureView(model), model.features(sounds())
    attack = create_attack(name, epsilon=2.0, sparsity=0.5, **TINY_ATTACKS.get(name, {}))
    before = {key: value.clone() for key, value in view.state_dict().items()}
    adversarial = attack(view, features, view(features).argmax(1))
    low, high = view.bounds
    assert high - low > 2
    assert low <= adversarial.min()
    assert adversarial.max() <= high
    assert (adversarial - features).abs().max() <= 2 + 1e-5
    assert (adversarial != features).any()
    assert len(observe(view, features, adversarial, labels)) == 6
    assert all(torch.equal(value, before[key]) for key, value in view.state_dict().items())


def test_a_view_of_some_labels_is_its_columns():
    model, lengths = tiny(), torch.full((6,), 960)
    view = LabelView(model, ("c", "a"))
    assert torch.equal(view(sounds(), lengths), model(sounds(), lengths)[:, [2, 0]])
