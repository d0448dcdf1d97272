import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from staanet.core.errors import StaanetError
from staanet.core.waveforms import check_waveforms, kth_largest, top_positions, valid_samples


@given(
    rows=st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=1, max_size=4),
    counts=st.lists(st.integers(0, 8), min_size=4, max_size=4),
    allowed=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=4, max_size=4),
)
def test_top_positions_are_as_many_as_asked_and_none_skipped_is_higher(rows, counts, allowed):
    scores = torch.tensor(rows, dtype=torch.float32)
    counts, allowed = torch.tensor(counts[: len(rows)]), torch.tensor(allowed[: len(rows)])
    chosen = top_positions(scores, counts, allowed)
    assert not (chosen & ~allowed).any()
    for row, picked, may, count in zip(scores, chosen, allowed, counts, strict=True):
        assert int(picked.sum()) == min(int(count), int(may.sum()))
        rest = row[may & ~picked]
        if len(rest) and picked.any():
            assert row[picked].min() >= rest.max()


@given(
    rows=st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=9), min_size=1, max_size=5),
    counts=st.lists(st.integers(1, 9), min_size=5, max_size=5),
    padding=st.integers(0, 4),
)
def test_the_kth_largest_of_every_clip_is_that_of_a_sort(rows, counts, padding):
    lengths = torch.tensor([len(row) for row in rows])
    values = torch.full((len(rows), int(lengths.max()) + padding), 2.0)  # what stands beyond a clip does not count
    for row, clip in zip(values, rows, strict=True):
        row[: len(clip)] = torch.tensor(clip, dtype=torch.float32)
    ranks = torch.minimum(torch.tensor(counts[: len(rows)]), lengths)
    expected = [sorted(clip, reverse=True)[rank - 1] for clip, rank in zip(rows, ranks.tolist(), strict=True)]
    assert kth_largest(values, ranks, lengths)[:, 0].tolist() == expected


def test_valid_samples_are_those_before_each_length():
    mask = valid_samples(torch.tensor([0, 2, 4]), 4).numpy()
    assert np.array_equal(mask.sum(1), [0, 2, 4])
    assert np.array_equal(mask, np.arange(4) < np.array([[0], [2], [4]]))


@pytest.mark.parametrize(
    ("waveforms", "lengths", "message"),
    [
        (torch.zeros(3), None, r"expected waveforms \[B, T\], got \[3\]$"),
        (torch.zeros(2, 1, 3), None, r"got \[2, 1, 3\]; drop the channel with .squeeze\(1\)"),
        (torch.zeros(2, 3, dtype=torch.int16), None, "floating-point waveforms, got torch.int16"),
        (torch.zeros(2, 0), None, "clips of one sample or more, got empty ones"),
        (torch.tensor([[0.0, float("nan")]]), None, "finite waveforms, got NaN"),
        (torch.tensor([[0.0, -torch.inf]]), torch.tensor([1]), "finite waveforms, got NaN"),
        (torch.zeros(2, 3), torch.tensor([3]), r"integer lengths \[2\], got torch.int64 \[1\]"),
        (torch.zeros(2, 3), torch.tensor([3.0, 3.0]), r"integer lengths \[2\], got torch.float32"),
        (torch.zeros(2, 3), torch.tensor([3, 4]), r"lengths in 1..3, got 3..4"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), r"lengths in 1..3, got 0..3"),
        (torch.tensor([[0.0, 1.5]]), None, r"samples in \[-1, 1\], got \[0, 1.5\]; divide by the peak"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([1]), "zeros beyond each clip's length"),
    ],
)
def test_waveforms_that_break_the_contract_are_refused(waveforms, lengths, message):
    with pytest.raises(StaanetError, match=message):
        check_waveforms(waveforms, lengths)


def test_waveforms_within_the_contract_come_back_with_their_lengths():
    lengths = torch.tensor([1, 2])
    assert check_waveforms(torch.tensor([[0.5, 0.0], [1.0, -1.0]]), lengths) is lengths
    assert check_waveforms(torch.full((1, 2), 80.0), None, bounds=(-100, 100)).tolist() == [2]
    assert check_waveforms(torch.zeros(0, 5)).tolist() == []
