"""Detectors, an attacker who knows them, and the curve that compares both."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.detectors import DETECTORS, Clicks, Disagreement, Learnt, create_detector
from staanet.detectors.evasion import evade
from staanet.detectors.roc import roc
from staanet.models.external import External, ExternalSettings

SIZE = 800


class Linear(nn.Module):
    """Decides by the correlation with a pattern of steps, which a median keeps."""

    def __init__(self):
        super().__init__()
        with seeded("pattern"):
            self.register_buffer("pattern", (torch.randint(2, (SIZE // 40,)) * 2.0 - 1).repeat_interleave(40))

    def forward(self, clips):
        level = functional.pad(clips, (0, max(0, SIZE - clips.shape[1])))[:, :SIZE] @ self.pattern / SIZE
        return 400 * torch.stack([level, -level], 1)


@pytest.fixture
def model():
    return External(Linear(), ExternalSettings(labels=("a", "b")), "linear")


@pytest.fixture
def speech():
    """Smooth clips near the boundary, all of class 0, and their attacked versions with few large changes."""
    with seeded("speech"):
        time = torch.arange(SIZE) / 16_000
        pitch = 100 + 200 * torch.rand(40, 1)
        clips = 0.3 * torch.sin(2 * torch.pi * pitch * time) + 1e-4 * torch.randn(40, SIZE)
        pattern = Linear().pattern
        clips = clips - (clips @ pattern / SIZE)[:, None] * pattern + 0.001 * pattern
        attacked = clips.clone()
        for row in attacked:
            places = torch.randperm(SIZE)[:20]
            row[places] -= 0.1 * pattern[places]
    return clips, attacked, torch.full((40,), SIZE)


def area(detector, model, clean, attacked, lengths):
    with torch.no_grad():
        scores = [detector.scores(model, clips, lengths).double().numpy() for clips in (clean, attacked)]
    return roc(*scores).area


def fitted(name, model, speech):
    clean, attacked, lengths = speech
    pairs = [(clean[:20], attacked[:20], lengths[:20])]
    return create_detector(name, **({"steps": 40} if name == "learnt" else {})).fit(model, pairs)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_finds_an_attack_that_does_not_know_it(name, model, speech):
    clean, attacked, lengths = (part[20:] for part in speech)
    assert area(fitted(name, model, speech), model, clean, attacked, lengths) > 0.9


@pytest.mark.parametrize("name", DETECTORS)
def test_the_score_of_a_clip_does_not_depend_on_its_batch_and_has_a_gradient(name, model, speech):
    detector = fitted(name, model, speech)
    clips = speech[1][:3].clone()
    lengths = torch.tensor([SIZE, 500, 640])
    clips[torch.arange(SIZE) >= lengths[:, None]] = 0
    together = detector.scores(model, clips.requires_grad_(), lengths)
    (gradient,) = torch.autograd.grad(together.sum(), clips)
    assert torch.isfinite(gradient).all()
    assert (gradient != 0).any(1).all()
    padded = detector.scores(model, functional.pad(clips, (0, 64)), lengths)
    torch.testing.assert_close(padded, together, atol=1e-4, rtol=1e-3)
    for row, length in enumerate(lengths.tolist()):
        alone = detector.scores(model, clips[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", DETECTORS)
def test_an_attacker_who_knows_the_detector_is_found_less_often_and_fools_within_the_budget(name, model, speech):
    detector = fitted(name, model, speech)
    clean, attacked, lengths = (part[20:] for part in speech)
    budget = Budget(epsilon=0.004)
    evading = evade(model, detector, clean, torch.zeros(20, dtype=torch.long), lengths, budget, steps=60)
    assert float((evading - clean).abs().max()) <= 0.004 + 1e-6
    assert (model(evading, lengths).argmax(1) == 1).all()
    known = area(detector, model, clean, evading, lengths)
    assert known < area(detector, model, clean, attacked, lengths)


def test_evasion_keeps_few_changes_if_few_are_allowed(model, speech):
    clean, _, lengths = (part[:4] for part in speech)
    budget = Budget(epsilon=0.2, sparsity=0.05)
    evading = evade(model, Clicks(), clean, torch.zeros(4, dtype=torch.long), lengths, budget, steps=30)
    assert int((evading != clean).sum(1).max()) <= SIZE * 0.05
    assert (model(evading, lengths).argmax(1) == 1).any()


def test_a_clip_that_the_defence_leaves_alone_is_not_suspicious(model):
    clip = torch.linspace(-0.5, 0.5, SIZE)[None]
    scores = Disagreement(defence={"defence": "rounding", "bits": 24}).scores(model, clip, torch.tensor([SIZE]))
    assert float(scores) == pytest.approx(0, abs=1e-3)


def test_the_share_of_clicks_is_counted():
    clip = torch.linspace(-0.5, 0.5, SIZE)[None].clone()
    lengths = torch.tensor([SIZE])
    before = float(Clicks().scores(None, clip, lengths))
    clip[0, 20::40] += 0.5
    assert float(Clicks().scores(None, clip, lengths)) - before == pytest.approx(20 / SIZE, rel=0.1)


def test_the_curve_of_known_scores():
    found = roc(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.5, 2.5, 9.0, 9.0]))
    assert found.area == pytest.approx(13 / 16)
    assert found.area_ci[0] < found.area < found.area_ci[1]
    assert found.hits_at_5 == 0.5
    assert found.hits_at_5_ci[0] < 0.5 < found.hits_at_5_ci[1]
    steps = np.diff(found.false_alarms), np.diff(found.hits)
    assert all((step >= 0).all() for step in steps)
    assert (found.false_alarms[-1], found.hits[-1]) == (1.0, 1.0)
    assert np.trapezoid(found.hits, found.false_alarms) == pytest.approx(found.area)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Disagreement(defence="distillation"), "expected an input defence, got distillation"),
        (lambda: Clicks(width=4), "odd width"),
        (lambda: Learnt(steps=0), "steps and width of 1 or more"),
        (lambda: Learnt().scores(None, torch.zeros(1, 99), torch.tensor([99])), "call fit"),
        (lambda: Learnt().fit(None, []), "clips to learn from, got none"),
        (lambda: create_detector("clicks", colour=1), "expected a key from"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(StaanetError, match=message):
        make()


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(StaanetError, match="expected finite scores, got NaN"):
        roc(np.array([0.0, np.nan]), np.array([1.0, 2.0]))
