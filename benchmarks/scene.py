"""What several scripts attack: an Emo18 that some seconds of training on synthetic speech made better than chance."""

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
    """Return a model, the dataset that it was trained on, and who is in which part."""
    dataset = prepare(corpus, folder, folder / "dataset")
    split = by_speaker(list(dataset.utterances.values()))
    with seeded("benchmark"):
        model = create_model("emo18", labels=dataset.labels, seconds=CLIP_SECONDS)
    progress, device = folder / "model.progress", torch.device("cpu")
    train_model(model, dataset, split.train, split.val, ModelTraining(epochs=10), progress, 0, device)
    return model.eval(), dataset, split
