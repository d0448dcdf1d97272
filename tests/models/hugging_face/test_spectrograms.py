"""Networks on spectrograms: the Audio Spectrogram Transformer, Whisper and w2v-BERT."""

import warnings

import pytest
import torch
from torch.nn import functional

from staanet.attacks import PGD
from staanet.core import checkpoints
from staanet.core.budget import Budget
from staanet.core.errors import StaanetWarning
from staanet.core.files import read_json, write_json
from staanet.core.seeds import seeded
from staanet.models import MODELS, create_model, load_model, settings_of
from tiny import SPECTROGRAM, hugging_face

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter:UserWarning")

AST, WHISPER, W2V_BERT = "audio-spectrogram-transformer", "whisper", "wav2vec2-bert"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("spectrograms")
    return {family: hugging_face(place / family, family) for family in SPECTROGRAM}


@pytest.fixture(params=SPECTROGRAM)
def family(request):
    return request.param


@pytest.fixture
def folder(folders, family):
    return folders[family]


@pytest.fixture
def damaged(folder, tmp_path):
    copy = tmp_path / "damaged"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


@pytest.fixture
def speech():
    """Five clips: of odd lengths, longer than the input of AST and of Whisper, silent, and quiet; padded."""
    lengths = torch.tensor([20_000, 4_001, 6_240, 4_160, 16_001])
    with seeded("speech of several lengths"):
        waveforms = torch.rand(5, 20_000) * 1.6 - 0.8
    waveforms = waveforms * torch.tensor([1, 1, 0, 1, 1e-3])[:, None]
    waveforms[torch.arange(20_000) >= lengths[:, None]] = 0
    return waveforms, lengths


@torch.no_grad()
def test_it_decides_as_transformers_does(folder, speech):
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    extractor = AutoFeatureExtractor.from_pretrained(folder)
    network = AutoModelForAudioClassification.from_pretrained(folder).eval()
    waveforms, lengths = speech
    logits = load_model(folder)(waveforms, lengths)
    for row, length in enumerate(lengths.tolist()):
        inputs = extractor(waveforms[row, :length].numpy(), sampling_rate=16_000, return_tensors="pt")
        torch.testing.assert_close(logits[row], network(**inputs).logits[0], atol=1e-4, rtol=0)
    assert (logits[0] - logits[1]).abs().max() > 0.01


@torch.no_grad()
def test_it_decides_as_the_pipeline_does(folder, speech):
    from transformers import pipeline

    classify = pipeline("audio-classification", model=str(folder), device="cpu", function_to_apply="none")
    model, waveform = load_model(folder), speech[0][1, :4_001]
    scores = {entry["label"]: entry["score"] for entry in classify(waveform.numpy())}
    logits = dict(zip(model.labels, model(waveform[None])[0].tolist(), strict=True))
    assert logits == pytest.approx(scores, abs=1e-4)


@torch.no_grad()
def test_neither_padding_nor_the_batch_changes_what_it_decides(folder, speech):
    model = load_model(folder)
    waveforms, lengths = speech
    for compute in (model, model.represent):
        together = compute(waveforms, lengths)
        alone = [compute(waveforms[row : row + 1, :length])[0] for row, length in enumerate(lengths.tolist())]
        torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            compute(functional.pad(waveforms, (0, 900)), lengths), together, atol=1e-5, rtol=1e-4
        )
        order = torch.tensor([2, 4, 0, 1, 3, 0])
        torch.testing.assert_close(compute(waveforms[order], lengths[order]), together[order], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("family", "passes"), [(AST, [5]), (WHISPER, [5]), (W2V_BERT, [2, 1, 1, 1])], ids=str)
@torch.no_grad()
def test_clips_with_inputs_of_one_size_share_a_batch(folders, speech, family, passes):
    model = load_model(folders[family])
    sizes = []
    model.network.register_forward_pre_hook(
        lambda *call: sizes.append(len(next(iter(call[2].values())))), with_kwargs=True
    )
    model(*speech)
    assert sizes == passes


@pytest.mark.parametrize(("family", "stride", "least"), [(AST, 640, 400), (WHISPER, 320, 1), (W2V_BERT, 320, 560)])
def test_steps_and_the_shortest_clip_are_those_of_the_front_end(error_of, folders, family, stride, least):
    model = load_model(folders[family])
    assert (model.pooling_stride, model.min_samples) == (stride, least)
    with torch.no_grad():
        assert model(torch.rand(1, least)).isfinite().all()
    if least > 1:
        assert f"expected clips of {least} samples or more" in error_of(model, torch.rand(1, least - 1))


def test_in_training_a_clip_is_as_long_as_its_masks(error_of, tmp_path):
    model = load_model(hugging_face(tmp_path, W2V_BERT, apply_spec_augment=True)).train()
    least = 400 + (10 * 2 - 1) * 160
    assert model(torch.rand(2, least)).shape == (2, 3)
    assert f"expected clips of {least} samples or more" in error_of(model, torch.rand(1, least - 1))


