import pytest
import torch

from attacks.linear import COUNT, EPSILON, SIZE
from staanet.attacks import create_attack
from staanet.attacks.contrastive import squared_distance
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.evaluation.counter import Counted, Trace
from staanet.models.wrappers import LabelView

BUDGET = {"epsilon": 0.02, "sparsity": 0.1}
ATTACK = create_attack("contrastive", steps=8, **BUDGET)


class LinearEncoder:
    """Represents a clip x by (1, w . x), so that the larger the change of w . x, the larger the angle."""

    def __init__(self):
        with seeded("weights"):
            self.weights = torch.randn(SIZE) / 10

    def __call__(self, waveforms):
        return waveforms[:, :2]

    def represent(self, waveforms, lengths=None):  # noqa: ARG002
        sums = waveforms @ self.weights
        return torch.stack([torch.ones_like(sums), sums], 1)


@pytest.mark.parametrize("sparsity", [COUNT / SIZE, 1.0])
def test_turns_as_far_as_the_budget_allows_in_either_direction(waveforms, sparsity):
    model = LinearEncoder()
    attack = create_attack("contrastive", epsilon=EPSILON, sparsity=sparsity)
    adversarial = attack(model, waveforms, torch.zeros(16, dtype=torch.int64))
    clean = waveforms @ model.weights
    reach = EPSILON * model.weights.abs().topk(round(sparsity * SIZE)).values.sum()
    found = adversarial @ model.weights - clean
    assert (found.abs() >= 0.98 * reach).all()
    before, after = model.represent(waveforms), model.represent(adversarial)
    ends = [squared_distance(torch.stack([torch.ones(16), clean + sign * reach], 1), before) for sign in (1, -1)]
    known = torch.where(found > 0, *ends)
    torch.testing.assert_close(squared_distance(after, before), known, rtol=0.05, atol=0)
    assert len(found.sign().unique()) == 2


def moved(model, waveforms, attacked, lengths):
    with torch.no_grad():
        return squared_distance(model.represent(attacked, lengths), model.represent(waveforms, lengths))


def test_labels_change_nothing(small_model, clips):
    waveforms, lengths, labels = clips
    assert torch.equal(
        ATTACK(small_model, waveforms, labels, lengths), ATTACK(small_model, waveforms, labels.flip(0), lengths)
    )


def test_goes_much_further_than_noise_and_further_with_more_steps(small_model, clips):
    model, (waveforms, lengths, labels) = small_model, clips
    noise = create_attack("noise", **BUDGET)(model, waveforms, labels, lengths)
    few = create_attack("contrastive", steps=1, **BUDGET)(model, waveforms, labels, lengths)
    distances = [moved(model, waveforms, x, lengths) for x in (noise, few, ATTACK(model, waveforms, labels, lengths))]
    assert (distances[2] > 5 * distances[0]).all()
    assert (distances[2] > 1.5 * distances[1]).all()


def test_its_cost_is_counted_and_traced_without_margins(small_model, clips):
    model, (waveforms, _, labels) = small_model, clips
    watch = Trace(waveforms[:1], labels[:1])
    counted = Counted(model, watch)
    attacked = ATTACK(counted, waveforms[:1], labels[:1])
    assert torch.equal(attacked, ATTACK(model, waveforms[:1], labels[:1]))
    assert (counted.queries, counted.gradients) == (1 + 8 + 1, 8)  # the clean clip, the steps, the last one
    assert [step["margin"] is None for step in watch.steps] == [True] * 10
    assert [step["gradient_norm"] is not None for step in watch.steps] == [False] + [True] * 8 + [False]


def test_a_view_of_some_labels_is_the_same_source(small_model, clips):
    model, (waveforms, lengths, _) = small_model, clips
    labels = torch.tensor([0, 1, 0])
    view = LabelView(model, ("c", "a"))
    assert torch.equal(ATTACK(view, waveforms, labels, lengths), ATTACK(model, waveforms, labels, lengths))


def model_with(represent=None):
    def logits(waveforms):
        return waveforms[:, :3]

    if represent:
        logits.represent = represent
    return logits


@pytest.mark.parametrize(
    ("represent", "message"),
    [
        (None, r"expected a model that can represent clips \(represent\(waveforms, lengths\) -> \[B, D\]\)"),
        (lambda x, n: x[:, None], r"representations \[3, K\] .* got torch.float32 \[3, 1, 900\]; .* mean over time"),  # noqa: ARG005
        (lambda x, n: x.detach(), "expected representations with gradients"),  # noqa: ARG005
    ],
)
@pytest.mark.parametrize("wrap", [lambda x: x, Counted], ids=["plain", "counted"])
def test_a_model_that_cannot_represent_clips_is_rejected(represent, message, wrap, clips):
    waveforms, lengths, labels = clips
    with pytest.raises(StaanetError, match=message):
        ATTACK(wrap(model_with(represent)), waveforms, labels, lengths)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"step_size": 0.0}])
def test_invalid_settings_are_rejected(settings):
    with pytest.raises(StaanetError, match="steps of 1 or more and a step_size above 0"):
        create_attack("contrastive", **settings)
