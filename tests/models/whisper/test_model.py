"""Whisper as a model: its encoder at the length of a clip, from a checkpoint, frozen or trained."""

import pytest
import torch

from staanet.audio.whisper_mel import whisper_mel
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import MODELS, create_model, load_model
from staanet.models.whisper.encoder import build_encoder, hidden_states
from tiny import WHISPER, hugging_face

LABELS = ("anger", "joy", "neutral")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("STAANET_CHECKPOINTS", raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hugging_face(tmp_path_factory.mktemp("checkpoints") / "tiny" / "whisper", "whisper", head=False)


@pytest.fixture
def clip():
    with seeded("clip"):
        return torch.rand(1, 16_000) - 0.5


@torch.no_grad()
def test_the_states_of_a_whole_window_are_those_of_transformers(clip):
    encoder, _ = build_encoder("whisper", WHISPER)
    mel = whisper_mel(clip)  # of 1 s, for which the encoder has positions
    expected = encoder.eval()(mel, output_hidden_states=True)
    found = hidden_states(encoder, mel)
    assert found.shape == (1, 3, 50, 32)
    for layer in (0, 1):
        torch.testing.assert_close(found[:, layer], expected.hidden_states[layer])
    torch.testing.assert_close(encoder.layer_norm(found[:, 2]), expected.last_hidden_state)


@torch.no_grad()
def test_a_clip_longer_than_the_window_begins_another_one(clip):
    encoder, _ = build_encoder("whisper", WHISPER)
    mel = whisper_mel(torch.cat([clip, clip[:, :8_000]], 1))
    found = hidden_states(encoder.eval(), mel)
    assert found.shape == (1, 3, 75, 32)
    convolved = torch.nn.functional.gelu(encoder.conv2(torch.nn.functional.gelu(encoder.conv1(mel)))).transpose(1, 2)
    torch.testing.assert_close(found[:, 0, 50:], convolved[:, 50:] + encoder.embed_positions.weight[:25])
    torch.testing.assert_close(found[:, 1, 50:], encoder.layers[0](found[:, 0, 50:], None))


def test_a_checkpoint_without_a_head_gives_a_frozen_encoder(folder):
    model = create_model("whisper", LABELS, checkpoint=str(folder))
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained == {"head.layer_weights", "head.linear.weight", "head.linear.bias"}
    assert not model.train().encoder.training
    assert model.head.training
    weights = checkpoints.load_tensors(folder / "model.safetensors")
    assert torch.equal(model.encoder.conv1.weight, weights["encoder.conv1.weight"])


def test_a_checkpoint_of_a_whole_whisper_is_read(folder, tmp_path):
    from transformers import AutoFeatureExtractor, WhisperConfig, WhisperForConditionalGeneration

    network = WhisperForConditionalGeneration(WhisperConfig.from_pretrained(folder))
    network.save_pretrained(tmp_path)
    AutoFeatureExtractor.from_pretrained(folder).save_pretrained(tmp_path)
    model = create_model("whisper", LABELS, checkpoint=str(tmp_path))
    assert torch.equal(model.encoder.layers[0].fc1.weight, network.model.encoder.layers[0].fc1.weight)


def test_random_weights_are_trained_unless_they_are_frozen():
    free, kept = (create_model("whisper", LABELS, architecture=WHISPER, frozen=frozen) for frozen in (None, True))
    assert free.train().encoder.training
    assert {name for name, weight in free.named_parameters() if not weight.requires_grad} == {
        "encoder.embed_positions.weight"
    }
    assert not any(weight.requires_grad for weight in kept.encoder.parameters())


def test_a_saved_model_needs_no_other_checkpoint(folder, tmp_path, clips):
    model = create_model("whisper", LABELS, checkpoint=str(folder), layers=1)
    model.fit_statistics([clips[:2]])
    checkpoints.save(model, tmp_path / "saved")
    assert str(folder) not in (tmp_path / "saved" / "config.json").read_text()
    loaded = load_model(tmp_path / "saved")
    assert loaded.settings == model.settings
    assert torch.equal(loaded(*clips[:2]), model(*clips[:2]))


def test_a_hub_id_is_looked_for_in_the_folder_of_checkpoints(folder, monkeypatch):
    monkeypatch.setenv("STAANET_CHECKPOINTS", str(folder.parent.parent))
    settings = MODELS["whisper"].Settings(LABELS, checkpoint="tiny/whisper")
    named = MODELS["whisper"].identity(settings)
    own = MODELS["whisper"].identity(MODELS["whisper"].Settings(LABELS, checkpoint=str(folder)))
    assert named == {**own, "hub_id": "tiny/whisper"}
    assert own["hub_id"] is None
    assert create_model("whisper", LABELS, checkpoint="tiny/whisper").settings.frozen


def test_identity_has_what_decides_the_weights(folder):
    def identity(**settings):
        return MODELS["whisper"].identity(MODELS["whisper"].Settings(LABELS, **settings))

    assert set(identity(checkpoint=str(folder))) == {"checkpoint", "hub_id"}
    assert identity(checkpoint=str(folder), layers=2, frozen=False)["layers"] == 2
    assert identity(architecture=WHISPER) == {"architecture": WHISPER}


def test_only_the_first_layers_are_kept(folder, clips):
    one, all_of_them = (create_model("whisper", LABELS, checkpoint=str(folder), layers=layers) for layers in (1, 9))
    assert (len(one.encoder.layers), len(all_of_them.encoder.layers)) == (1, 2)
    first, features = one.features(*clips[:2]), all_of_them.features(*clips[:2])
    assert features.shape == (3, 3, 32)
    assert torch.equal(first, features[:, :2])


def test_features_lead_to_the_logits(folder, clips):
    model = create_model("whisper", LABELS, checkpoint=str(folder))
    torch.testing.assert_close(model.decide(model.features(*clips[:2])), model(*clips[:2]))


def test_fitted_features_have_mean_0_and_variance_1(folder, clips):
    model = create_model("whisper", LABELS, checkpoint=str(folder))
    model.fit_statistics([clips[:2]])
    represented = model.represent(*clips[:2])
    torch.testing.assert_close(represented.mean(0), torch.zeros(96), atol=1e-4, rtol=0)
    torch.testing.assert_close(represented.std(0, correction=0), torch.ones(96), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sample_rate": 8_000}, "clips at 16000 Hz for Whisper, got 8000 Hz"),
        ({"architecture": WHISPER, "checkpoint": "a/b"}, "got both"),
        ({"layers": 0}, "layers of 1 or more"),
        ({"architecture": {"d_modell": 32}}, "did you mean 'd_model'"),
        ({"architecture": {"model_type": "wavlm"}}, "model_type = whisper, got wavlm"),
        ({"architecture": {**WHISPER, "d_model": 33}}, "an architecture that transformers can load"),
        ({"checkpoint": "no such folder"}, "found no such folder"),
        ({"architecture": WHISPER, "seconds": 0.01}, "trained length of 320 samples or more"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(StaanetError, match=words) as caught:
        create_model("whisper", LABELS, **settings)
    assert "\n" not in str(caught.value)


def test_checkpoints_of_others_are_refused(folder, tmp_path):
    other = hugging_face(tmp_path / "other")
    with pytest.raises(StaanetError, match="expected a checkpoint of Whisper, got one of wav2vec2"):
        create_model("whisper", LABELS, checkpoint=str(other))
    config = (folder / "config.json").read_text()
    wider = hugging_face(tmp_path / "wider", "whisper", head=False, d_model=48)
    (wider / "config.json").write_text(config)
    with pytest.raises(StaanetError, match=r"config\.json and weights are of different models"):
        create_model("whisper", LABELS, checkpoint=str(wider))


def test_checking_loads_no_weights(folder, monkeypatch):
    schema = MODELS["whisper"].Settings
    monkeypatch.setattr("staanet.models.whisper.model.open_encoder", lambda _: pytest.fail("weights were loaded"))
    MODELS["whisper"].check(schema(LABELS, checkpoint=str(folder)))
    MODELS["whisper"].check(schema(LABELS))  # the default hub id, which is not asked
    MODELS["whisper"].check(schema(LABELS, architecture=WHISPER))
    with pytest.raises(StaanetError, match="found no such folder"):
        MODELS["whisper"].check(schema(LABELS, checkpoint="/no/such/folder"))


def test_a_clip_that_is_too_short_is_refused():
    model = create_model("whisper", LABELS, architecture=WHISPER)
    with pytest.raises(StaanetError, match="320 samples or more for whisper, got 319"):
        model(torch.zeros(1, 319))


@pytest.mark.parametrize("frozen", [True, False])
def test_gradients_reach_the_samples_whether_or_not_the_encoder_is_trained(clip, frozen):
    model = create_model("whisper", LABELS, architecture=WHISPER, frozen=frozen).train()
    clip.requires_grad_()
    model(clip)[0, 0].backward()
    assert clip.grad is not None
    assert (clip.grad != 0).float().mean() > 0.99
    layers = (model.encoder.conv1, model.encoder.layers[0].fc1, model.encoder.layers[-1].fc1)
    assert all((layer.weight.grad is None) == frozen for layer in layers)


def test_layers_that_are_left_out_have_no_influence_and_no_gradient(folder, clips):
    model = create_model("whisper", LABELS, checkpoint=str(folder))
    features = model.features(*clips[:2])
    model.fit_features(features, 1)
    other = features.clone()
    other[:, 0] += 100
    other.requires_grad_()
    assert torch.equal(model.decide(other), model.decide(features))
    model.decide(other).sum().backward()
    assert not other.grad[:, 0].any()
    assert other.grad[:, 1:].any()
