import json
import sys

import pytest
import torch

from staanet import tasks
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.corpora import Synthetic
from staanet.data import Dataset, prepare
from staanet.models import MeanLogits, create_model
from staanet.training.generator import train_generator
from tiny import TINY

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of six speakers, with models that were trained on it by two seeds."""
    place = tmp_path_factory.mktemp("fit")
    prepare(Synthetic(speakers=6, sentences=1, seconds=(0.5, 0.6)), place, place / "dataset")
    for name, seed in (("emo18", 0), ("zhao19", 0), ("zhao19", 1)):
        out, training = place / f"{name}-{seed}", {"epochs": 1}
        tasks.train(name, place / "dataset", out, seconds=0.1, training=training, seed=seed, device=CPU)
    return place


def fit(folder, sources, out, **settings):
    training = {"epochs": 1, "batch_size": 8, **settings}
    sizes = TINY["compact"]
    dataset = folder / "dataset"
    return tasks.fit("compact", sources, dataset, out, sizes=sizes, training=training, seed=0, device=CPU)


def test_several_sources_are_attacked_by_their_mean_logits(folder, tmp_path, monkeypatch):
    trained_against = []

    def recorded(network, model, *rest):
        trained_against.append(model)
        return train_generator(network, model, *rest)

    monkeypatch.setattr(sys.modules["staanet.tasks.fit"], "train_generator", recorded)
    fit(folder, [folder / "emo18-0", folder / "zhao19-0"], tmp_path / "both")
    (model,) = trained_against
    assert isinstance(model, MeanLogits)
    assert [one.name for one in model.models] == ["emo18", "zhao19"]
    made_from = json.loads((tmp_path / "both" / checkpoints.CONFIG).read_text())["made_from"]
    assert len(made_from["source"]) == len({source["weights"] for source in made_from["source"]}) == 2
    lent = json.loads((folder / "emo18-0" / checkpoints.CONFIG).read_text())["made_from"]["split"]
    assert made_from["split"] == lent


def test_one_source_in_a_list_is_that_source(folder, tmp_path):
    for name, source in (("alone", folder / "emo18-0"), ("listed", [folder / "emo18-0"])):
        fit(folder, source, tmp_path / name)
    digests = {checkpoints.digest(tmp_path / name) for name in ("alone", "listed")}
    assert len(digests) == 1


def test_sources_of_another_split_rate_or_of_other_classes_are_refused(folder, tmp_path):
    with pytest.raises(StaanetError, match=r"zhao19-1: expected the split of .*emo18-0, got another one"):
        fit(folder, [folder / "emo18-0", folder / "zhao19-1"], tmp_path / "out")
    labels = Dataset(folder / "dataset").labels[:2]
    for name, settings, told in (
        ("classes", {"labels": labels}, "expected models with the labels"),
        ("rate", {"labels": "abcd", "sample_rate": 8000}, "expected .*8000 Hz, got 16000 Hz"),
    ):
        checkpoints.save(create_model("emo18", seconds=0.1, **settings), tmp_path / name)
        with pytest.raises(StaanetError, match=told):
            fit(folder, [folder / "emo18-0", tmp_path / name], tmp_path / "out")
