"""Checkpoints of Hugging Face in an experiment: as they are, fine-tuned, without a head; and an architecture alone."""

import warnings

import pytest

import staanet
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.files import read_json
from staanet.models import MODELS
from staanet.study.loading import load
from staanet.study.toy import toy_experiment
from tiny import TRANSFORMER, hugging_face

LABELS = ("sadness", "anger", "neutral", "happiness", "boredom")

EXPERIMENT = """
[corpus]
name = "synthetic"
settings = {{ speakers = 6, sentences = 1, seconds = [0.5, 0.6] }}

[models.{name}]
model = "hugging_face"
settings = {{ checkpoint = "{folder}" }}
training = {training}

[attacks.noise]
"""


@pytest.fixture
def run(tmp_path):
    def run(folder, name="mine", training='"none"', more=""):
        path = tmp_path / "mine.toml"
        path.write_text(more + EXPERIMENT.format(folder=folder, name=name, training=training))
        return staanet.run(path, out=tmp_path / "run")

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    sizes = {"conv_kernel": (40, 16), "conv_stride": (20, 8)}
    return hugging_face(tmp_path_factory.mktemp("checkpoints") / "known", labels=LABELS, **sizes)


def test_a_checkpoint_is_attacked_as_it_is_over_the_labels_of_the_corpus(run, folder, tmp_path):
    (record,) = run(folder)
    assert record.labels == ["anger", "happiness", "neutral", "sadness"]
    assert set(record.settings["target"]) == {"model", "seconds", "checkpoint", "hub_id"}
    assert record.settings["target"]["hub_id"] is None
    assert "transformers" in record.versions
    assert not list(tmp_path.glob("run/models/*"))
    assert str(folder) not in next(tmp_path.glob("run/records/*.json")).read_text()


@pytest.mark.filterwarnings("ignore:.*expected a head for:staanet.core.errors.StaanetWarning")
def test_a_checkpoint_is_fine_tuned_on_the_corpus(run, folder, tmp_path):
    (record,) = run(folder, "tuned", "{ epochs = 1 }")
    assert record.settings["target"]["training"]["learning_rate"] == 3e-5
    assert record.settings["target"]["checkpoint"]
    (place,) = tmp_path.glob("run/models/*/config.json")
    assert read_json(place)["settings"]["labels"] == record.labels


@pytest.mark.filterwarnings("ignore:.*expected a head for:staanet.core.errors.StaanetWarning")
@pytest.mark.parametrize(
    ("family", "training"),
    [("audio-spectrogram-transformer", '"none"'), ("whisper", '"none"'), ("wav2vec2-bert", "{ epochs = 1 }")],
)
def test_a_checkpoint_on_spectrograms_is_attacked(run, tmp_path, family, training):
    folder = hugging_face(tmp_path / "spectrograms", family, labels=LABELS)
    (record,) = run(folder, training=training)
    assert record.labels == ["anger", "happiness", "neutral", "sadness"]
    assert record.settings["target"]["checkpoint"]
    assert str(folder) not in next(tmp_path.glob("run/records/*.json")).read_text()


def test_an_encoder_without_a_head_is_a_source_of_contrastive(tmp_path):
    folder = hugging_face(
        tmp_path / "needs_representation", labels=("x", "y"), head=False, conv_kernel=(40, 16), conv_stride=(20, 8)
    )
    model = '[models.small]\nmodel = "zhao19"\nseconds = 0.3\ntraining = { epochs = 1 }\n'
    text = 'targets = ["small"]\n' + EXPERIMENT.format(folder=folder, name="encoder", training='"none"') + model
    attack = '[attacks.contrastive]\nsources = ["encoder"]\nsteps = 2\n'
    (tmp_path / "mine.toml").write_text(text + attack)
    with warnings.catch_warnings():
        warnings.simplefilter("error", StaanetWarning)
        warnings.filterwarnings("ignore", "test part|fewer than", StaanetWarning)
        records = staanet.run(tmp_path / "mine.toml", out=tmp_path / "run")
    cases = {(record.attack, record.source, record.target): record for record in records}
    assert set(cases) == {("contrastive", "encoder", "small"), ("noise", "none", "small")}
    assert cases["contrastive", "encoder", "small"].gradients == 2
    (tmp_path / "mine.toml").write_text(text.replace('targets = ["small"]', "") + attack)
    with pytest.raises(StaanetError, match="give it a training or use it as a source of contrastive only"):
        staanet.run(tmp_path / "mine.toml", out=tmp_path / "run")


