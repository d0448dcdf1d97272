import pytest
import torch
from torch import nn

from attacks.bridges.helpers import SIZE
from staanet.core.seeds import seeded
from staanet.models import create_model


@pytest.fixture(scope="module")
def model():
    with seeded("victim"):
        return nn.Sequential(nn.Linear(SIZE, 32), nn.Tanh(), nn.Linear(32, 4)).eval()


@pytest.fixture(scope="module")
def recurrent():
    """A model with an LSTM, for whose gradients cuDNN needs the training mode."""
    with seeded("victim"):
        return create_model("zhao19", labels="abcd", seconds=SIZE / 16_000)


@pytest.fixture(scope="module")
def clips(model):
    """Clips of one length, and the predictions of the model."""
    with seeded("clips"):
        waveforms = torch.rand(8, SIZE) - 0.5
    return waveforms, model(waveforms).argmax(1)


@pytest.fixture(scope="module")
def others(model, clips):
    """The second most likely classes."""
    logits = model(clips[0]).detach()
    return logits.scatter(1, clips[1][:, None], -torch.inf).argmax(1)
