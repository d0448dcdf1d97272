"""Checks of black-box attacks: a linear model with an adjustable margin, and models that count their queries."""

import torch
from torch.nn import functional

from staanet.core.budget import Budget
from staanet.core.seeds import seeded

SIZE, EPSILON = 64, 0.02
BUDGET = Budget(epsilon=0.1, sparsity=0.1)


class Lead:
    """A linear model of two or more classes in which the margin of class 0 is `lead` at a given clip."""

    def __init__(self, waveforms, classes=2, lead=100.0):
        with seeded("weights", classes):
            self.weights = torch.randn(classes, waveforms.shape[1])
        self.centre = waveforms.mean(0, keepdim=True)
        self.lead = lead

    def __call__(self, waveforms):
        logits = (waveforms - self.centre) @ self.weights.T
        logits[:, 0] += self.lead
        return logits

    @property
    def slopes(self):
        return (self.weights[0] - self.weights[1]).abs()


class CountingQueries:
    """Counts the queries for each clip, by its length; the margin of class 0 is shifted by `lead`."""

    def __init__(self, lead):
        with seeded("weights"):
            self.weights = torch.randn(900, 3)
        self.lead = lead
        self.queries = {}

    def __call__(self, waveforms, lengths):
        assert not torch.is_grad_enabled()
        for length in lengths.tolist():
            self.queries[length] = self.queries.get(length, 0) + 1
        logits = functional.pad(waveforms, (0, 900 - waveforms.shape[1])) @ self.weights
        return logits + torch.tensor([self.lead, 0, 0])


def queries(attack, clips, model):
    """Return the set of the numbers of queries per clip."""
    waveforms, lengths, labels = clips
    attack(model, waveforms, labels * 0, lengths)
    return set(model.queries.values())


def check_returns_what_it_evaluated(attack, clips):
    """The clips that fooled the model within the budget during the attack do so in the end, and no others."""
    waveforms, lengths, labels = clips
    model = CountingQueries(8.0)
    clean = dict(zip(lengths.tolist(), waveforms, strict=True))
    hit = set()

    def watched(waveforms, lengths):
        logits = model(waveforms, lengths)
        for clip, length, one in zip(waveforms, lengths.tolist(), logits, strict=True):
            within = (clip - clean[length][: len(clip)]).abs().max() <= attack.budget.epsilon + 1e-6
            if within and one.argmax() != 0:
                hit.add(length)
        return logits

    adversarial = attack(watched, waveforms, labels * 0, lengths)
    with torch.no_grad():
        fooled = model(adversarial, lengths).argmax(1) != 0
    assert set(lengths[fooled].tolist()) == hit


def check_target(attack, waveforms, samples):
    """The attack reaches the target if changes of `samples` samples can, and does not if they cannot."""
    model = Lead(waveforms, classes=3)
    target = torch.full((len(waveforms),), 2)
    model.lead = 0.2 * EPSILON * float((model.weights[0] - model.weights[2]).abs().topk(samples).values.sum())
    model.weights[1] = model.weights[0] - 0.5 * (model.weights[0] - model.weights[2])
    assert (model(attack(model, waveforms, target)).argmax(1) == 2).all()
    model.lead *= 6
    assert not (model(attack(model, waveforms, target)).argmax(1) == 2).any()
