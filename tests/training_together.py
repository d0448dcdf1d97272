"""A program that trains a tiny network, alone or under torchrun, and writes its weights and figures to a folder."""

import json
import os
import sys
import time
from pathlib import Path

import torch

from staanet.attacks import create_attack
from staanet.attacks.generator import create_generator
from staanet.core.seeds import seeded
from staanet.data import Dataset, by_speaker
from staanet.defences import create_defence
from staanet.models import create_model
from staanet.training.augmentation import Augmentation
from staanet.training.classifier import train_model
from staanet.training.generator import GeneratorTraining, train_generator
from staanet.training.hardening import HardeningTraining, RobustValidation
from staanet.training.parallel import joined
from staanet.training.settings import ModelTraining
from tiny import TINY, WHISPER

CPU = torch.device("cpu")
ATTACK = {"attack": "pgd", "steps": 2, "snr_db": 30.0}


def network(dataset):
    """A network without statistics of batches and without dropout, whose decisions differ between clips."""
    with seeded("weights"):
        model = create_model("whisper", dataset.labels, architecture=WHISPER)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5)
    return model


def untrained_generator(dataset):  # noqa: ARG001
    with seeded("generator"):
        return create_generator("conditional", **TINY["conditional"])


def model(learner, dataset, split, progress, epochs):
    settings = ModelTraining(
        epochs=epochs, batch_size=5, learning_rate=1e-4, augmentation=Augmentation(noise=0.5, shift=True)
    )
    return train_model(learner, dataset, split.train, split.val, settings, progress, 0, CPU)


def generator(learner, dataset, split, progress, epochs):
    settings = GeneratorTraining(epochs=epochs, batch_size=5)
    source = network(dataset).eval()
    return train_generator(learner, source, dataset, split.train, split.val, settings, progress, 0, CPU)


def hardening(learner, dataset, split, progress, epochs):
    settings = HardeningTraining(epochs=epochs, batch_size=5, collapse=0.0)
    defence = create_defence("adversarial_training", attack=ATTACK, ratio=1.0)
    validation = RobustValidation(create_attack("pgd", steps=2, snr_db=30.0), 0.0)
    return train_model(
        learner,
        dataset,
        split.train,
        split.val,
        settings,
        progress,
        0,
        CPU,
        defence=defence,
        under_attack=validation,
    )


TRAININGS = {
    "model": (network, model),
    "generator": (untrained_generator, generator),
    "hardening": (network, hardening),
}
"""What is trained, and how."""


def main(kind, folder, out, options):
    dataset, out = Dataset(folder), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with joined(device="cpu") as together:
        (out / f"pid-{together.rank}").write_text(str(os.getpid()))
        if pause := options.get("pause"):
            waveform = dataset.waveform
            dataset.waveform = lambda clip: (time.sleep(pause / 10), waveform(clip))[1]
        split = by_speaker(list(dataset.utterances.values()))
        untrained, training = TRAININGS[kind]
        learner = untrained(dataset)
        if together.writes:
            torch.save(learner.state_dict(), out / "untrained.pt")
        history = training(learner, dataset, split, out / "progress", options.get("epochs", 2))
        if together.writes:
            torch.save(learner.state_dict(), out / "weights.pt")
            (out / "history.json").write_text(json.dumps(history))


if __name__ == "__main__":
    main(*sys.argv[1:4], json.loads(sys.argv[4]))
