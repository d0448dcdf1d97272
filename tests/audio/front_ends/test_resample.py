import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staanet.audio.front_ends import Resample
from staanet.core.errors import StaanetError

RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@given(orig_sr=st.sampled_from(RATES), target_sr=st.sampled_from(RATES), size=st.integers(1, 2000))
@settings(max_examples=25, deadline=None)
def test_it_is_scipys(orig_sr, target_sr, size):
    clip = np.random.default_rng(0).uniform(-1, 1, size)
    common = np.gcd(orig_sr, target_sr)
    theirs = scipy.signal.resample_poly(clip, target_sr // common, orig_sr // common)
    ours = Resample(orig_sr=orig_sr, target_sr=target_sr)(torch.from_numpy(clip).float()[None])[0].numpy()
    assert ours.shape == theirs.shape
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_the_gradient_is_the_numerical_one():
    clip = torch.randn(2, 50, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Resample(orig_sr=8_000, target_sr=12_000).double(), clip)


def test_the_same_rate_changes_nothing():
    clip = torch.randn(1, 50)
    assert torch.equal(Resample(orig_sr=16_000, target_sr=16_000)(clip), clip)


@pytest.mark.parametrize("rate", [0, -1, 16_000.5, "16000"])
def test_a_rate_that_is_not_a_whole_number_raises(rate):
    with pytest.raises(StaanetError, match="sampling rates in Hz as whole numbers"):
        Resample(orig_sr=rate, target_sr=16_000)
