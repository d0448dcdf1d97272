from itertools import pairwise

import pytest
import torch

from attacks.queries import (
    BUDGET,
    EPSILON,
    CountingQueries,
    Lead,
    check_returns_what_it_evaluated,
    queries,
)
from staanet.attacks import create_attack
from staanet.attacks.best_of_noise import BestOfNoise
from staanet.core.budget import Budget
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError

SPARSE = Budget(epsilon=EPSILON, sparsity=0.25)


@pytest.mark.parametrize(("name", "settings", "holds"), [("noise", {}, (1,)), ("held_noise", {"hold": 8}, (8,))])
def test_of_one_draw_it_is_that_draw(name, settings, holds, small_model, clips):
    waveforms, lengths, labels = clips
    single = create_attack(name, budget=BUDGET, **settings)
    best = BestOfNoise(BUDGET, queries=1, holds=holds)
    assert torch.equal(
        best(small_model, waveforms, labels, lengths, seed=3), single(small_model, waveforms, labels, lengths, seed=3)
    )


def test_its_draws_are_those_of_the_holds_in_a_cycle(clips):
    waveforms, lengths, labels = clips
    clips_seen = []

    def watched(waveforms, lengths):
        clips_seen.append(waveforms[0] - clips[0][0])
        return CountingQueries(1e6)(waveforms, lengths)

    BestOfNoise(Budget(epsilon=0.1), queries=6, holds=(1, 16, 300))(watched, waveforms, labels * 0, lengths)
    turns = [int((change.sign().diff() != 0).sum()) for change in clips_seen]
    assert all(300 < turns[query] < 600 for query in (0, 3))
    assert all(10 < turns[query] < 50 for query in (1, 4))
    assert all(turns[query] <= 3 for query in (2, 5))


def test_more_queries_never_do_worse_and_do_better(copies):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    falls = [
        margin(model(copies), labels) - margin(model(BestOfNoise(SPARSE, queries=count)(model, copies, labels)), labels)
        for count in (1, 2, 5, 20, 80)
    ]
    for fewer, more in pairwise(falls):
        assert (more >= fewer).all()
    assert falls[-1].mean() > falls[0].mean() + 2 * EPSILON


def test_fools_as_many_clips_as_independent_draws_do():
    """A draw fools with probability 1/4, so K draws fool a share of 1 - (3/4)^K of the clips."""

    def rises(waveforms):
        up = (waveforms[:, :2] > 0.25).all(1).float()
        return torch.stack([torch.full_like(up, 0.5), up], 1)

    clips = torch.zeros(400, 40)
    clips[:, 3] = torch.linspace(0, 0.1, 400)  # each clip has a random stream of its own
    clips[:, :2] = 0.2
    labels = torch.zeros(400, dtype=torch.int64)
    for count in (1, 3):
        adversarial = BestOfNoise(Budget(epsilon=0.1), queries=count)(rises, clips, labels)
        expected = 1 - 0.75**count
        fooled = rises(adversarial).argmax(1).float().mean()
        assert abs(fooled - expected) < 3 * (expected * (1 - expected) / 400) ** 0.5


def test_queries_until_it_succeeds(clips):
    assert queries(BestOfNoise(BUDGET, queries=30), clips, CountingQueries(1e6)) == {30}
    assert queries(BestOfNoise(BUDGET, queries=30), clips, CountingQueries(-1e6)) == {1}


def test_a_clip_that_is_fooled_makes_no_more_queries(clips):
    waveforms, lengths, labels = clips
    model, seen = CountingQueries(6.0), {}

    def watched(waveforms, lengths):
        logits = model(waveforms, lengths)
        for length, fooled in zip(lengths.tolist(), (logits.argmax(1) != 0).tolist(), strict=True):
            assert not seen.get(length)
            seen[length] = fooled
        return logits

    BestOfNoise(Budget(epsilon=0.1), queries=200)(watched, waveforms, labels * 0, lengths)
    assert any(seen.values())
    assert all((model.queries[length] == 200) != fooled for length, fooled in seen.items())


def test_returns_what_it_evaluated(clips):
    check_returns_what_it_evaluated(BestOfNoise(Budget(epsilon=0.1), queries=50), clips)


def test_reaches_a_target(clips):
    waveforms, lengths, _ = clips
    model, goals = CountingQueries(0.0), torch.tensor([2, 2, 2])
    adversarial = BestOfNoise(Budget(epsilon=0.2), queries=50, targeted=True)(model, waveforms, goals, lengths)
    with torch.no_grad():
        before = margin(model(waveforms, lengths), goals)
        assert (margin(model(adversarial, lengths), goals) > before).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queries": 0}, "queries of 1 or more, got 0"),
        ({"holds": []}, "one or more holds"),
        ({"holds": [8, 0]}, "holds of 1 or more samples, got .8, 0."),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("best_of_noise", **settings)
