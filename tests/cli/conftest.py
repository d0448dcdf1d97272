import logging
import sys
import warnings

import pytest
import soundfile

from staanet import cli, tasks
from staanet.cli.options import parsed
from staanet.core.provenance import best_device
from staanet.corpora import Synthetic
from staanet.data import Dataset, prepare


@pytest.fixture
def staanet(capsys, monkeypatch):
    """Run the command line in this process: `staanet("list", "models")` gives status, stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["staanet", *map(str, arguments)])
        handlers, level, wording = logging.root.handlers[:], logging.root.level, warnings.formatwarning
        logging.root.handlers.clear()
        try:
            cli.main()
            status = 0
        except SystemExit as leaving:
            status = int(leaving.code or 0)
        finally:
            logging.captureWarnings(False)
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)
            warnings.formatwarning = wording
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Six speakers, four emotions, one short sentence."""
    folder = tmp_path_factory.mktemp("prepared") / "dataset"
    prepare(Synthetic(speakers=6, sentences=1, seconds=(0.5, 0.6)), folder, folder)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory, dataset):
    """A model, hardly trained."""
    folder = tmp_path_factory.mktemp("models") / "zhao19"
    training = parsed(["epochs=1"])
    tasks.train("zhao19", dataset, folder, seconds=0.2, training=training, seed=0, device=best_device())
    return folder


@pytest.fixture(scope="session")
def generator(tmp_path_factory, dataset, model):
    """A generator, hardly trained."""
    folder = tmp_path_factory.mktemp("generators") / "compact"
    sizes, training = {"widths": (4, 8)}, {"epochs": 1}
    tasks.fit("compact", model, dataset, folder, sizes=sizes, training=training, seed=0, device=best_device())
    return folder


@pytest.fixture
def clips(tmp_path, dataset):
    """A folder with a WAV of one channel and a FLAC of two at another rate."""
    prepared = Dataset(dataset)
    first, second = (prepared.waveform(clip).numpy() for clip in list(prepared.utterances)[:2])
    folder = tmp_path / "clips"
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "one.wav", first, 16_000, subtype="PCM_16")
    both = 0.8 * second[:, None].repeat(2, axis=1)
    both[100:, 1] = both[:-100, 0]
    soundfile.write(folder / "deep" / "two.flac", both, 22_050, subtype="PCM_16")
    return folder
