import socket
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from staanet.core import checkpoints
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.files import read_json, write_json
from staanet.core.seeds import seeded
from staanet.data import by_speaker
from staanet.models import MODELS, create_model, load_model, settings_of
from staanet.models.hugging_face import loading
from staanet.models.wrappers import LabelView
from staanet.training.classifier import train_model
from staanet.training.settings import MODEL_PRESETS, ModelTraining, model_training
from tiny import TRANSFORMER, hugging_face

CPU = torch.device("cpu")
FAMILIES = ["wav2vec2", "wavlm", "hubert", "data2vec-audio", "sew", "wav2vec2-conformer"]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def asked(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setattr(socket.socket, "connect", asked)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hugging_face(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy of the checkpoint to be damaged."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def error_of(call, *arguments, **settings):
    with pytest.raises(StaanetError) as caught:
        call(*arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_is_what_its_checkpoint_says(tmp_path):
    model = load_model(hugging_face(tmp_path, labels=("sad", "glad"), rate=8_000, normalise=False))
    assert (model.labels, model.sample_rate, model.trained_length) == (("sad", "glad"), 8_000, None)
    assert model.settings.normalise is False
    assert model.pooling_stride == 5 * 2
    assert not model.training


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("family", ["wav2vec2", "wavlm", "hubert"])
@torch.no_grad()
def test_it_decides_as_transformers_does_on_each_clip_by_itself(tmp_path, clips, family, normalise):
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    folder = hugging_face(tmp_path, family, normalise=normalise)
    processor = AutoFeatureExtractor.from_pretrained(folder)
    network = AutoModelForAudioClassification.from_pretrained(folder).eval()
    waveforms, lengths, _ = clips
    logits = load_model(folder)(waveforms, lengths)
    for row, length in enumerate(lengths.tolist()):
        inputs = processor(waveforms[row, :length].numpy(), sampling_rate=16_000, return_tensors="pt")
        torch.testing.assert_close(logits[row], network(**inputs).logits[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_neither_padding_nor_the_batch_changes_what_it_decides(tmp_path, clips, family, norm):
    model = load_model(hugging_face(tmp_path, family, feat_extract_norm=norm))
    waveforms, lengths, _ = clips
    together = model(waveforms, lengths)
    alone = [model(waveforms[row : row + 1, :length])[0] for row, length in enumerate(lengths.tolist())]
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-6, rtol=1e-5)
    padded = functional.pad(waveforms, (0, 3000))
    torch.testing.assert_close(model(padded, lengths), together, atol=1e-6, rtol=1e-5)
    order = torch.tensor([2, 0, 1, 0])
    torch.testing.assert_close(model(waveforms[order], lengths[order]), together[order], atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_padding_would_change_what_it_decides(folder, clips):
    model = load_model(folder)
    short = clips[0][1:2, :641]
    assert (model.classify(functional.pad(short, (0, 3000))) - model.classify(short)).abs().max() > 0.01


@torch.no_grad()
def test_clips_of_one_length_share_a_batch(folder):
    model = load_model(folder)
    shapes = []
    model.network.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    model(torch.rand(4, 900), torch.tensor([900, 641, 900, 641]))
    assert shapes == [(2, 641), (2, 900)]


@torch.no_grad()
def test_with_a_trained_length_clips_are_repeated_or_cut(folder, clips):
    waveforms, lengths, _ = clips
    model, free = create_model("hugging_face", checkpoint=str(folder), seconds=0.05), load_model(folder)
    assert model.trained_length == 800
    repeated = torch.cat([waveforms[1, :641], waveforms[1, :159]])
    torch.testing.assert_close(model(waveforms, lengths)[1:2], free(repeated[None]))
    torch.testing.assert_close(model(waveforms, lengths)[:1], free(waveforms[:1, :800]))


@torch.no_grad()
def test_a_view_of_some_labels_passes_lengths_on(folder, clips):
    waveforms, lengths, _ = clips
    model = load_model(folder)
    assert torch.equal(LabelView(model, ("c", "a"))(waveforms, lengths), model(waveforms, lengths)[:, [2, 0]])


@pytest.mark.parametrize("family", ["wav2vec2", "wavlm", "hubert"])
def test_activation_checkpointing_computes_layers_again_and_changes_no_gradient(tmp_path, clips, family):
    folder = hugging_face(tmp_path, family)
    gradients, calls = {}, {}
    for again in (False, True):
        model = create_model("hugging_face", checkpoint=str(folder), activation_checkpointing=again)
        passes = []
        first = next(part for name, part in model.network.named_modules() if name.endswith("layers.0.attention"))
        first.register_forward_hook(lambda *_, passes=passes: passes.append(1))
        waveforms = clips[0].clone().requires_grad_()
        (gradients[again],) = torch.autograd.grad(model(waveforms, clips[1]).sum(), waveforms)
        calls[again] = len(passes)
        assert not any(part.training for part in model.modules())
    assert calls[True] == 2 * calls[False] > 0
    torch.testing.assert_close(gradients[True], gradients[False])


def test_fine_tuning_is_the_papers_and_the_default():
    tuned = MODEL_PRESETS["fine_tune"]
    assert (tuned.epochs, tuned.batch_size, tuned.learning_rate) == (20, 8, 3e-5)
    assert (tuned.schedule, tuned.keep, tuned.augmentation.noise) == ("constant", "last", 0.0)
    for name in ("hugging_face", "wav2vec2", "wavlm", "hubert"):
        assert model_training(name, "default", "") == tuned
    assert model_training("emo18", "default", "") == ModelTraining()


@pytest.mark.filterwarnings("ignore::staanet.core.errors.StaanetWarning")
@pytest.mark.parametrize(
    "changes", [{"precision": "bfloat16"}, {"crop": 0.4}, {"activation_checkpointing": True}], ids=str
)
def test_fine_tuning_leaves_the_feature_encoder_and_repeats_bit_for_bit(dataset, tmp_path, changes):
    folder = hugging_face(tmp_path / "coarse", conv_kernel=(40, 16), conv_stride=(20, 8))
    how = {key: value for key, value in changes.items() if key != "activation_checkpointing"}
    settings = model_training("hugging_face", {"epochs": 1, "learning_rate": 1e-3, **how}, "")
    split = by_speaker(list(dataset.utterances.values()))
    states = []
    for number in range(2):
        np.random.seed(number)  # noqa: NPY002
        with seeded("weights"):
            own = {"activation_checkpointing": True} if "activation_checkpointing" in changes else {}
            model = create_model("hugging_face", dataset.labels, checkpoint=str(folder), **own)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        history = train_model(model, dataset, split.train, split.val, settings, tmp_path / f"{number}.progress", 0, CPU)
        assert {"loss", "accuracy", "uar"} <= set(history[0])
        states.append(model.state_dict())
    changed = {name for name, value in states[0].items() if not torch.equal(value, before[name])}
    assert changed
    assert not [name for name in changed if ".feature_extractor." in name]
    assert {value.dtype for value in states[0].values()} == {torch.float32}
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert np.random.get_state()[1][0] == 1  # noqa: NPY002


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


def test_a_head_that_fits_is_kept_without_a_warning(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = create_model("hugging_face", ("a", "b", "c"), checkpoint=str(folder))
    kept = load_file(folder / "model.safetensors")["classifier.weight"]
    assert torch.equal(model.network.classifier.weight, kept)


@pytest.mark.parametrize("labels", [("b", "a", "c"), ("x", "y", "z"), ("a", "b")])
def test_a_head_for_other_labels_is_initialised_anew_with_a_warning(folder, labels):
    with pytest.warns(StaanetWarning, match=f"head for {', '.join(labels)}, found one for a, b, c; a new one decides"):
        model = create_model("hugging_face", labels, checkpoint=str(folder))
    kept = load_file(folder / "model.safetensors")["classifier.weight"]
    assert model.labels == labels
    assert model.network.classifier.weight.shape[0] == len(labels)
    assert not torch.equal(model.network.classifier.weight, kept)
    assert model.network.classifier.weight.std() < 0.05


def test_a_checkpoint_without_a_head_warns(tmp_path):
    hugging_face(tmp_path, head=False)
    with pytest.warns(StaanetWarning, match="expected a head for a, b, c, found none; a new one decides at random"):
        load_model(tmp_path)


def test_half_precision_is_brought_to_32_bits(damaged):
    weights = load_file(damaged / "model.safetensors")
    save_file({key: value.half() for key, value in weights.items()}, damaged / "model.safetensors", {"format": "pt"})
    config = read_json(damaged / "config.json")
    write_json(damaged / "config.json", {**config, "dtype": "float16"})
    assert {parameter.dtype for parameter in load_model(damaged).parameters()} == {torch.float32}


def test_another_rate_raises(tmp_path):
    hugging_face(tmp_path, rate=8_000)
    message = error_of(create_model, "hugging_face", checkpoint=str(tmp_path), sample_rate=16_000)
    assert "expected clips at its processor's 8000 Hz, got 16000 Hz; prepare a dataset at its rate" in message


def test_pickled_weights_are_refused(damaged):
    (damaged / "model.safetensors").rename(damaged / "pytorch_model.bin")
    message = error_of(load_model, damaged)
    assert "expected weights as safetensors, found pytorch_model.bin; other files are pickles" in message


@pytest.mark.parametrize("name", ["preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_raises(damaged, name):
    (damaged / name).unlink()
    assert "found none" in error_of(load_model, damaged)


def test_damaged_weights_raise(damaged):
    (damaged / "model.safetensors").write_bytes(b"not at all")
    assert "expected a checkpoint that transformers can load, got: " in error_of(load_model, damaged)


def test_weights_of_another_model_raise(damaged):
    weights = load_file(damaged / "model.safetensors")
    name = "wav2vec2.feature_projection.projection.weight"
    del weights[name]
    save_file(weights, damaged / "model.safetensors", {"format": "pt"})
    assert f"expected all weights of wav2vec2, found none that fit {name}" in error_of(load_model, damaged)


def test_code_of_strangers_is_not_run(damaged):
    config = read_json(damaged / "config.json")
    strange = {"model_type": "strange", "auto_map": {"AutoConfig": "strange.Config"}}
    write_json(damaged / "config.json", {**config, **strange})
    (damaged / "strange.py").write_text("raise SystemExit('it ran')")
    assert "transformers can load" in error_of(load_model, damaged)


def test_a_model_that_takes_no_waveforms_raises(damaged):
    write_json(damaged / "preprocessor_config.json", {"feature_extractor_type": "WhisperFeatureExtractor"})
    message = error_of(load_model, damaged)
    assert "expected a model that takes waveforms" in message
    assert "got wav2vec2 with WhisperFeatureExtractor" in message


def test_a_single_output_raises(tmp_path):
    hugging_face(tmp_path, labels=("arousal",))
    assert "two or more different labels, got ['arousal']" in error_of(load_model, tmp_path)


def test_settings_of_the_checkpoint_cannot_be_overridden(folder):
    both = error_of(create_model, "hugging_face", "abc", checkpoint=str(folder), architecture=TRANSFORMER)
    assert "expected a checkpoint or an architecture, got both" in both
    alone = error_of(create_model, "hugging_face", "abc", checkpoint=str(folder), normalise=False)
    assert "expected normalise together with an architecture only" in alone


@pytest.mark.parametrize("name", ["wav2vec2", "wavlm", "hubert"])
def test_an_architecture_alone_is_filled_in_and_all_of_it_is_trained(dataset, tmp_path, name):
    sizes = {**TRANSFORMER, "conv_kernel": (40, 16), "conv_stride": (20, 8)}
    settings = settings_of(name, dataset.labels, architecture=sizes)
    with seeded("weights"):
        model = MODELS[name](settings)
    own = model.settings
    assert (own.sample_rate, own.normalise, own.frozen, own.checkpoint) == (16_000, True, False, None)
    assert own.architecture["id2label"] == {str(number): label for number, label in enumerate(dataset.labels)}
    assert own.architecture["mask_time_length"] == 10
    before = {key: value.clone() for key, value in model.network.base_model.feature_extractor.named_parameters()}
    split = by_speaker(list(dataset.utterances.values()))
    how = model_training(name, {"preset": "scratch", "epochs": 1}, "")
    train_model(model, dataset, split.train, split.val, how, tmp_path / "x.progress", 0, CPU)
    after = dict(model.network.base_model.feature_extractor.named_parameters())
    assert not any(torch.equal(value, after[key]) for key, value in before.items())
    checkpoints.save(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.settings == own
    waveforms = torch.rand(2, 900)
    with torch.no_grad():
        assert torch.equal(again(waveforms), model(waveforms))
    assert MODELS[name].identity(settings)["architecture"] == sizes


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("wavlm", {"hiden_size": 32}, "got 'hiden_size'; did you mean 'hidden_size'?"),
        ("wavlm", {"model_type": "hubert"}, "wavlm: expected an architecture with model_type = wavlm, got hubert"),
        ("hugging_face", {}, "hugging_face: expected an architecture with model_type = wav2vec2 or another, got None"),
        ("hugging_face", {"model_type": "bert"}, "expected the model_type of a model that takes waveforms"),
        ("wav2vec2", {"conv_dim": (16,)}, "wav2vec2: expected an architecture that transformers can load, got: "),
        ("wav2vec2", {"hidden_size": "32"}, "Field 'hidden_size' expected int, got str"),
        ("wav2vec2", {"num_attention_heads": 5}, "expected an architecture that transformers can load, got: "),
    ],
)
def test_an_invalid_architecture_raises_before_any_work(name, changes, message):
    settings = settings_of(name, "ab", architecture={**TRANSFORMER, **changes})
    assert message in error_of(MODELS[name].check, settings)
    assert message in error_of(MODELS[name], settings)


def test_an_architecture_needs_labels():
    assert "two or more different labels, got []" in error_of(create_model, "wavlm", architecture=TRANSFORMER)


def test_what_is_frozen_may_be_chosen(folder):
    free = create_model("hugging_face", "abc", checkpoint=str(folder), frozen=False)
    assert all(parameter.requires_grad for parameter in free.parameters())
    held = create_model("wavlm", "abc", architecture=TRANSFORMER, frozen=True)
    assert not any(parameter.requires_grad for parameter in held.network.wavlm.feature_extractor.parameters())
    identities = [
        MODELS["hugging_face"].identity(settings_of("hugging_face", "abc", checkpoint=str(folder), **own))
        for own in ({}, {"frozen": False})
    ]
    assert identities[0] != identities[1]


@pytest.mark.parametrize("head", [True, False])
@torch.no_grad()
def test_representations_do_not_depend_on_the_head(tmp_path, clips, head):
    from transformers import AutoModel

    hugging_face(tmp_path, head=head)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        model = load_model(tmp_path)
    waveforms, lengths, _ = clips
    found = model.represent(waveforms, lengths)
    encoder = AutoModel.from_pretrained(tmp_path).eval()
    for row, length in enumerate(lengths.tolist()):
        clip = waveforms[row, :length]
        steps = encoder(((clip - clip.mean()) / clip.std(correction=0))[None]).last_hidden_state
        torch.testing.assert_close(found[row], steps[0].mean(0), atol=1e-4, rtol=1e-4)


def test_a_missing_checkpoint_raises():
    message = error_of(create_model, "hugging_face", ("a", "b"))
    assert message == "hugging_face: expected a checkpoint, found none; name a folder or a hub id (owner/name)"


def test_a_clip_too_short_raises(folder):
    model = load_model(folder)
    least = 10 + (3 - 1) * 5
    assert model(torch.rand(1, least)).shape == (1, 3)
    assert f"expected clips of {least} samples or more" in error_of(model, torch.rand(1, least - 1))
    masked = least + 9 * 10  # SpecAugment masks ten steps at once
    model.train()
    assert model(torch.rand(1, masked)).shape == (1, 3)
    assert f"expected clips of {masked} samples or more" in error_of(model, torch.rand(1, masked - 1))


def test_without_transformers_the_error_names_the_extra(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # noqa: ARG005
    expected = "hugging_face: expected the package transformers, found none; install staanet[hf]"
    assert error_of(load_model, folder) == expected
    assert error_of(MODELS["hugging_face"].check, settings_of("hugging_face", checkpoint=str(folder))) == expected


def test_checking_settings_loads_nothing(damaged):
    settings = settings_of("hugging_face", checkpoint=str(damaged))
    (damaged / "model.safetensors").write_bytes(b"not at all")
    MODELS["hugging_face"].check(settings)
    MODELS["wavlm"].check(settings_of("wavlm"))
    (damaged / "model.safetensors").unlink()
    assert "safetensors" in error_of(MODELS["hugging_face"].check, settings)


def test_its_identity_depends_on_its_files_only_not_on_their_folder(folder, damaged):
    def identity(place):
        return MODELS["hugging_face"].identity(settings_of("hugging_face", checkpoint=str(place)))

    assert identity(damaged) == identity(folder)
    processor = damaged / "preprocessor_config.json"
    write_json(processor, {**read_json(processor), "do_normalize": False})
    assert identity(damaged) != identity(folder)


@pytest.fixture
def cache(folder, tmp_path, monkeypatch):
    """The hub's cache in offline mode, with a tiny network in place of wav2vec 2.0."""
    commit = "0" * 40
    place = tmp_path / "models--facebook--wav2vec2-base-960h"
    (place / "refs").mkdir(parents=True)
    for name in ("main", "pr/1"):
        (place / "refs" / name).parent.mkdir(exist_ok=True)
        (place / "refs" / name).write_text(commit)
    (place / "snapshots").mkdir()
    (place / "snapshots" / commit).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.parametrize("named", [{}, {"checkpoint": "facebook/wav2vec2-base-960h@pr/1"}], ids=["main", "revision"])
@pytest.mark.usefixtures("cache")
def test_offline_a_hub_id_comes_from_the_cache(clips, folder, named):
    loading._download.cache_clear()
    model = create_model("wav2vec2", ("a", "b", "c"), **named)
    assert model.name == "wav2vec2"
    with torch.no_grad():
        assert torch.equal(model(*clips[:2]), load_model(folder)(*clips[:2]))


def test_of_the_hub_only_json_and_safetensors_are_asked_for(folder, monkeypatch):
    asked = {}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **how: asked.update(how) or folder)
    create_model("hugging_face", checkpoint="somebody/something@v1")
    assert asked == {"revision": "v1", "allow_patterns": ["*.json", "*.safetensors"]}


@pytest.mark.usefixtures("cache")
def test_offline_a_revision_that_is_not_there_raises():
    assert "@pr/2: expected" in error_of(create_model, "wav2vec2", checkpoint="facebook/wav2vec2-base-960h@pr/2")


@pytest.mark.usefixtures("cache")
def test_offline_a_hub_id_that_is_not_there_raises():
    message = error_of(create_model, "wavlm", ("a", "b"))
    assert message.startswith("microsoft/wavlm-base: expected a folder, or a hub id that can be reached")
    assert "outgoing traffic has been disabled" in message


def test_without_a_network_a_hub_id_raises(monkeypatch):
    def unreachable(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    message = error_of(create_model, "hugging_face", checkpoint="staanet/no-such-model")
    assert "expected a folder, or a hub id that can be reached" in message


def test_a_folder_that_is_not_there_raises():
    expected = "no/such/folder: expected a folder, or a hub id (owner/name), found no such folder"
    assert error_of(create_model, "hugging_face", checkpoint="no/such/folder") == expected


@pytest.mark.parametrize(
    ("name", "family", "parameters", "trained"),
    [
        ("wav2vec2", "wav2vec2", 94_570_375, 90_369_927),
        ("wavlm", "wavlm", 94_580_599, 90_380_151),
        ("hubert", "hubert", 94_570_375, 90_369_927),
    ],
)
def test_has_the_papers_number_of_parameters(name, family, parameters, trained):
    from transformers import CONFIG_MAPPING

    known = {"id2label": dict(enumerate("abcdefg"))}
    architecture = CONFIG_MAPPING[family](**known).to_dict()
    with torch.device("meta"):
        model = create_model(name, "abcdefg", architecture=architecture, frozen=True)
    assert model.pooling_stride == 320
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == trained


def test_nothing_is_imported_before_it_is_needed():
    code = (
        "import sys, staanet.study, staanet.models; from staanet.cli.list import entries; entries('models'); "
        "sys.exit(str({'transformers', 'huggingface_hub'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "\n")
