import pytest
import torch

from linear import SIZE
from staanet.core.seeds import seeded


@pytest.fixture
def waveforms():
    with seeded("clips"):
        return torch.rand(16, SIZE) - 0.5
