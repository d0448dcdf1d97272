"""Certificates of a small network on real speech: the share that is correct and certified, cross-validated by speaker.

The network is a convolutional one on the log-mel spectrogram of what a voter receives, trained with the smoothing that
is certified. Each clip is certified by the model that was not trained on its speaker.

python benchmarks/certificates.py DATASET --smoothing partition --set samples=1600 --out runs/partition-1600
python benchmarks/certificates.py DATASET --smoothing gaussian_smoothing --set sigma=0.1 --clips 100 --out runs/s01
"""

import argparse
import math
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from staanet.assessment.certified import wording
from staanet.assessment.certified.figures import CertifiedRow, figures
from staanet.assessment.clips import chosen
from staanet.audio.spectrogram import LogMel, log_mel
from staanet.certificates import Draws, certify
from staanet.cli.options import parsed
from staanet.core.files import read_json, write_json, write_text
from staanet.core.seeds import seeded
from staanet.core.signature import to_jsonable
from staanet.core.unwrapping import frozen
from staanet.data import Dataset
from staanet.data.splits import folds
from staanet.defences import create_defence
from staanet.models.external import External, ExternalSettings
from staanet.training.augmentation import Augmentation
from staanet.training.classifier import train_model
from staanet.training.settings import ModelTraining

SECONDS = 3.0
"""Length in seconds to which training clips are repeated or cut, and clips of all smoothings but the partition."""


class SmallNetwork(nn.Module):
    """Three convolutions on a log-mel spectrogram, mean and maximum over time, and a linear layer."""

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inner, outer in ((1, width), (width, width), (width, 2 * width)):
            layers += [nn.Conv2d(inner, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()]
            layers.append(nn.MaxPool2d((2, 1)))
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * 2 * width * 5, classes))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        size = 400 if waveforms.shape[1] >= 1600 else 256
        hop = 320 if waveforms.shape[1] > 16_000 else size // 4
        cells = log_mel(waveforms, 16_000, LogMel(bands=40, n_fft=size, hop=hop))
        features = self.convolutions((cells[:, None] + 30) / 20)  # [B, C, 5, frames]
        return self.head(torch.cat([features.mean(3), features.amax(3)], 1).flatten(1))


def trained(dataset: Dataset, split, smoothing, epochs: int, progress: Path) -> External:
    with seeded(0, "weights"):
        network = SmallNetwork(len(dataset.labels))
    seconds = None if smoothing.name == "partition" else SECONDS
    model = External(network, ExternalSettings(labels=dataset.labels, seconds=seconds), "small network")
    augmentation = Augmentation(speed=(0.9, 1.1), shift=True)
    settings = ModelTraining(epochs=epochs, keep="last", crop=SECONDS, augmentation=augmentation)
    train_model(model, dataset, split.train, (), settings, progress, 0, torch.device("cpu"), defence=smoothing)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--smoothing", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--clips", type=int)
    parser.add_argument("--out", type=Path, required=True)
    words = parser.parse_args()
    dataset, draws = Dataset(words.dataset), Draws(words.draws)
    smoothing = create_defence(words.smoothing, **parsed(words.set))
    draws.check(smoothing, len(dataset.labels))
    wanted = set(chosen(dataset, words.clips))
    rows = []
    for split in folds(list(dataset.utterances.values())):
        part = words.out / f"fold-{split.fold}.json"
        if not part.is_file():
            part.parent.mkdir(parents=True, exist_ok=True)
            model = trained(dataset, split, smoothing, words.epochs, part.with_suffix(".progress"))
            with frozen(model):
                made = [row(model, dataset, smoothing, clip, draws) for clip in split.test if clip in wanted]
            write_json(part, [asdict(one) for one in made])
        rows += [CertifiedRow(**one) for one in read_json(part)]
    found = figures("small network", smoothing, rows, draws, {"corpus": dataset.corpus, "data": dataset.digest})
    write_json(words.out / "certificate.json", to_jsonable(found.as_json()))
    write_text(words.out / "certificate.md", wording.markdown(found))
    print(wording.markdown(found))


def row(model: External, dataset: Dataset, smoothing, clip: str, draws: Draws) -> CertifiedRow:
    samples, about, labels = dataset.waveform(clip), dataset.utterances[clip], dataset.labels
    found = certify(model, smoothing, samples, len(labels), draws)
    return CertifiedRow(
        id=clip,
        label=about.label,
        speaker=about.speaker,
        decided=None if found.decided is None else labels[found.decided],
        radius=found.radius,
        votes=dict(zip(labels, found.votes, strict=True)),
        norm=math.sqrt(float(samples.double().square().sum())),
        peak=float(samples.abs().max()),
        samples=len(samples),
    )


if __name__ == "__main__":
    main()
