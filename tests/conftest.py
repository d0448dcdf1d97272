import os
from pathlib import Path

import pytest
import torch

from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.data import by_speaker, prepare


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def no_power_cuts():
    """Spare the wait for the disk at every written file, which is for power cuts only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("staanet.core.atomic._sync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep hashes of files out of the user's folder for caches."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("cache") / "file-hashes.sqlite"
        patch.setattr("staanet.core.fingerprints.default_path", lambda: path)
        yield


@pytest.fixture
def clips():
    """Three clips of different lengths, padded: waveforms [3, 900], lengths [3], labels [3]."""
    with seeded("clips"):
        waveforms = torch.rand(3, 900) * 1.6 - 0.8
    lengths = torch.tensor([900, 641, 700])
    waveforms[torch.arange(900) >= lengths[:, None]] = 0
    return waveforms, lengths, torch.tensor([0, 1, 2])


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Six speakers, four emotions, one short sentence."""
    corpus = Synthetic(speakers=6, sentences=1, seconds=(0.5, 0.6))
    return prepare(corpus, Path(), tmp_path_factory.mktemp("datasets") / "synthetic")


@pytest.fixture(scope="session")
def split(dataset):
    return by_speaker(list(dataset.utterances.values()))


def real(name):
    folder = Path(os.environ.get("STAANET_CORPORA", "")) / name
    if not os.environ.get("STAANET_CORPORA") or not folder.is_dir():
        pytest.skip(f"set STAANET_CORPORA to the folder that holds {name}")
    return folder


@pytest.fixture
def emodb():
    return real("emodb")


@pytest.fixture
def ravdess():
    return real("ravdess")
