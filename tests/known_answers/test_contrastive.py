"""A linear encoder turned as far as the budget allows: the angle is known in closed form."""

import pytest
import torch

from linear import SIZE
from staanet.attacks import create_attack
from staanet.attacks.contrastive import apart
from staanet.core.seeds import seeded

EPSILON, COUNT = 0.02, 64


class Linear:
    """Represents a clip x by (1, w . x), so that the further w . x goes, the further the direction turns."""

    def __init__(self):
        with seeded("weights"):
            self.weights = torch.randn(SIZE) / 10

    def __call__(self, waveforms):
        return waveforms[:, :2]

    def represent(self, waveforms, lengths=None):  # noqa: ARG002
        sums = waveforms @ self.weights
        return torch.stack([torch.ones_like(sums), sums], 1)


@pytest.mark.parametrize("sparsity", [COUNT / SIZE, 1.0])
def test_turns_one_way_or_the_other_as_far_as_the_budget_allows(waveforms, sparsity):
    model = Linear()
    attack = create_attack("contrastive", epsilon=EPSILON, sparsity=sparsity)
    attacked = attack(model, waveforms, torch.zeros(16, dtype=torch.int64))
    clean = waveforms @ model.weights
    reach = EPSILON * model.weights.abs().topk(round(sparsity * SIZE)).values.sum()
    found = attacked @ model.weights - clean
    assert (found.abs() >= 0.98 * reach).all()
    ends = [
        apart(torch.stack([torch.ones(16), clean + sign * reach], 1), model.represent(waveforms)) for sign in (1, -1)
    ]
    known = torch.where(found > 0, *ends)
    torch.testing.assert_close(apart(model.represent(attacked), model.represent(waveforms)), known, rtol=0.05, atol=0)
    assert len(found.sign().unique()) == 2
