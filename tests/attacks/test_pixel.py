import numpy as np
import pytest
import torch

from attacks.linear import fall
from attacks.oracles import art_classifier
from attacks.queries import (
    BUDGET,
    EPSILON,
    CountingQueries,
    Lead,
    check_returns_what_it_evaluated,
    check_target,
    queries,
)
from staanet.attacks import create_attack
from staanet.attacks.components import few_samples
from staanet.attacks.pixel import Pixel
from staanet.core.budget import Budget
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError


def test_three_samples_have_a_larger_effect_than_any_single_one(copies):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    adversarial = Pixel(Budget(epsilon=EPSILON), samples=3)(model, copies, labels)
    assert ((adversarial != copies).sum(1) <= 3).all()
    best = EPSILON * model.slopes.topk(3).values
    found = fall(model, copies, adversarial, labels)
    assert (found <= best.sum() + 1e-4).all()
    assert (found > best[0]).all()


def test_reaches_the_target_exactly_where_it_can(copies):
    check_target(Pixel(Budget(epsilon=EPSILON), targeted=True), copies, 10)


def test_makes_as_many_queries_as_whole_generations_allow(clips):
    assert queries(Pixel(BUDGET, queries=30, population=7), clips, CountingQueries(1e6)) == {28}


def test_a_fooled_clip_has_no_more_generations(clips):
    assert queries(Pixel(BUDGET, queries=30, population=7), clips, CountingQueries(-1e6)) == {7}


def test_returns_what_it_evaluated(clips):
    check_returns_what_it_evaluated(Pixel(Budget(epsilon=0.1), queries=200, population=7), clips)


def test_the_size_of_calls_changes_nothing(clips, monkeypatch):
    waveforms, lengths, labels = clips
    attack = Pixel(BUDGET, samples=3, queries=60, population=20)
    first = attack(CountingQueries(20.0), waveforms, labels * 0, lengths)
    monkeypatch.setattr(few_samples, "BATCH_SIZE", 5)
    second = attack(CountingQueries(20.0), waveforms, labels * 0, lengths)
    torch.testing.assert_close(second, first, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-5.0, 7.0)])
def test_new_values_are_on_the_grid(clips, bounds):
    waveforms, lengths, labels = clips
    model = CountingQueries(1e6)
    model.bounds = low, high = bounds
    attack = Pixel(Budget(epsilon=0.95 * (high - low)), queries=40, population=20, levels=256)
    adversarial = attack(model, waveforms, labels * 0, lengths)
    new = (adversarial[adversarial != waveforms] - low) / (high - low) * 255
    torch.testing.assert_close(new, new.round(), atol=1e-3, rtol=0)


def test_the_preset_has_the_published_settings():
    systematic = create_attack("pixel", preset="systematic", samples=5)
    assert (systematic.samples, systematic.levels, systematic.queries // systematic.population) == (5, 256, 21)


def test_invalid_settings_are_rejected():
    with pytest.raises(StaanetError, match="levels of 2 or more"):
        create_attack("pixel", levels=1)


def test_lowers_the_margin_as_much_as_art(counting_network, counting_clips):
    evasion = pytest.importorskip("art.attacks.evasion")
    model, waveforms = counting_network, counting_clips[:4]
    size = waveforms.shape[1]
    labels = model(waveforms).argmax(1)
    attack = evasion.PixelAttack(art_classifier(model, (1, 1, size)), th=5, es=1, max_iter=5, verbose=False)
    model.queries = 0
    np.random.seed(0)  # noqa: NPY002
    images = waveforms.reshape(4, 1, 1, size).numpy()
    theirs = torch.from_numpy(attack.generate(images, np.eye(4)[labels])).reshape(4, size).float()
    most = model.queries // len(waveforms)
    ours = Pixel(Budget(epsilon=2.0), samples=5, queries=most, population=390, levels=256)(model, waveforms, labels)
    assert ((ours != waveforms).sum(1) <= 5).all()
    fooled = [(model(found).argmax(1) != labels).sum() for found in (ours, theirs)]
    assert fooled[0] >= fooled[1]
    assert margin(model(ours), labels).mean() <= max(0.0, float(margin(model(theirs), labels).mean()))
