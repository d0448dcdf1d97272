import subprocess
import sys
import warnings

import pytest
import torch
from torch.nn import functional

from staanet.core import checkpoints
from staanet.core.errors import StaanetWarning
from staanet.core.files import read_json, write_json
from staanet.models import MODELS, create_model, load_model, settings_of
from tiny import hugging_face

FAMILIES = ["wav2vec2", "wavlm", "hubert", "data2vec-audio", "sew", "wav2vec2-conformer", "unispeech", "unispeech-sat"]


def test_a_model_is_what_its_checkpoint_says(tmp_path):
    model = load_model(hugging_face(tmp_path, labels=("sad", "glad"), rate=8_000, normalise=False))
    assert (model.labels, model.sample_rate, model.trained_length) == (("sad", "glad"), 8_000, None)
    assert model.settings.normalise is False
    assert model.pooling_stride == 5 * 2
    assert not model.training


@torch.no_grad()
def assert_decides_as_transformers(folder, clips):
    """Assert that the logits of each clip are those that transformers computes from the files of a checkpoint."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    processor = AutoFeatureExtractor.from_pretrained(folder)
    network = AutoModelForAudioClassification.from_pretrained(folder).eval()
    waveforms, lengths, _ = clips
    logits = load_model(folder)(waveforms, lengths)
    for row, length in enumerate(lengths.tolist()):
        inputs = processor(waveforms[row, :length].numpy(), sampling_rate=processor.sampling_rate, return_tensors="pt")
        expected = network(**inputs, return_dict=True).logits[0]
        torch.testing.assert_close(logits[row], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("family", ["wav2vec2", "wavlm", "hubert"])
def test_it_decides_as_transformers_does_on_each_clip_by_itself(tmp_path, clips, family, normalise):
    assert_decides_as_transformers(hugging_face(tmp_path, family, normalise=normalise), clips)


def test_it_decides_as_transformers_does_from_a_weighted_sum_of_layers(tmp_path, clips):
    assert_decides_as_transformers(hugging_face(tmp_path, use_weighted_layer_sum=True), clips)


def test_a_configuration_that_asks_for_tuples_changes_nothing(folder, damaged, clips):
    write_json(damaged / "config.json", {**read_json(damaged / "config.json"), "return_dict": False})
    with torch.no_grad():
        assert torch.equal(load_model(damaged)(*clips[:2]), load_model(folder)(*clips[:2]))


@pytest.mark.parametrize(
    "changes",
    [
        {"return_attention_mask": True},
        {"return_attention_mask": False},
        {"sampling_rate": 8_000},
        {"do_normalize": None},
        {"padding_value": 0.5},
    ],
    ids=str,
)
def test_it_decides_as_transformers_does_whatever_its_processor(damaged, clips, tmp_path, changes):
    path = damaged / "preprocessor_config.json"
    write_json(path, {**read_json(path), **changes})
    assert_decides_as_transformers(damaged, clips)
    model = load_model(damaged)
    checkpoints.save(model, tmp_path / "saved")
    assert load_model(tmp_path / "saved").settings == model.settings


@pytest.mark.parametrize("both", [False, True])
def test_it_decides_as_transformers_does_with_the_processor_of_version_5(damaged, clips, both):
    write_processor(damaged, do_normalize=False)
    if not both:  # otherwise transformers reads processor_config.json, whatever the other file says
        (damaged / "preprocessor_config.json").unlink()
    assert_decides_as_transformers(damaged, clips)
    assert load_model(damaged).settings.normalise is False


def write_processor(folder, **settings):
    """Write a processor as Wav2Vec2Processor.save_pretrained does."""
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

    write_json(folder / "vocab.json", {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4})
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(**settings), tokenizer).save_pretrained(folder)
    assert (folder / "processor_config.json").is_file()


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
    padded = model.front_end(functional.pad(short, (0, 3000)))
    assert (model.classify(padded) - model.classify(model.front_end(short))).abs().max() > 0.01


@torch.no_grad()
def test_clips_of_one_length_share_a_batch(folder):
    model = load_model(folder)
    shapes = []
    model.network.register_forward_pre_hook(
        lambda *call: shapes.append(tuple(call[2]["input_values"].shape)), with_kwargs=True
    )
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


@pytest.mark.parametrize("head", [True, False])
@torch.no_grad()
def test_representations_do_not_depend_on_the_head(tmp_path, clips, head):
    from transformers import AutoModel

    hugging_face(tmp_path, head=head)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        model = create_model("hugging_face", "abc", checkpoint=str(tmp_path))
    waveforms, lengths, _ = clips
    found = model.represent(waveforms, lengths)
    encoder = AutoModel.from_pretrained(tmp_path).eval()
    for row, length in enumerate(lengths.tolist()):
        clip = waveforms[row, :length]
        steps = encoder(((clip - clip.mean()) / clip.std(correction=0))[None]).last_hidden_state
        torch.testing.assert_close(found[row], steps[0].mean(0), atol=1e-4, rtol=1e-4)


def test_a_clip_too_short_raises(error_of, folder):
    model = load_model(folder)
    least = 10 + (3 - 1) * 5
    assert model(torch.rand(1, least)).shape == (1, 3)
    assert f"expected clips of {least} samples or more" in error_of(model, torch.rand(1, least - 1))
    masked = least + 9 * 10  # SpecAugment masks ten steps at once
    model.train()
    assert model(torch.rand(1, masked)).shape == (1, 3)
    assert f"expected clips of {masked} samples or more" in error_of(model, torch.rand(1, masked - 1))


def test_checking_settings_loads_nothing(error_of, damaged):
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
    changed = identity(damaged)
    assert changed != identity(folder)
    write_processor(damaged, do_normalize=True)
    assert identity(damaged) not in (changed, identity(folder))


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
        "import sys, staanet.study, staanet.models; from staanet.cli.catalogue import entries; entries('models'); "
        "sys.exit(str({'transformers', 'huggingface_hub'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "\n")
