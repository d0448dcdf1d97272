"""From files to batches: opening a dataset, reading a batch, the memory of epochs, and preparation on two cores."""

import random
import resource
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from claims import MEMORY_UNIT, ratio, seconds, write

from staanet.audio.files import write as write_audio
from staanet.core.memory import keep_freed_memory
from staanet.corpora import Corpus, Folder
from staanet.corpora.base import Samples, Utterance, Validation
from staanet.data import Dataset, prepare
from staanet.data import dataset as dataset_module

RATE, CLIPS, BATCH = 16_000, 10_000, 64
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 4 * RATE).astype(np.float32)


@dataclass(frozen=True)
class NoiseCorpus(Corpus):
    """A corpus of noise clips that are one to three seconds long."""

    name, licence, citation, on_disk = "many", "CC0-1.0", "none", False

    def labels(self, _: Path) -> tuple[str, ...]:
        return tuple("abcd")

    def validate(self, _: Path) -> Validation:
        return Validation(
            [Utterance(f"{n:05d}", "", "abcd"[n % 4], f"s{n % 40:02d}", statement="text") for n in range(CLIPS)]
        )

    def read(self, _: Path, utterance: Utterance) -> tuple[Samples, int]:
        return NOISE[: RATE + int(utterance.id) * 7919 % (2 * RATE), None], RATE


def epochs(folder: str) -> None:
    """Print the largest memory of this process, in GB, after one epoch and after three."""
    keep_freed_memory()
    dataset, order = Dataset(folder), random.Random(0)
    for epoch in range(3):
        clips = list(dataset.utterances)
        order.shuffle(clips)
        for start in range(0, CLIPS, BATCH):
            dataset.batch(clips[start : start + BATCH])
        if epoch != 1:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEMORY_UNIT)


def measure_dataset(folder: Path) -> None:
    prepare(NoiseCorpus(), folder, folder / "dataset")
    opening = statistics.median(seconds(lambda: Dataset(folder / "dataset")) for _ in range(9))
    write("dataset_open", "opening a dataset of 10 000 clips, at most", 0.2, opening, "seconds")
    keep_freed_memory()
    dataset, order = Dataset(folder / "dataset"), random.Random(0)
    batches = [order.sample(list(dataset.utterances), BATCH) for _ in range(101)]
    dataset.batch(batches.pop())
    took = statistics.median(seconds(partial(dataset.batch, clips)) for clips in batches)
    write("dataset_batch", "a batch of 64 random clips of 1 to 3 s, at most", 5.0, 1000 * took, "milliseconds")
    command = [sys.executable, __file__, str(folder / "dataset")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, third = map(float, done.stdout.split())
    write("dataset_memory", "memory that two more epochs add, at most", 0.05, third - first, "GB")


def measure_prepare(folder: Path) -> None:
    for number in range(120):
        clip = np.resize(NOISE, (3 * 48_000, 2))
        write_audio(folder / "corpus" / "ab"[number % 2] / f"s{number % 10}-{number}.flac", clip, 48_000)

    def workers(count: int) -> float:
        with patch.object(dataset_module, "ThreadPoolExecutor", partial(ThreadPoolExecutor, count)):
            return seconds(lambda: prepare(Folder(), folder / "corpus", folder / f"by_{count}"))

    measured = ratio(partial(workers, 1), partial(workers, 2), repeats=3)
    write("prepare", "prepare with two workers against one, stereo FLAC at 48 kHz", 1.6, measured, "times faster")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        measure_dataset(Path(name))
        measure_prepare(Path(name))


if __name__ == "__main__":
    epochs(sys.argv[1]) if len(sys.argv) > 1 else main()
