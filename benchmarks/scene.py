"""What several scripts attack: an Emo18 that some seconds of training on synthetic speech made better than chance."""

from pathlib import Path

import torch

from staanet import create_victim
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import Split, Store, by_speaker, prepare
from staanet.models import Victim
from staanet.training.classifier import VictimTraining, train_victim

CLIP_SECONDS = 1.0


def trained(folder: Path, corpus: Synthetic) -> tuple[Victim, Store, Split]:
    """Return a victim, the store that it was trained on, and who is in which part."""
    store = prepare(corpus, folder, folder / "store")
    split = by_speaker(list(store.utterances.values()))
    with seeded("benchmark"):
        victim = create_victim("emo18", labels=store.labels, seconds=CLIP_SECONDS)
    progress, device = folder / "victim.progress", torch.device("cpu")
    train_victim(victim, store, split.train, split.val, VictimTraining(epochs=10), progress, 0, device)
    return victim.eval(), store, split
