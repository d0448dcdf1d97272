import math

import pytest
import torch

from staanet.attacks.generator.budgets import BudgetRange
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded

CLIPS, LENGTHS = torch.full((4000, 1), 0.5), torch.full((4000,), 10_000)


def test_drawn_budgets_fill_their_ranges():
    with seeded("budgets"):
        epsilon, counts = BudgetRange((10.0, 30.0), (0.01, 0.1)).draw(CLIPS, LENGTHS)
    snr_db, shares = 20 * (0.5 / epsilon).log10(), counts / LENGTHS
    assert 10 - 1e-4 <= snr_db.min() < 10.1 < 29.9 < snr_db.max() <= 30 + 1e-4
    assert 0.01 <= shares.min() < 0.0102 < 0.098 < shares.max() <= 0.1
    assert float(snr_db.median()) == pytest.approx(20, abs=0.5)
    assert float(shares.median()) == pytest.approx(math.sqrt(0.01 * 0.1), rel=0.05)  # log-uniform


def test_a_clip_of_few_samples_may_change_at_one():
    _, counts = BudgetRange().draw(torch.ones(3, 2), torch.tensor([2, 1, 2]))
    assert counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(snr_db=17.0, sparsity=0.12), None),
        (Budget(snr_db=12.0, sparsity=0.15), None),
        (Budget(epsilon=0.05, sparsity=0.12), None),
        (Budget(epsilon=0.0, sparsity=0.12), None),
        (Budget(snr_db=17.0, sparsity=0.001), "a sparsity of 0.005 to 0.15, got 0.001; the nearest is 0.005"),
        (Budget(snr_db=40.0, sparsity=0.1), "changes of 12 to 30 dB below the peak, got 40; the nearest is 30"),
        (Budget(epsilon=0.5, sparsity=0.1), "changes of 12 to 30 dB below the peak, got 0; the nearest is 12"),
        (Budget(epsilon=0.5 / 10**1.75), "got 35; the nearest is 30"),
        (Budget(snr_db=3.0), "got 1; the nearest is 0.15, and changes of 12 to 30 dB below the peak, got 3"),
    ],
)
def test_a_budget_outside_the_ranges_is_told_with_the_nearest(budget, told):
    unseen = BudgetRange().unseen(budget, CLIPS[:2])
    assert unseen is None if told is None else told in unseen


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        ({"snr_db": (20.0, 10.0)}, "snr_db as a range"),
        ({"sparsity": (0.0, 0.1)}, "sparsity as a range"),
        ({"sparsity": (1.0, 15.0)}, "not percentages"),
    ],
)
def test_ranges_that_are_none_are_refused(ranges, told):
    with pytest.raises(StaanetError, match=told):
        BudgetRange(**ranges)


def test_an_epsilon_that_fits_no_clip_is_told_with_the_range_of_all():
    clips = torch.tensor([[1.0], [0.1], [0.01]])
    told = BudgetRange().unseen(Budget(epsilon=0.1, sparsity=0.1), clips)
    assert told == "changes of 12 to 30 dB below the peak, got -20 to 20; the nearest is 12 to 20"
