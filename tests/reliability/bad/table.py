"""All bad inputs, and the good inputs with which each reader must still work."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import h5py
import soundfile

from reliability.bad import hdf5, served, sounds, stored, texts
from reliability.bad.case import Case
from staanet.assessment import verdict
from staanet.assessment.settings import Curves
from staanet.corpora import Folder, Hdf5
from staanet.corpora.label_maps import read_label_map
from staanet.data import Dataset
from staanet.models import load_model
from staanet.study import load


def cases() -> list[Case]:
    """Return all bad inputs."""
    return list(
        chain(
            texts.experiments(),
            texts.thresholds(),
            texts.tables(),
            texts.label_maps(),
            texts.results(),
            stored.datasets(),
            stored.models(),
            stored.sets(),
            stored.runs(),
            hdf5.files(),
            sounds.files(),
            served.http(),
            served.commands(),
        )
    )


def good() -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Yield the inputs from which the bad ones are made, each with what reads it and returns something."""

    def experiment(folder: Path) -> object:
        (folder / "good.toml").write_text(texts.EXPERIMENT)
        return load(folder / "good.toml")[1].attack_plans

    def thresholds(folder: Path) -> object:
        (folder / "good.toml").write_text('[accuracy_robust]\nleast = 0.5\nreason = "agreed"\n')
        return verdict.parsed(["accuracy_clean=0.5"], folder / "good.toml", Curves())

    def table(folder: Path) -> object:
        for stem in "abc":
            soundfile.write(folder / f"{stem}.wav", sounds.SPEECH, sounds.RATE)
        (folder / "metadata.csv").write_text(texts.GOOD)
        found = Folder().validate(folder)
        return len(found.utterances) == 3 and not found.problems

    def clips(folder: Path) -> object:
        with h5py.File(folder / "good.h5", "w") as file:
            file["x_org"], file["y"] = hdf5.CLIPS, [0, 1, 0, 1]
        return len(Hdf5().validate(folder / "good.h5").utterances) == 4

    yield "experiment file", experiment
    yield "thresholds", thresholds
    yield "metadata table", table
    yield "HDF5", clips
    yield "dataset", lambda _: stored._read_all(stored.prepared()) and len(Dataset(stored.prepared())) == 24
    yield "checkpoint", lambda _: load_model(stored.checkpoint())
    yield "label map", lambda _: read_label_map("ang=anger")
    yield "HTTP card", lambda _: served.read_card({"labels": ["a", "b"], "sample_rate": 16_000, "version": "1"})
    yield "HTTP answer", lambda _: served.logits_of({"logits": [[1, 2, 3]]}, 1, served.LABELS).tolist()
