"""Training of one model from the command line's function."""

import pytest
import torch

import staanet
from staanet import tasks
from staanet.core.errors import StaanetError
from staanet.core.files import read_json

SMALL = {"bands": 32, "n_fft": 256, "hop": 128}


def trained(dataset, out, **settings):
    how = {"seconds": 0.3, "training": {"epochs": 1}, "seed": 0, "device": torch.device("cpu"), **settings}
    return tasks.train("cnn_lstm", dataset.folder, out, **how)


def test_settings_of_the_model_are_those_of_the_checkpoint(dataset, tmp_path):
    given = {"width": 8, "spectrogram": SMALL}
    trained(dataset, tmp_path / "model", model_settings=given)
    settings = staanet.load_model(tmp_path / "model").settings
    assert (settings.width, settings.spectrogram.bands) == (8, 32)
    assert read_json(tmp_path / "model" / "config.json")["made_from"]["settings"] == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": ["a", "b"]}, "got labels as a setting; leave it out"),
        ({"seconds": 1.0}, "got seconds as a setting"),
        ({"widht": 8}, "did you mean 'width'"),
    ],
)
def test_settings_that_others_decide_or_nobody_knows_are_refused_before_the_work(dataset, tmp_path, given, message):
    with pytest.raises(StaanetError, match=message):
        trained(dataset, tmp_path / "model", model_settings=given)
    assert not list(tmp_path.iterdir())
