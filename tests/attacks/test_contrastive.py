"""Contrastive: what it asks of a model, and what it does without."""

import pytest
import torch

from staanet.attacks import create_attack
from staanet.attacks.contrastive import apart
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.evaluation.counter import Counted, Trace
from staanet.models import create_model
from staanet.models.wrappers import LabelView

BUDGET = {"epsilon": 0.02, "sparsity": 0.1}
ATTACK = create_attack("contrastive", steps=8, **BUDGET)


@pytest.fixture
def model():
    with seeded("victim"):
        return create_model("zhao19", labels="abc", seconds=0.05)


def moved(model, waveforms, attacked, lengths):
    with torch.no_grad():
        return apart(model.represent(attacked, lengths), model.represent(waveforms, lengths))


def test_labels_decide_nothing(model, clips):
    waveforms, lengths, labels = clips
    assert torch.equal(ATTACK(model, waveforms, labels, lengths), ATTACK(model, waveforms, labels.flip(0), lengths))


def test_goes_much_further_than_noise_and_further_with_more_steps(model, clips):
    waveforms, lengths, labels = clips
    noise = create_attack("noise", **BUDGET)(model, waveforms, labels, lengths)
    few = create_attack("contrastive", steps=1, **BUDGET)(model, waveforms, labels, lengths)
    distances = [moved(model, waveforms, x, lengths) for x in (noise, few, ATTACK(model, waveforms, labels, lengths))]
    assert (distances[2] > 5 * distances[0]).all()
    assert (distances[2] > 1.5 * distances[1]).all()


def test_what_it_asks_is_counted_and_traced_without_margins(model, clips):
    waveforms, _, labels = clips
    watch = Trace(waveforms[:1], labels[:1])
    counted = Counted(model, watch)
    attacked = ATTACK(counted, waveforms[:1], labels[:1])
    assert torch.equal(attacked, ATTACK(model, waveforms[:1], labels[:1]))
    assert (counted.queries, counted.gradients) == (1 + 8 + 1, 8)  # the clean clip, the steps, the last one
    assert [step["margin"] is None for step in watch.steps] == [True] * 10
    assert [step["gradient_norm"] is not None for step in watch.steps] == [False] + [True] * 8 + [False]


def test_a_view_of_some_labels_is_the_same_source(model, clips):
    waveforms, lengths, _ = clips
    labels = torch.tensor([0, 1, 0])
    view = LabelView(model, ("c", "a"))
    assert torch.equal(ATTACK(view, waveforms, labels, lengths), ATTACK(model, waveforms, labels, lengths))


def model(represent=None):
    def logits(waveforms):
        return waveforms[:, :3]

    if represent:
        logits.represent = represent
    return logits


@pytest.mark.parametrize(
    ("represent", "told"),
    [
        (None, r"expected a model that can represent clips \(represent\(waveforms, lengths\) -> \[B, D\]\)"),
        (lambda x, n: x[:, None], r"expected representations \[B, D\], got \[3, 1, 900\]; take the mean"),  # noqa: ARG005
        (lambda x, n: x.detach(), "expected representations with gradients"),  # noqa: ARG005
    ],
)
@pytest.mark.parametrize("wrap", [lambda x: x, Counted], ids=["plain", "counted"])
def test_a_model_that_cannot_represent_clips_is_told(represent, told, wrap, clips):
    waveforms, lengths, labels = clips
    with pytest.raises(StaanetError, match=told):
        ATTACK(wrap(model(represent)), waveforms, labels, lengths)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"step_size": 0.0}, {"step_size": float("inf")}])
def test_settings_with_which_nothing_moves_are_told(settings):
    with pytest.raises(StaanetError, match="steps of 1 or more and a step_size above 0"):
        create_attack("contrastive", **settings)
