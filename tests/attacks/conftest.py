import pytest
import torch
from torch import nn
from torch.nn import functional

from attacks.linear import SIZE as LINEAR_SIZE
from attacks.oracles import CLASSES, SIZE, SPARSE_CLIPS, CountingNetwork, tones
from attacks.queries import SIZE as QUERY_SIZE
from staanet.core.seeds import seeded
from staanet.models import create_model


@pytest.fixture
def waveforms():
    """Clips for the linear models of known answers, [16, 640]."""
    with seeded("clips"):
        return torch.rand(16, LINEAR_SIZE) - 0.5


@pytest.fixture
def copies():
    """Eight copies of one clip, [8, 64], each slightly different, so that each has its own random stream."""
    with seeded("clips"):
        clip = torch.rand(1, QUERY_SIZE) - 0.5
        return clip + 1e-6 * torch.randn(8, QUERY_SIZE)


@pytest.fixture
def small_model():
    """A model of three classes for the padded clips of the fixture `clips`."""
    with seeded("victim"):
        return create_model("zhao19", labels="abc", seconds=0.05)


@pytest.fixture
def tiny_linear():
    """A linear model of nine samples and three classes."""
    with seeded("weights"):
        weights = torch.randn(9, 3)
    return lambda waveforms: waveforms @ weights


@pytest.fixture
def tiny_waveforms():
    """Clips for `tiny_linear`, [2, 9]."""
    with seeded("clips"):
        return torch.rand(2, 9) * 0.2


@pytest.fixture(scope="session")
def tone_model():
    """A small convolutional network, trained on tones."""
    with seeded("victim"):
        network = nn.Sequential(
            nn.Unflatten(1, (1, SIZE)),
            nn.Conv1d(1, 8, 15, stride=4),
            nn.ELU(),
            nn.Conv1d(8, 16, 9, stride=4),
            nn.ELU(),
            nn.AdaptiveAvgPool1d(4),
            nn.Flatten(),
            nn.Linear(64, CLASSES),
        )
        waveforms, labels = tones(256)
        optimiser = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(60):
            optimiser.zero_grad()
            functional.cross_entropy(network(waveforms), labels).backward()
            optimiser.step()
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tone_clips(tone_model):
    """Tones, [40, 256], and what the model predicts for them."""
    with seeded("clips"):
        waveforms, labels = tones(40)
    predicted = tone_model(waveforms).argmax(1)
    assert (predicted == labels).float().mean() > 0.8
    return waveforms, predicted


@pytest.fixture
def art_model(tone_model):
    estimators = pytest.importorskip("art.estimators.classification")
    return estimators.PyTorchClassifier(
        tone_model, nn.CrossEntropyLoss(), (SIZE,), CLASSES, clip_values=(-1, 1), device_type="cpu"
    )


@pytest.fixture
def foolbox_model(tone_model):
    return pytest.importorskip("foolbox").PyTorchModel(tone_model, bounds=(-1, 1))


@pytest.fixture
def mlp():
    """A random network of 256 samples and four classes."""
    with seeded("victim"):
        layers = nn.Sequential(nn.Linear(SIZE, 32), nn.Tanh(), nn.Linear(32, 4))
    return layers.requires_grad_(False).eval()


@pytest.fixture
def mlp_clips():
    """Clips for `mlp`, [48, 256]."""
    with seeded("clips"):
        return torch.rand(SPARSE_CLIPS, SIZE) - 0.5


@pytest.fixture
def counting_network():
    return CountingNetwork().eval().requires_grad_(False)


@pytest.fixture
def counting_clips():
    """Clips for `counting_network`, [12, 128]."""
    with seeded("clips"):
        return torch.rand(12, CountingNetwork.SIZE) - 0.5
