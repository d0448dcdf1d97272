import pytest
import torch

from staanet.attacks.components.best_so_far import BestSoFar
from staanet.attacks.components.sparse import l0_norm, prune

WAVEFORMS, LABELS, LENGTHS = torch.zeros(2, 3), torch.tensor([0, 0]), torch.tensor([3, 3])


def model(waveforms, lengths):  # noqa: ARG001
    """The second of two classes wins if the samples sum to more than 1."""
    sums = waveforms.sum(1)
    return torch.stack([torch.ones_like(sums), sums], 1)


def test_prefers_success_and_then_the_objective():
    best = BestSoFar(model, WAVEFORMS, LABELS, LENGTHS, "margin")
    best.evaluate(torch.tensor([[0.5, 0.0, 0.0], [2.0, 0.0, 0.0]]))
    assert best.succeeded.tolist() == [False, True]
    best.evaluate(torch.tensor([[0.2, 0.0, 0.0], [3.0, 0.0, 0.0]]))
    assert best.perturbations[:, 0].tolist() == [0.5, 3.0]
    best.evaluate(torch.tensor([[-9.0, 0.0, 0.0]]), torch.tensor([1]))
    assert best.adversarial[:, 0].tolist() == [0.5, 3.0]


def test_prefers_the_smaller_of_two_that_succeed_if_there_is_a_size():
    best = BestSoFar(model, WAVEFORMS, LABELS, LENGTHS, "margin", size=l0_norm)
    best.evaluate(torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 0.0]]))
    best.evaluate(torch.tensor([[2.0, 0.0, 0.0], [9.0, 9.0, 9.0]]))
    assert l0_norm(best.perturbations).tolist() == [1, 2]


def ternary(waveforms, lengths):  # noqa: ARG001
    """The second of three classes wins if the samples sum to more than 1."""
    sums = waveforms.sum(1)
    return torch.stack([torch.ones_like(sums), sums, -torch.ones_like(sums)], 1)


def test_prefers_a_clear_success_to_a_smaller_one_on_the_boundary():
    best = BestSoFar(ternary, WAVEFORMS, LABELS, LENGTHS, "margin", size=l0_norm)
    best.evaluate(torch.tensor([[1.0001, 0.0, 0.0], [1.0001, 0.0, 0.0]]))
    assert best.succeeded.tolist() == [False, False]
    best.evaluate(torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([1]))
    assert best.succeeded.tolist() == [False, True]
    assert l0_norm(best.perturbations).tolist() == [1, 2]
    best.evaluate(torch.tensor([[1.0001, 0.0, 0.0]]), torch.tensor([1]))
    assert l0_norm(best.perturbations).tolist() == [1, 2]


def test_keeps_a_success_on_the_boundary_from_a_higher_objective_without_success():
    def model(waveforms, lengths):  # noqa: ARG001
        """The third class has the second-highest logit, unless the first sample is small."""
        first = waveforms[:, 0]
        third = torch.where(first < 0.5, 0.99, -1.0)
        second = torch.where(first < 0.5, 0.99, 1.00005)
        return torch.stack([torch.ones_like(first), second, third], 1)

    best = BestSoFar(model, WAVEFORMS, LABELS, LENGTHS, "cross_entropy")
    best.evaluate(torch.tensor([[0.9, 0.0, 0.0], [0.9, 0.0, 0.0]]))
    before = best.values.clone()
    best.evaluate(torch.zeros(2, 3))
    assert best.perturbations[:, 0].tolist() == pytest.approx([0.9, 0.9])
    assert torch.equal(best.values, before)


@pytest.mark.parametrize("rows", [None, torch.tensor([1])])
def test_value_and_grad_evaluates_too(rows):
    best = BestSoFar(model, WAVEFORMS, LABELS, LENGTHS, "margin")
    perturbations = torch.full((2 if rows is None else 1, 3), 0.5)
    found = best.value_and_grad(perturbations, rows)
    assert torch.equal(found.gradients, torch.ones_like(perturbations))
    assert best.succeeded.tolist() == [rows is None, True]


def test_pruning_keeps_the_fewest_changes_that_succeed():
    best = BestSoFar(model, WAVEFORMS, LABELS, LENGTHS, "margin", size=l0_norm)
    best.evaluate(torch.tensor([[0.9, 0.1, 0.2], [0.1, 0.2, 0.3]]))
    prune(best, LABELS)
    torch.testing.assert_close(best.perturbations[0], torch.tensor([0.9, 0.0, 0.2]))
    torch.testing.assert_close(best.perturbations[1], torch.tensor([0.1, 0.2, 0.3]))
