"""The model that several benchmarks attack: an Emo18, trained on synthetic speech until it is better than chance."""

from pathlib import Path

import torch

from staanet import create_model
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import Dataset, Split, by_speaker, prepare
from staanet.models import Model
from staanet.training.classifier import train_model
from staanet.training.settings import ModelTraining

CLIP_SECONDS = 1.0


def trained(folder: Path, corpus: Synthetic) -> tuple[Model, Dataset, Split]:
    """Return a trained model, its prepared dataset, and the split of the dataset by speaker."""
    dataset = prepare(corpus, folder, folder / "dataset")
    split = by_speaker(list(dataset.utterances.values()))
    with seeded("benchmark"):
        model = create_model("emo18", labels=dataset.labels, seconds=CLIP_SECONDS)
    progress, device = folder / "model.progress", torch.device("cpu")
    train_model(model, dataset, split.train, split.val, ModelTraining(epochs=10), progress, 0, device)
    return model.eval(), dataset, split