@torch.no_grad()
def test_representations_are_those_that_the_head_pools(folder, family, speech):
    model = load_model(folder)
    waveforms, lengths = speech
    found = model.represent(waveforms, lengths)
    if family == AST:
        logits = model.network.classifier(found)
    else:  # the projection comes before the mean, and both are linear
        logits = model.network.classifier(model.network.projector(found))
    torch.testing.assert_close(logits, model(waveforms, lengths), atol=1e-4, rtol=1e-4)


def test_a_saved_model_needs_the_checkpoint_no_more(damaged, tmp_path, speech):
    model = load_model(damaged)
    checkpoints.save(model, tmp_path / "saved")
    for path in damaged.iterdir():
        path.unlink()
    again = load_model(tmp_path / "saved")
    assert again.settings == model.settings
    assert str(damaged) not in (tmp_path / "saved" / "config.json").read_text()
    with torch.no_grad():
        assert torch.equal(again(*speech), model(*speech))


def test_pgd_lowers_the_margin(folder, speech):
    model, (waveforms, lengths) = load_model(folder), speech
    waveforms, lengths = waveforms[[1, 3]] * 0.5, lengths[[1, 3]]
    labels = model(waveforms, lengths).argmax(1)
    attack = PGD(budget=Budget(epsilon=0.01), steps=5, restarts=1)
    adversarial = attack(model, waveforms, labels, lengths, seed=0)

    def margin(clips):
        logits = model(clips, lengths).detach()
        return logits.gather(1, labels[:, None])[:, 0] - logits.scatter(1, labels[:, None], -torch.inf).amax(1)

    assert (margin(adversarial) < margin(waveforms)).all()


@pytest.mark.parametrize("head", [True, False])
def test_a_new_head_is_trained_with_the_whole_network(tmp_path, family, head):
    folder = hugging_face(tmp_path / "checkpoint", family, head=head)
    with pytest.warns(StaanetWarning, match="a new one decides at random until it is fine-tuned"), seeded("weights"):
        model = create_model("hugging_face", ("sad", "glad"), checkpoint=str(folder))
    assert model.labels == ("sad", "glad")
    assert model.settings.frozen is False
    linear = next(layer for layer in model.network.classifier.modules() if isinstance(layer, torch.nn.Linear))
    assert linear.weight.std() < 0.05  # those of the checkpoint are five times as large
    model(torch.rand(2, 4_000)).sum().backward()
    left = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert not left - {"network.wav2vec2_bert.masked_spec_embed"}
    with torch.no_grad():
        assert model(torch.rand(2, 4_000)).shape == (2, 2)


def test_the_encoder_of_a_whole_whisper_is_taken(tmp_path):
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    with seeded("whisper"):
        network = WhisperForConditionalGeneration(WhisperConfig(**SPECTROGRAM[WHISPER]))
    network.save_pretrained(tmp_path)
    WhisperFeatureExtractor(feature_size=80, chunk_length=1).save_pretrained(tmp_path)
    with pytest.warns(StaanetWarning, match="found none; a new one decides at random"):
        model = create_model("hugging_face", "abc", checkpoint=str(tmp_path))
    found = dict(model.network.encoder.named_parameters())
    assert all(torch.equal(found[name], value) for name, value in network.model.encoder.named_parameters())


