"""The search runs queries as a last resort: on the clips that gradient attacks leave right at the reference budget."""

from dataclasses import replace

import pytest
import torch

from staanet.assessment.measurement import Curve, _joined, members_of
from staanet.assessment.saving import Saved
from staanet.assessment.search import Search
from staanet.assessment.settings import PRESETS, Curves, Member
from staanet.core.classifier import as_classifier
from staanet.data import Batch

CURVES = Curves(dense=(60.0, 40.0, 20.0), sparse=(0.001, 0.01, 0.1))
SAMPLES = 50
DISTANCES = (2e-3, 0.01, 0.015)
"""The change of every sample that takes each clip to the boundary: fooled at 40 dB, 20 dB, 20 dB of a peak of 0.5."""


class Reversed(torch.autograd.Function):
    """The identity whose gradient points away from the boundary."""

    @staticmethod
    def forward(_, clips):
        return clips.clone()

    @staticmethod
    def backward(_, gradients):
        return -gradients


class Level(torch.nn.Module):
    """Decides by the mean of a clip, and counts the clips that it hears without and with gradients."""

    access = "gradient"
    labels = ("high", "low")

    def __init__(self, honest):
        super().__init__()
        self.honest, self.queries = honest, 0

    def forward(self, clips):
        if not torch.is_grad_enabled():
            self.queries += len(clips)
        level = (clips if self.honest else Reversed.apply(clips)).mean(1)
        return 100 * torch.stack([level, -level], 1)


def found(model, member):
    clips = torch.full((len(DISTANCES), SAMPLES), 0.0)
    clips[:, 0], clips[:, 1] = 0.5, -0.5
    clips[:, 2:] += torch.tensor(DISTANCES)[:, None] * SAMPLES / (SAMPLES - 2)
    batch = Batch(clips, torch.full((3,), SAMPLES), torch.zeros(3, dtype=torch.long), ("a", "b", "c"))
    classifier = as_classifier(model)
    search = Search(classifier, batch, CURVES.dense_points, Saved("float32"), 0, reference=CURVES.dense_reference)
    for one in (Member("apgd", {"steps": 5, "restarts": 1}), member):
        model.queries = 0
        search.run(one)
    return search, model.queries


QUERIES = Member("fakebob", {"queries": 1000}, last_resort=True)


def test_references_are_40_db_and_one_percent():
    assert (CURVES.dense_reference, CURVES.sparse_reference) == (1, 1)
    assert Curves(sparse=(0.0, 0.004, 0.02)).sparse_reference == 1
    assert Curves(sparse=(0.5,)).sparse_reference == 0


def test_clips_that_gradients_fool_at_the_reference_are_not_queried():
    search, queries = found(Level(honest=True), QUERIES)
    assert search.smallest == [1, 2, 2]
    assert search.attacks == ["apgd"] * 3
    assert 0 < queries <= 2 * (1000 + 2)  # those of the two clips that are right at 40 dB, at that budget only


def test_queries_find_what_reversed_gradients_hide():
    search, _ = found(Level(honest=False), QUERIES)
    assert search.attacks == ["fakebob"] * 3
    assert search.smallest == [1, 2, 2]


@pytest.mark.parametrize(("access", "expected"), [("gradient", True), ("scores", False)])
def test_queries_are_the_last_resort_only_beside_gradients(access, expected):
    model = Level(honest=True)
    model.access = access
    for members in members_of(PRESETS["standard"], model):
        assert members[-1].last_resort is expected
        assert not any(member.last_resort for member in members[:-1])


def test_few_samples_that_fool_within_a_budget_of_all_samples_count_there_too():
    """A change of few samples by 17 dB lies within the budget of 10 dB on every sample, not within 20 dB."""
    curves = Curves(dense=(40.0, 20.0, 17.0, 10.0), sparse=(0.0, 0.01))
    safe = Curve(4, None, (True,) * 4, attackers={"a": 4, "b": 3})
    fooled = Curve(1, "sparse_rs", (True, True), "joy", {"a": 1, "b": 2})
    found = _joined(safe, fooled, curves)
    assert (found.smallest, found.attack, found.decided) == (2, "sparse_rs", "joy")
    assert found.attackers == {"a": 2, "b": 3}
    weaker = replace(safe, smallest=1, attack="apgd")
    assert _joined(weaker, fooled, curves) is weaker
    assert _joined(safe, replace(fooled, smallest=2, attack=None), curves) is safe
    assert _joined(safe, fooled, replace(curves, dense=(40.0,), reference_db=40.0)) is safe