def test_the_encoder_of_whisper_without_training_is_a_source_of_contrastive_only(tmp_path):
    folder = hugging_face(tmp_path / "checkpoint", "whisper", head=False)
    text = EXPERIMENT.replace('"hugging_face"', '"whisper"').format(folder=folder, name="encoder", training='"none"')
    small = '[models.small]\nmodel = "zhao19"\nseconds = 0.3\ntraining = { epochs = 1 }\n'
    attack = '[attacks.contrastive]\nsources = ["encoder"]\nsteps = 2\n'
    (tmp_path / "mine.toml").write_text('targets = ["small"]\n' + text + small + attack)
    records = staanet.run(tmp_path / "mine.toml", out=tmp_path / "run")
    (record,) = [record for record in records if record.attack == "contrastive"]
    assert (record.source, record.target, record.gradients) == ("encoder", "small", 2)
    assert record.settings["source"]["checkpoint"]
    for more in (small + attack, attack):
        (tmp_path / "mine.toml").write_text(text + more)
        with pytest.raises(StaanetError, match="model encoder: expected a training, which gives it a head, got none"):
            load(tmp_path / "mine.toml")


def test_a_model_is_built_from_an_architecture_and_trained(tmp_path):
    sizes = {**TRANSFORMER, "conv_kernel": [40, 16], "conv_stride": [20, 8]}
    table = "".join(f"{key} = {value if isinstance(value, int) else list(value)}\n" for key, value in sizes.items())
    text = EXPERIMENT.replace('"hugging_face"', '"wavlm"').replace('settings = {{ checkpoint = "{folder}" }}\n', "")
    text = text.format(name="small", training='{ preset = "scratch", epochs = 1 }')
    path = tmp_path / "mine.toml"
    path.write_text(text + "[models.small.settings.architecture]\n" + table)
    (record,) = staanet.run(path, out=tmp_path / "run")
    told = record.settings["target"]
    assert told["architecture"]["hidden_size"] == 32
    assert told["training"]["augmentation"]["noise"] == 0.7
    assert "chance_model" in record.flags
    path.write_text(
        text + "[models.small.settings.architecture]\n" + table.replace("hidden_size = 32", "hidden_size = 48")
    )
    assert staanet.run(path, out=tmp_path / "run")[0].signature != record.signature
    path.write_text(text + "[models.small.settings.architecture]\nhiden_size = 32\n")
    with pytest.raises(StaanetError, match="did you mean 'hidden_size'"):
        load(path)


@pytest.mark.parametrize("family", ["audio-spectrogram-transformer", "whisper", "wav2vec2-bert"])
def test_the_toy_run_of_a_network_on_spectrograms_is_tiny(tmp_path, family):
    text = EXPERIMENT.replace('settings = {{ checkpoint = "{folder}" }}\n', "")
    text = text.format(name="large", training='"scratch"')
    (tmp_path / "mine.toml").write_text(text + f'[models.large.settings.architecture]\nmodel_type = "{family}"\n')
    (model,) = toy_experiment(load(tmp_path / "mine.toml")[1], tmp_path).models.values()
    built = MODELS["hugging_face"](model.resolved_settings(LABELS, 16_000))
    assert sum(parameter.numel() for parameter in built.parameters()) < 1_000_000


def test_labels_that_do_not_match_the_corpus_are_told(run, tmp_path):
    folder = hugging_face(tmp_path / "other", labels=("ang", "hap", "neu", "sad"))
    told = "model mine: expected a checkpoint that knows anger, happiness, neutral, sadness, got one of ang, hap, neu"
    with pytest.raises(StaanetError, match=told):
        run(folder)


def test_a_head_that_is_new_is_no_model_untrained(run, tmp_path):
    folder = hugging_face(tmp_path / "needs_representation", labels=LABELS, head=False)
    with pytest.raises(
        StaanetError, match=r"model mine: .* expected trained weights of a head, found none .* give it a training"
    ):
        run(folder)


def test_a_store_at_another_rate_is_told(run, folder):
    with pytest.raises(StaanetError, match="its processor's 16000 Hz, got 8000 Hz"):
        run(folder, more="sample_rate = 8000\n")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"{folder}"', '"no/such/folder"', "no/such/folder: expected a folder, or a hub id"),
        ('checkpoint = "{folder}"', "", "hugging_face: expected a checkpoint, found none"),
        ("checkpoint", "chekpoint", "did you mean 'checkpoint'"),
        ('"hugging_face"', '"emo18"', "emo18: expected training, since it starts from random weights"),
        ("\n[corpus]", '\nprotocol = "paper"\n[corpus]', "protocol paper: expected a trained length of hugging_face"),
    ],
)
def test_a_mistake_is_told_before_any_work(tmp_path, folder, before, after, told):
    path = tmp_path / "mine.toml"
    assert before in EXPERIMENT
    path.write_text(EXPERIMENT.replace(before, after).format(folder=folder, name="mine", training='"none"'))
    with pytest.raises(StaanetError, match=told):
        load(path)
