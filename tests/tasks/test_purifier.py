"""A purifier that is fitted on noise, on attacks of a model, and used on clips of other speakers."""

import pytest
import torch

import staanet
from staanet.assessment.clips import unseen
from staanet.attacks import create_attack
from staanet.cli import app
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.data import Dataset
from staanet.defences import create_defence
from staanet.models import create_model
from staanet.training.purifier import PurifierTraining, negative_snr

SIZES = {"width": 8, "dilations": (1, 2)}
TRAINING = {
    "epochs": 12,
    "batch_size": 6,
    "learning_rate": 0.01,
    "seconds": 0.25,
    "snr_db": (10, 20),
    "sparse_snr_db": (0, 10),
    "sparsity": (0.01, 0.05),
}
SHORT = {**TRAINING, "epochs": 1, "steps": 1, "seconds": 0.05}


@pytest.fixture(scope="module")
def fitted(dataset, tmp_path_factory):
    """A purifier that has learnt from noise, and the figures of its epochs."""
    folder = tmp_path_factory.mktemp("purifiers") / "purifier"
    return folder, staanet.fit_purifier(dataset.folder, folder, sizes=SIZES, training=TRAINING)


@pytest.fixture
def model(dataset, tmp_path):
    checkpoints.save(create_model("emo18", dataset.labels, seconds=0.1), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("sparsity", [1.0, 0.03])
def test_noise_of_its_kind_on_other_speakers_is_lower_than_without_it(fitted, dataset, sparsity):
    folder, _ = fitted
    batch = dataset.batch(read_json(folder / "config.json")["split"]["test"])
    noise = create_attack("noise", snr_db=12.0 if sparsity == 1 else 5.0, sparsity=sparsity)
    noisy = noise(lambda x: x, batch.waveforms, batch.labels, batch.lengths)
    purified = create_defence("purifier", checkpoint=folder)(noisy, batch.lengths, dataset.sample_rate)
    gains = 10 * (negative_snr(noisy, batch.waveforms) - negative_snr(purified, batch.waveforms))
    assert float(gains.mean()) > 0.2
    assert (gains > 0).all()


def test_the_epoch_with_the_lowest_validation_loss_is_kept(fitted):
    folder, history = fitted
    kept = PurifierTraining().kept(history)
    assert history[kept - 1]["val_loss"] == min(figures["val_loss"] for figures in history)
    assert history[kept - 1]["gain_db"] > 0
    assert read_json(folder / "config.json")["history"] == history


def test_the_clips_that_it_has_learnt_from_are_not_evaluated(fitted, dataset, model):
    folder, _ = fitted
    test = set(read_json(folder / "config.json")["split"]["test"])
    assert set(unseen(dataset, model, folder).utterances) == test
    assert set(unseen(dataset, model).utterances) == set(dataset.utterances)
    with pytest.raises(StaanetError, match="neither model and purifier was trained, got none; fit the purifier with"):
        unseen(dataset.without(test), model, folder)


def test_it_learns_from_the_attacks_of_a_model_and_has_its_split(dataset, model, tmp_path, monkeypatch):
    used = set()

    def recorded(name, **settings):
        used.add(name)
        return create_attack(name, **settings)

    monkeypatch.setattr("staanet.training.purifier.create_attack", recorded)
    history = staanet.fit_purifier(dataset.folder, tmp_path / "out", model=model, sizes=SIZES, training=SHORT)
    assert used == {"noise", "pgd", "sparse_pgd"}
    assert history[0]["guidance"] > 0
    about = read_json(tmp_path / "out" / "config.json")["made_from"]
    assert about["source"]["weights"]
    before, after = (Dataset(dataset.folder).digest, about["dataset"])
    assert before == after


def test_an_interrupted_training_resumes_with_the_same_weights(dataset, tmp_path, monkeypatch):
    given = {"sizes": SIZES, "training": {**SHORT, "epochs": 2}}
    staanet.fit_purifier(dataset.folder, tmp_path / "whole", **given)
    rate = PurifierTraining.rate

    def interrupted(self, history):
        if history:
            raise KeyboardInterrupt
        return rate(self, history)

    monkeypatch.setattr(PurifierTraining, "rate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        staanet.fit_purifier(dataset.folder, tmp_path / "resumed", **given)
    monkeypatch.setattr(PurifierTraining, "rate", rate)
    staanet.fit_purifier(dataset.folder, tmp_path / "resumed", **given)
    assert checkpoints.digest(tmp_path / "whole") == checkpoints.digest(tmp_path / "resumed")
    assert not list(tmp_path.glob("*.progress"))


FILE = """
import torch

labels = ["anger", "neutral"]
seconds = 0.1


def decide(clips):
    return torch.stack([clips.sum(1), -clips.sum(1)], 1).detach().numpy()
"""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": {"sample_rate": 8000}}, "expected no sample_rate, which is that of the clips"),
        ({"sizes": {"kernel": 2}}, "expected an odd kernel"),
        ({"training": {"seconds": 0.0}}, "expected seconds above 0"),
        ({"training": {"sparsity": (0.0, 0.1)}}, r"expected sparsity as a range, in \(0, 1\), from low to high"),
        ({"training": {"snr_db": (30.0, 10.0)}}, "expected snr_db as a range from low to high"),
        ({"training": {"steps": 0}}, "expected steps of 1 or more"),
        ({"model": "file.py:decide"}, "expected a model with gradients, by which it is attacked"),
    ],
)
def test_bad_input_is_refused_before_the_work(dataset, tmp_path, monkeypatch, settings, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.py").write_text(FILE)
    with pytest.raises(StaanetError, match=message):
        staanet.fit_purifier(dataset.folder, tmp_path / "out", trust=True, **settings)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".pyc"] in (["file.py"], ["__pycache__"])


def test_clips_that_are_not_prepared_are_refused(tmp_path):
    with pytest.raises(StaanetError, match="staanet prepare"):
        staanet.fit_purifier(tmp_path, tmp_path / "out")


def test_the_command_line_fits_a_purifier(dataset, tmp_path):
    from typer.testing import CliRunner

    words = ["fit-purifier", str(dataset.folder), "-o", str(tmp_path / "out"), "--size", "width=4"]
    words += ["--set", "epochs=1", "--set", "seconds=0.05", "--set", "snr_db=[10, 20]"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "after epoch 1 of 1, which is kept" in result.output
    waveforms = torch.rand(1, 800)
    made = create_defence("purifier", checkpoint=str(tmp_path / "out"))
    assert made(waveforms, torch.tensor([800]), 16_000).shape == waveforms.shape