def test_a_checkpoint_without_a_head_is_refused_in_a_short_line(error_of, tmp_path, family):
    config = read_json(hugging_face(tmp_path, family, head=False) / "config.json")
    write_json(tmp_path / "config.json", {**config, "id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}})
    message = error_of(load_model, tmp_path)
    assert "expected trained weights of a head, found none for classifier." in message
    assert len(message) < 1_000


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification"])
def test_a_head_that_does_not_decide_is_refused(error_of, tmp_path, family, problem):
    assert "expected a head that decides between labels, got a" in error_of(
        load_model, hugging_face(tmp_path, family, problem_type=problem)
    )


def test_frozen_is_refused_without_a_feature_encoder(error_of, folder, family):
    expected = f"expected no frozen, since {family} has no convolutional feature encoder"
    assert expected in error_of(create_model, "hugging_face", checkpoint=str(folder), frozen=True)
    assert create_model("hugging_face", checkpoint=str(folder), frozen=False).settings.frozen is False


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        (AST, {"max_length": 31}, "expected max_length = 32, which fits audio-spectrogram-transformer (config.json)"),
        (AST, {"num_mel_bins": 8}, "expected num_mel_bins = 16, which fits"),
        (AST, {"num_mel_bins": "many"}, "expected a checkpoint that transformers can load, got: "),
        (AST, {"std": 0}, "expected std above 0, got 0.0"),
        (AST, {"mean": None}, "mean: Input should be a valid number, got None"),
        (AST, {"sampling_rate": 0}, "expected a checkpoint that transformers can load, got: "),
        (AST, {"sampling_rate": 16_000.5}, "expected the sampling_rate of its processor in Hz, got 16000.5"),
        (
            AST,
            {"feature_extractor_type": "Wav2Vec2FeatureExtractor"},
            "expected feature_extractor_type = ASTFeatureExtractor for audio-",
        ),
        (WHISPER, {"chunk_length": 30}, "expected n_samples = 16000, which fits whisper"),
        (WHISPER, {"feature_size": 128}, "expected feature_size = 80, which fits whisper"),
        (WHISPER, {"hop_length": 80}, "expected hop_length = 160 in its preprocessor_config.json, got 80"),
        (WHISPER, {"dither": 0.1}, "expected dither = 0.0 in its preprocessor_config.json, got 0.1"),
        (WHISPER, {"sampling_rate": 8_000}, "expected sampling_rate = 16000 in its preprocessor_config.json, got 8000"),
        (
            WHISPER,
            {"padding_side": "left"},
            "expected padding_side = right in its preprocessor_config.json, got 'left'",
        ),
        (W2V_BERT, {"stride": 4}, "expected num_mel_bins = 8, which fits wav2vec2-bert"),
        (W2V_BERT, {"stride": 3}, "expected num_mel_bins = 10.6"),
        (W2V_BERT, {"stride": "two"}, "stride: Input should be a valid integer"),
        (W2V_BERT, {"stride": 0}, "expected a stride of 2 frames or more, got 0"),
        (W2V_BERT, {"stride": 1, "num_mel_bins": 32}, "expected a stride of 2 frames or more, got 1"),
        (W2V_BERT, {"padding_value": "a"}, "padding_value: Input should be a valid number"),
        (
            W2V_BERT,
            {"feature_extractor_type": None},
            "expected feature_extractor_type = SeamlessM4TFeatureExtractor for wav2vec2-bert, got Wav2Vec2Fea",
        ),
    ],
    ids=str,
)
def test_a_damaged_feature_extractor_is_refused_in_one_line(error_of, damaged, changes, message):
    path = damaged / "preprocessor_config.json"
    changed = {**read_json(path), **changes}
    write_json(path, {key: value for key, value in changed.items() if key != "feature_extractor_type" or value})
    found = error_of(load_model, damaged)
    assert found.startswith(f"{damaged}: ")
    assert message in found


def test_an_architecture_alone_is_filled_in(family, tmp_path):
    given = {"model_type": family, **SPECTROGRAM[family]}
    model = create_model("hugging_face", "abc", architecture=given)
    own = model.settings
    assert (
        own.front_end
        == {
            AST: {"num_mel_bins": 16, "max_length": 32, "mean": -4.2677393, "std": 4.5689974},
            WHISPER: {"feature_size": 80, "n_samples": 16_000},
            W2V_BERT: {"num_mel_bins": 16, "stride": 2, "padding_value": 0.0, "return_attention_mask": True},
        }[family]
    )
    assert (own.normalise, own.frozen) == (True if family == AST else None, False)
    checkpoints.save(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.settings == own
    with torch.no_grad():
        assert torch.equal(again(torch.ones(1, 4_000)), model(torch.ones(1, 4_000)))


def test_the_front_end_of_an_architecture_may_be_chosen(error_of):
    given = {"model_type": AST, **SPECTROGRAM[AST]}

    def settings(**own):
        return settings_of("hugging_face", "abc", architecture=given, **own)

    model = MODELS["hugging_face"](settings(front_end={"mean": 0.0, "std": 1.0}, normalise=False))
    assert (model.settings.front_end["mean"], model.settings.normalise) == (0.0, False)
    assert MODELS["hugging_face"].identity(settings(front_end={"std": 1.0}))["front_end"] == {"std": 1.0}
    assert "front_end" not in MODELS["hugging_face"].identity(settings())
    for front_end, message in [
        ({"max_lenght": 3}, "got 'max_lenght'; did you mean 'max_length'?"),
        ({"max_length": 3}, "expected max_length = 32, which fits audio-spectrogram-transformer"),
        ({"std": -1}, "expected std above 0, got -1.0"),
    ]:
        assert message in error_of(MODELS["hugging_face"].check, settings(front_end=front_end))


def test_what_a_front_end_leaves_no_choice_of_is_refused(error_of, folder):
    given = {"model_type": WHISPER, **SPECTROGRAM[WHISPER]}
    assert "expected no normalise, since the WhisperFeatureExtractor leaves no choice" in error_of(
        create_model, "hugging_face", "abc", architecture=given, normalise=True
    )
    assert "expected front_end together with an architecture only" in error_of(
        create_model, "hugging_face", checkpoint=str(folder), front_end={}
    )
    assert "expected a sampling rate of 16000 Hz, got 8000 Hz" in error_of(
        create_model, "hugging_face", "abc", architecture=given, sample_rate=8_000
    )


def test_no_warning_of_transformers_reaches_the_user(tmp_path):
    folder = hugging_face(tmp_path, AST, num_mel_bins=128, extractor={"num_mel_bins": 128})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(folder)(torch.rand(1, 4_000))
