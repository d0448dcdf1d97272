"""Training of models of emotional dimensions, from a table with ratings to a checkpoint."""

import math

import numpy as np
import pytest
import torch

from staanet import create_model, load_model, tasks
from staanet.audio.files import write
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.corpora.folder import Folder
from staanet.data import prepare
from staanet.metrics.dimensions import ccc
from staanet.models import load_deciding
from staanet.models.loaders import check_decides, loader_of
from staanet.training.dimensions import agreement, ccc_loss, check_rated

DIMENSIONS = ("arousal", "valence")
WHISPER = {
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "max_source_positions": 50,
    "num_mel_bins": 80,
}


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """A dataset of tones whose frequency is their arousal, without emotions."""
    folder = tmp_path_factory.mktemp("rated")
    lines = ["path,speaker,arousal,valence"]
    for number in range(24):
        level, name = 1 + number // 6, f"{number}.wav"
        tone = 0.5 * np.sin(2 * math.pi * 200 * 2**level * np.arange(2400) / 16_000 + number)
        write(folder / "corpus" / name, tone.astype(np.float32), 16_000)
        lines.append(f"{name},s{number % 6},{level},{1 + number % 4}")
    (folder / "corpus" / "metadata.csv").write_text("\n".join(lines))
    return prepare(Folder(dimensions=DIMENSIONS, scale=(1.0, 4.0)), folder / "corpus", folder / "dataset")


def trained(dataset, out, model="emo18", **settings):
    given = {
        "seconds": 0.1,
        "training": {"preset": "paper", "epochs": 8, "keep": "best"},
        "seed": 0,
        "device": torch.device("cpu"),
        "model_settings": {"dimensions": ["arousal"]},
        **settings,
    }
    return tasks.train(model, dataset.folder, out, **given)


def test_the_loss_is_one_minus_the_mean_ccc_of_the_dimensions():
    outputs, ratings = torch.rand(7, 2, generator=torch.Generator().manual_seed(0)), torch.rand(7, 2)
    expected = 1 - np.mean([ccc(outputs[:, one].double().numpy(), ratings[:, one].double().numpy()) for one in (0, 1)])
    assert float(ccc_loss(outputs.double(), ratings.double())) == pytest.approx(expected)
    assert agreement(outputs, ratings, DIMENSIONS)["val_loss"] == pytest.approx(expected)


def test_a_batch_without_any_spread_has_a_finite_gradient():
    outputs = torch.full((2, 1), 0.5, requires_grad=True)
    ccc_loss(outputs, torch.full((2, 1), 0.5)).backward()
    assert outputs.grad.isfinite().all()


def test_a_network_learns_ratings_and_its_checkpoint_returns_them(rated, tmp_path):
    history = trained(rated, tmp_path / "model")
    scores = [figures["ccc"] for figures in history]
    assert max(scores) > 0.4
    assert set(history[0]) == {"loss", "val_loss", "ccc", "ccc_arousal", "rmse_arousal"}
    model = load_model(tmp_path / "model")
    assert (model.labels, model.dimensions) == ((), ("arousal",))
    val = read_json(tmp_path / "model" / "config.json")["split"]["val"]
    with torch.no_grad():
        outputs = torch.cat([model(rated.waveform(clip)[None]) for clip in val])
    kept = agreement(outputs, rated.ratings(val, ["arousal"]), ["arousal"])["ccc"]
    assert kept == pytest.approx(max(scores), abs=1e-4)


def test_a_checkpoint_of_dimensions_is_refused_where_decisions_are_needed(rated, tmp_path):
    trained(rated, tmp_path / "model", training={"preset": "paper", "epochs": 1})
    with pytest.raises(StaanetError, match="got one of the dimensions arousal"):
        load_deciding(tmp_path / "model")
    with pytest.raises(StaanetError, match="got one of the dimensions arousal"):
        check_decides(loader_of(tmp_path / "model"), str(tmp_path / "model"))


@pytest.mark.parametrize("name", ["emo18", "zhao19", "cnn_lstm", "transformer"])
def test_every_own_architecture_has_one_output_for_each_dimension(name):
    model = create_model(name, dimensions=DIMENSIONS, seconds=1.0)
    assert model(torch.rand(2, 16_000) - 0.5).shape == (2, 2)
    assert "arousal" in model.facts()[1]["dimensions"]


def test_the_head_of_a_frozen_encoder_learns_ratings(rated, tmp_path):
    pytest.importorskip("transformers")
    settings = {"dimensions": list(DIMENSIONS), "architecture": WHISPER, "frozen": True}
    training = {"preset": "default", "epochs": 3}
    history = trained(rated, tmp_path / "model", "whisper", seconds=None, training=training, model_settings=settings)
    assert history[-1]["loss"] < history[0]["loss"]
    assert load_model(tmp_path / "model").dimensions == DIMENSIONS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "expected emotions, got ratings of arousal, valence; name those"),
        ({"dimensions": ["dominance"]}, "expected ratings of dominance, got arousal, valence"),
        ({"dimensions": ["arousal", "arousal"]}, "different names"),
    ],
)
def test_dimensions_that_a_dataset_has_not_are_refused_before_the_work(rated, tmp_path, settings, message):
    with pytest.raises(StaanetError, match=message):
        trained(rated, tmp_path / "model", model_settings=settings)
    assert not list(tmp_path.iterdir())


def test_ratings_without_a_ccc_and_several_processes_are_refused(rated):
    clips = sorted(rated.utterances)
    with pytest.raises(StaanetError, match="validation clips: expected 3 clips or more"):
        check_rated(rated, {"training": clips, "validation": clips[:2]}, ["arousal"], 1)
    with pytest.raises(StaanetError, match="expected one process"):
        check_rated(rated, {"training": clips}, ["arousal"], 2)


def test_hugging_face_architectures_have_no_dimensions_of_their_own():
    with pytest.raises(StaanetError, match="expected labels for this architecture"):
        create_model("wav2vec2", dimensions=["arousal"])
