import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from staanet.core.errors import StaanetError
from staanet.core.types import (
    as_classifier,
    bounds_of,
    check_waveforms,
    frozen,
    margin,
    top_positions,
    valid_samples,
)


@given(
    rows=st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=1, max_size=4),
    counts=st.lists(st.integers(0, 8), min_size=4, max_size=4),
    allowed=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=4, max_size=4),
)
def test_top_positions_are_as_many_as_asked_and_none_left_out_is_higher(rows, counts, allowed):
    scores = torch.tensor(rows, dtype=torch.float32)
    counts, allowed = torch.tensor(counts[: len(rows)]), torch.tensor(allowed[: len(rows)])
    chosen = top_positions(scores, counts, allowed)
    assert not (chosen & ~allowed).any()
    for row, picked, may, count in zip(scores, chosen, allowed, counts, strict=True):
        assert int(picked.sum()) == min(int(count), int(may.sum()))
        rest = row[may & ~picked]
        if len(rest) and picked.any():
            assert row[picked].min() >= rest.max()


def test_margin_is_negative_exactly_where_another_class_is_decided():
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % 5
    others = np.array(
        [max(v for k, v in enumerate(row) if k != own) for row, own in zip(logits.tolist(), labels, strict=True)]
    )
    expected = logits.numpy()[np.arange(200), labels.numpy()] - others
    assert margin(logits, labels).numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(margin(logits, labels) < 0, logits.argmax(1) != labels)


def test_valid_samples_are_those_before_each_length():
    mask = valid_samples(torch.tensor([0, 2, 4]), 4).numpy()
    assert np.array_equal(mask.sum(1), [0, 2, 4])
    assert np.array_equal(mask, np.arange(4) < np.array([[0], [2], [4]]))


class WithLengths(nn.Module):
    def forward(self, waveforms, lengths=None):
        return waveforms.sum(1, keepdim=True) + (0 if lengths is None else lengths[:, None])


class WaveformsOnly(nn.Module):
    bounds = (0.0, 2.0)

    def forward(self, waveforms):
        return waveforms.sum(1, keepdim=True)


def test_a_model_that_takes_lengths_is_given_them():
    model = WithLengths()
    assert as_classifier(model) is model
    assert as_classifier(lambda x, n: x[:, :1] * n[:, None])(torch.ones(1, 3), torch.tensor([7])).item() == 7


def test_a_model_of_waveforms_only_is_wrapped_and_keeps_its_bounds():
    model = as_classifier(WaveformsOnly())
    assert model(torch.ones(1, 4), torch.tensor([4])).item() == 4
    assert bounds_of(model) == (0.0, 2.0)
    assert bounds_of(as_classifier(lambda x: x)) == (-1.0, 1.0)


def test_a_builtin_without_a_signature_is_taken_as_a_function_of_waveforms():
    assert torch.equal(
        as_classifier(torch.relu)(torch.tensor([[-1.0, 2.0]]), torch.tensor([2])), torch.tensor([[0.0, 2.0]])
    )


def fails_within(model):
    with frozen(model):
        raise RuntimeError("inside")


def test_frozen_gives_every_part_back_as_it_came():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    model[1].eval()
    model[0].bias.requires_grad_(False)
    with frozen(as_classifier(model)):
        assert not any(part.training for part in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
    assert [part.training for part in model] == [True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]
    with pytest.raises(RuntimeError, match="inside"):
        fails_within(model)
    assert [part.training for part in model] == [True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]


@pytest.mark.parametrize(
    ("waveforms", "lengths", "message"),
    [
        (torch.zeros(3), None, r"expected waveforms \[B, T\], got \[3\]$"),
        (torch.zeros(2, 1, 3), None, r"got \[2, 1, 3\]; drop the channel with .squeeze\(1\)"),
        (torch.zeros(2, 3, dtype=torch.int16), None, "floating-point waveforms, got torch.int16"),
        (torch.zeros(2, 0), None, "clips of one sample or more, got none"),
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
