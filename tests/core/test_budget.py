import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, StaanetWarning


@st.composite
def clips(draw):
    rows = draw(st.integers(1, 4))
    size = draw(st.integers(1, 40))
    numbers = hnp.arrays(np.float32, (rows, size), elements=st.floats(-1, 1, width=32))
    # a few values only, so that ties are common
    ties = hnp.arrays(np.float32, (rows, size), elements=st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5]))
    waveforms = draw(numbers)
    perturbations = draw(st.one_of(numbers, ties))
    lengths = np.array(draw(st.lists(st.integers(1, size), min_size=rows, max_size=rows)))
    waveforms[np.arange(size) >= lengths[:, None]] = 0
    return torch.from_numpy(waveforms), torch.from_numpy(perturbations), torch.from_numpy(lengths)


def test_epsilon_is_the_same_for_every_clip():
    epsilon, _ = Budget(epsilon=0.03).resolve(torch.tensor([[0.5, 0.1], [0.0, 0.0]]), torch.tensor([2, 2]))
    assert torch.equal(epsilon, torch.tensor([[0.03], [0.03]]))


@pytest.mark.parametrize(("snr_db", "share"), [(0, 1.0), (20, 0.1), (17, 0.1412537545), (-6.0206, 2.0)])
def test_snr_db_is_relative_to_each_clips_own_peak(snr_db, share):
    waveforms = torch.tensor([[0.1, -0.8, 0.3], [0.05, 0.0, 0.0], [0.0, 0.0, 0.0]])
    epsilon, _ = Budget(snr_db=snr_db).resolve(waveforms, torch.tensor([3, 3, 3]))
    assert epsilon[:, 0].numpy() == pytest.approx(np.array([0.8, 0.05, 0.0]) * share, rel=1e-5)


@given(hundredths=st.integers(1, 100), length=st.integers(1, 200_000))
def test_count_is_the_floor_of_the_share_in_exact_arithmetic(hundredths, length):
    budget = Budget(epsilon=0.1, sparsity=hundredths / 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        _, counts = budget.resolve(torch.zeros(1, 1), torch.tensor([length]))
    assert int(counts) == max(1, int(Fraction(hundredths, 100) * length))


@pytest.mark.parametrize("hundredths", range(1, 101))
def test_a_share_that_is_a_whole_number_of_samples_loses_none_to_rounding(hundredths):
    lengths = torch.arange(100, 200_001, 100)
    _, counts = Budget(epsilon=0.1, sparsity=hundredths / 100).resolve(torch.zeros(len(lengths), 1), lengths)
    assert torch.equal(counts, hundredths * lengths // 100)


def test_less_than_one_sample_is_reported_and_becomes_one():
    with pytest.warns(StaanetWarning, match="less than one sample of a clip of 50 samples") as caught:
        _, counts = Budget(epsilon=0.1, sparsity=0.01).resolve(torch.zeros(2, 200), torch.tensor([200, 50]))
    assert counts.tolist() == [2, 1]
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)


def test_nothing_is_reported_if_every_clip_has_a_sample():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Budget(epsilon=0.1, sparsity=0.01).resolve(torch.zeros(2, 200), torch.tensor([200, 100]))


def test_clamp_keeps_the_largest_changes():
    perturbations = torch.tensor([[0.1, -0.4, 0.2, -0.3, 0.0]])
    kept = Budget(epsilon=0.25, sparsity=0.6).clamp(perturbations, torch.zeros(1, 5), torch.tensor([5]))
    assert torch.allclose(kept, torch.tensor([[0.0, -0.25, 0.2, -0.25, 0.0]]))


@given(
    clips=clips(), epsilon=st.sampled_from([0.0, 0.1, 0.25, 0.5, 2.0]), sparsity=st.sampled_from([0.01, 0.3, 0.5, 1])
)
@pytest.mark.filterwarnings("ignore::staanet.core.errors.StaanetWarning")
def test_clamp_holds_the_budget_and_keeps_as_many_of_the_largest_as_it_allows(clips, epsilon, sparsity):
    waveforms, perturbations, lengths = clips
    kept = Budget(epsilon=epsilon, sparsity=sparsity).clamp(perturbations, waveforms, lengths).numpy()
    for row, given_row, length in zip(kept, perturbations.numpy(), lengths.tolist(), strict=True):
        count = max(1, int(Fraction(str(sparsity)) * length))
        wanted = np.sort(np.abs(np.clip(given_row[:length], -epsilon, epsilon)))[::-1][:count]
        assert np.abs(row).max() <= epsilon + 1e-6
        assert not row[length:].any()
        assert np.count_nonzero(row) == np.count_nonzero(wanted)
        assert np.sort(np.abs(row[:length]))[::-1][:count] == pytest.approx(wanted, abs=1e-6)
        changed = row != 0
        assert row[changed] == pytest.approx(np.clip(given_row[changed], -epsilon, epsilon), abs=1e-6)


@given(clips=clips(), snr_db=st.sampled_from([0, 3, 17, 40]))
def test_clamp_within_an_snr_never_exceeds_the_clips_share_of_its_peak(clips, snr_db):
    waveforms, perturbations, lengths = clips
    kept = Budget(snr_db=snr_db).clamp(perturbations, waveforms, lengths)
    allowed = waveforms.abs().amax(1).double() * 10 ** (-snr_db / 20)
    assert (kept.abs().amax(1) <= allowed + 1e-6).all()


def test_what_already_fits_comes_back_bit_for_bit():
    perturbations = torch.rand(3, 100) * 0.2 - 0.1
    kept = Budget(epsilon=0.1).clamp(perturbations, torch.zeros(3, 100), torch.tensor([100, 100, 100]))
    assert torch.equal(kept, perturbations)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "one of epsilon and snr_db"),
        ({"epsilon": 0.1, "snr_db": 17}, "one of epsilon and snr_db"),
        ({"epsilon": -0.1}, "epsilon of 0 or more, got -0.1"),
        ({"epsilon": float("nan")}, "epsilon of 0 or more, got nan"),
        ({"epsilon": float("inf")}, "epsilon of 0 or more, got inf"),
        ({"snr_db": float("nan")}, "snr_db as a finite number"),
        ({"snr_db": float("-inf")}, "snr_db as a finite number"),
        ({"epsilon": 0.1, "sparsity": 0.0}, "sparsity in .0, 1., got 0.0"),
        ({"epsilon": 0.1, "sparsity": 12}, "sparsity in .0, 1., got 12; it is a share, not a percentage"),
        ({"epsilon": 0.1, "sparsity": float("nan")}, "sparsity in .0, 1., got nan"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(settings, message):
    with pytest.raises(StaanetError, match=message):
        Budget(**settings)
