import pytest
import torch
from safetensors.torch import load_file, save_file

from staanet.core import checkpoints
from staanet.core.files import read_json, write_json
from staanet.models import MODELS, create_model, load_model, settings_of
from tiny import TRANSFORMER, hugging_face


def test_a_checkpoint_of_ours_needs_the_other_one_no_more(damaged, tmp_path_factory, clips):
    model = load_model(damaged)
    place = tmp_path_factory.mktemp("ours") / "model"
    checkpoints.save(model, place)
    for path in damaged.iterdir():
        path.unlink()
    again = load_model(place)
    assert (again.name, again.labels, again.settings) == ("hugging_face", model.labels, model.settings)
    assert str(damaged) not in (place / "config.json").read_text()
    with torch.no_grad():
        assert torch.equal(again(*clips[:2]), model(*clips[:2]))
    assert not any(parameter.requires_grad for parameter in again.network.wav2vec2.feature_extractor.parameters())


def test_half_precision_is_brought_to_32_bits(damaged):
    weights = load_file(damaged / "model.safetensors")
    save_file({key: value.half() for key, value in weights.items()}, damaged / "model.safetensors", {"format": "pt"})
    config = read_json(damaged / "config.json")
    write_json(damaged / "config.json", {**config, "dtype": "float16"})
    assert {parameter.dtype for parameter in load_model(damaged).parameters()} == {torch.float32}


def test_another_rate_raises(error_of, tmp_path):
    hugging_face(tmp_path, rate=8_000)
    message = error_of(create_model, "hugging_face", checkpoint=str(tmp_path), sample_rate=16_000)
    assert "expected clips at its processor's 8000 Hz, got 16000 Hz; prepare a dataset at its rate" in message


def test_damaged_weights_raise(error_of, damaged):
    (damaged / "model.safetensors").write_bytes(b"not at all")
    assert "expected a checkpoint that transformers can load, got: " in error_of(load_model, damaged)


def test_weights_of_another_model_raise(error_of, damaged):
    weights = load_file(damaged / "model.safetensors")
    name = "wav2vec2.feature_projection.projection.weight"
    del weights[name]
    save_file(weights, damaged / "model.safetensors", {"format": "pt"})
    assert f"expected all weights of wav2vec2, found none that fit {name}" in error_of(load_model, damaged)


def test_code_of_strangers_is_not_run(error_of, damaged):
    config = read_json(damaged / "config.json")
    strange = {"model_type": "strange", "auto_map": {"AutoConfig": "strange.Config"}}
    write_json(damaged / "config.json", {**config, **strange})
    (damaged / "strange.py").write_text("raise SystemExit('it ran')")
    assert "got strange" in error_of(load_model, damaged)
    write_json(damaged / "config.json", config)
    processor = read_json(damaged / "preprocessor_config.json")
    strange = {"feature_extractor_type": "Strange", "auto_map": {"AutoFeatureExtractor": "strange.Strange"}}
    write_json(damaged / "preprocessor_config.json", {**processor, **strange})
    assert "transformers can load" in error_of(load_model, damaged)


def test_a_feature_extractor_of_another_model_raises(error_of, damaged):
    write_json(damaged / "preprocessor_config.json", {"feature_extractor_type": "WhisperFeatureExtractor"})
    expected = (
        "expected feature_extractor_type = Wav2Vec2FeatureExtractor for wav2vec2, got WhisperFeatureExtractor; correct"
    )
    assert expected in error_of(load_model, damaged)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"model_type": "wav2vec2", "hidden_size": "many"}),
        ("config.json", {"model_type": "wav2vec2", "conv_dim": [16], "id2label": {"0": "a", "1": "b"}}),
        ("preprocessor_config.json", []),
        ("preprocessor_config.json", {"feature_extractor_type": "Nothing"}),
        ("processor_config.json", {"feature_extractor": "nothing"}),
    ],
    ids=str,
)
def test_what_transformers_cannot_read_raises(error_of, damaged, name, content):
    write_json(damaged / name, content)
    assert "expected a checkpoint that transformers can load, got: " in error_of(load_model, damaged)


@pytest.mark.parametrize("rate", [None, 0, "16000"])
def test_a_processor_without_a_rate_raises(error_of, damaged, rate):
    path = damaged / "preprocessor_config.json"
    write_json(path, {**read_json(path), "sampling_rate": rate})
    assert f"expected the sampling_rate of its processor in Hz, got {rate!r}" in error_of(load_model, damaged)


def test_settings_of_the_checkpoint_cannot_be_overridden(error_of, folder):
    both = error_of(create_model, "hugging_face", "abc", checkpoint=str(folder), architecture=TRANSFORMER)
    assert "expected a checkpoint or an architecture, got both" in both
    alone = error_of(create_model, "hugging_face", "abc", checkpoint=str(folder), normalise=False)
    assert "expected normalise together with an architecture only" in alone


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("wavlm", {"hiden_size": 32}, "got 'hiden_size'; did you mean 'hidden_size'?"),
        ("wavlm", {"model_type": "hubert"}, "wavlm: expected an architecture with model_type = wavlm, got hubert"),
        ("hugging_face", {}, "hugging_face: expected an architecture with model_type = wav2vec2 or another, got None"),
        ("hugging_face", {"model_type": "bert"}, "expected the model_type of an audio classifier"),
        ("wav2vec2", {"conv_dim": (16,)}, "wav2vec2: expected an architecture that transformers can load, got: "),
        ("wav2vec2", {"hidden_size": "32"}, "Field 'hidden_size' expected int, got str"),
        ("wav2vec2", {"num_attention_heads": 5}, "expected an architecture that transformers can load, got: "),
    ],
)
def test_an_invalid_architecture_raises_before_any_work(error_of, name, changes, message):
    settings = settings_of(name, "ab", architecture={**TRANSFORMER, **changes})
    assert message in error_of(MODELS[name].check, settings)
    assert message in error_of(MODELS[name], settings)


def test_an_architecture_needs_labels(error_of):
    assert "two or more different labels, got []" in error_of(create_model, "wavlm", architecture=TRANSFORMER)


def test_without_transformers_the_error_names_the_extra(error_of, folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # noqa: ARG005
    expected = "hugging_face: expected the package transformers, found none; install staanet[hf]"
    assert error_of(load_model, folder) == expected
    assert error_of(MODELS["hugging_face"].check, settings_of("hugging_face", checkpoint=str(folder))) == expected
