import torch

from staanet.attacks.components.box import Box
from staanet.core.budget import Budget
from staanet.core.seeds import ClipRandom

WAVEFORMS, LENGTHS = torch.tensor([[0.5, 0.95, -1.0, 0.3], [0.0, 0.2, 0.0, 0.0]]), torch.tensor([4, 2])
BOX = Box.of(Budget(epsilon=0.1, sparsity=0.5), lambda x, n: x, WAVEFORMS, LENGTHS)  # noqa: ARG005


def test_is_bounded_by_epsilon_the_model_and_the_length_of_the_clip():
    torch.testing.assert_close(BOX.low, torch.tensor([[-0.1, -0.1, 0.0, -0.1], [-0.1, -0.1, 0.0, 0.0]]))
    torch.testing.assert_close(BOX.high, torch.tensor([[0.1, 0.05, 0.1, 0.1], [0.1, 0.1, 0.0, 0.0]]))
    assert BOX.counts.tolist() == [2, 1]
    torch.testing.assert_close(BOX.epsilon, torch.full((2, 1), 0.1))


def test_gain_considers_how_far_a_sample_can_move():
    gradients = torch.tensor([[1.0, 1.5, -9.0, -1.0], [-1.0, 2.0, 9.0, 9.0]])
    assert BOX.top_by_gain(gradients).tolist() == [[True, False, False, True], [False, True, False, False]]


def test_a_restricted_box_allows_no_change_elsewhere():
    mask = torch.tensor([[True, False, True, False], [False, True, False, True]])
    restricted = BOX.restricted_to(mask)
    assert torch.equal(restricted.clamp(torch.ones(2, 4)), BOX.high * mask)
    assert torch.equal(restricted.epsilon, BOX.epsilon)


def test_rows_select_clips_and_uniform_draws_lie_inside():
    assert all(torch.equal(part, whole[1:]) for part, whole in zip(BOX.rows(torch.tensor([1])), BOX, strict=True))
    draws = BOX.uniform(ClipRandom(0, WAVEFORMS, LENGTHS))
    assert torch.equal(BOX.clamp(draws), draws)
    assert (draws[BOX.high > BOX.low] != 0).all()
