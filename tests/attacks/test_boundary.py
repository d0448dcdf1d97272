import numpy as np
import pytest
import torch
from torch.nn import functional

from attacks.oracles import CountingNetwork, art_classifier
from attacks.queries import BUDGET, EPSILON, SIZE, CountingQueries, Lead, check_returns_what_it_evaluated, queries
from staanet.attacks import create_attack
from staanet.attacks.boundary import OVERSHOOT, Boundary
from staanet.core.budget import Budget
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded


class Fragile(CountingQueries):
    """Predicts class 0 for the clean clips only."""

    def __init__(self, clips):
        super().__init__(0)
        self.clean = {length: clip[:length] for clip, length in zip(clips[0], clips[1].tolist(), strict=True)}

    def __call__(self, waveforms, lengths):
        logits = super().__call__(waveforms, lengths)
        clips = zip(waveforms, lengths.tolist(), strict=True)
        clean = torch.tensor([torch.equal(clip[:length], self.clean[length]) for clip, length in clips])
        return torch.where(clean[:, None], torch.tensor([1.0, 0, 0]), logits - torch.tensor([1e6, 0, 0]))


@pytest.mark.parametrize("sparsity", [0.25, 1.0])
def test_comes_near_the_smallest_euclidean_norm_of_its_samples(copies, sparsity):
    model, labels = Lead(copies, lead=0.1), torch.zeros(8, dtype=torch.int64)
    adversarial = Boundary(Budget(epsilon=0.4, sparsity=sparsity))(model, copies, labels)
    change = adversarial - copies
    changed = change != 0
    assert (changed.sum(1) <= sparsity * SIZE).all()
    assert (model(adversarial).argmax(1) == 1).all()
    least = model.lead / (model.slopes * changed).norm(dim=1)
    share, floor = OVERSHOOT
    assert (change.norm(dim=1) <= (1 + share) * 1.25 * least + floor * 0.4 * (sparsity * SIZE) ** 0.5).all()


def test_the_last_query_moves_beyond_the_boundary(copies):
    model, labels = Lead(copies, lead=0.1), torch.zeros(8, dtype=torch.int64)
    adversarial = Boundary(Budget(epsilon=0.4))(model, copies, labels)
    assert (margin(model(adversarial), labels) < -0.02 * model.lead).all()


def test_walks_into_a_budget_within_which_no_random_signs_succeed(copies):
    model, labels = Lead(copies), torch.zeros(8, dtype=torch.int64)
    model.lead = 0.6 * EPSILON * float(model.slopes.sum())
    budget = Budget(epsilon=EPSILON)
    near = Boundary(budget, queries=100, starts=100)(model, copies, labels)
    assert not (model(near).argmax(1) == 1).any()
    far = Boundary(budget, queries=2000)(model, copies, labels)
    assert (far - copies).abs().max() <= EPSILON + 1e-6
    assert (model(far).argmax(1) == 1).float().mean() >= 0.5


def test_searches_a_start_as_often_as_allowed(clips):
    assert queries(Boundary(BUDGET, queries=30, starts=10), clips, CountingQueries(1e6)) == {1 + 20}


def test_makes_as_many_queries_as_allowed_after_a_start(clips):
    assert queries(Boundary(BUDGET, queries=30, starts=10), clips, Fragile(clips)) == {1 + 30}


def test_a_clip_that_already_fools_the_model_takes_one_query(clips):
    assert queries(Boundary(BUDGET, queries=30, starts=10), clips, CountingQueries(-1e6)) == {1}


def test_a_clip_that_already_fools_the_model_stays(clips):
    waveforms, lengths, labels = clips
    assert torch.equal(Boundary(BUDGET)(CountingQueries(-1e6), waveforms, labels * 0, lengths), waveforms)


def test_returns_what_it_evaluated(clips):
    check_returns_what_it_evaluated(Boundary(Budget(epsilon=0.1), queries=200, starts=10), clips)


def test_starts_with_slower_noise_where_white_noise_fools_no_clip():
    """The model depends on how often the sign changes: as often in white noise as in the clip, less in slower noise."""

    def slow(waveforms):
        turns = (waveforms[:, 1:] * waveforms[:, :-1] < 0).float().mean(1)
        return torch.stack([turns, torch.full_like(turns, 0.25)], 1)

    with seeded("clips"):
        waveforms = (torch.rand(3, 900) - 0.5) / 100
    labels = torch.zeros(3, dtype=torch.int64)
    white = waveforms + 0.5 * (torch.rand_like(waveforms) - 0.5).sign()
    assert torch.equal(slow(white).argmax(1), labels)
    found = Boundary(Budget(epsilon=0.5), queries=3, starts=3)(slow, waveforms, labels)
    assert (slow(found).argmax(1) == 1).all()


def test_uses_decisions_only(clips):
    waveforms, lengths, labels = clips
    model = CountingQueries(2.0)
    attack = Boundary(BUDGET, queries=100, starts=10)

    def decisions(waveforms, lengths):
        return functional.one_hot(model(waveforms, lengths).argmax(1), 3).float()

    by_scores = attack(model, waveforms, labels * 0, lengths)
    assert torch.equal(by_scores, attack(decisions, waveforms, labels * 0, lengths))


def test_the_preset_has_the_published_settings():
    assert create_attack("boundary", preset="systematic").adaptation == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"starts": 0}, "starts of 1 or more"),
        ({"adaptation": 1.0}, "adaptation above 1"),
        ({"targeted": True}, "one that cannot"),
    ],
)
def test_invalid_settings_are_rejected(settings, message):
    with pytest.raises(StaanetError, match=message):
        create_attack("boundary", **settings)


def check_as_near(model, waveforms, labels, theirs):
    """With as many queries, ours fools every clip with a Euclidean norm that is no larger on average."""
    ours = Boundary(Budget(epsilon=2.0), queries=model.queries // len(waveforms))(model, waveforms, labels)
    assert (model(ours).argmax(1) != labels).all()
    assert (ours - waveforms).norm(dim=1).mean() <= (theirs - waveforms).norm(dim=1).mean()


def test_comes_as_near_as_foolbox(counting_network, counting_clips):
    foolbox = pytest.importorskip("foolbox")
    labels = counting_network(counting_clips).argmax(1)
    wrapped = foolbox.PyTorchModel(counting_network, bounds=(-1, 1), device="cpu")
    counting_network.queries = 0
    with seeded("foolbox"):
        np.random.seed(0)  # noqa: NPY002
        _, theirs, fooled = foolbox.attacks.BoundaryAttack(steps=500)(wrapped, counting_clips, labels, epsilons=None)
    assert fooled.all()
    check_as_near(counting_network, counting_clips, labels, theirs)


def test_comes_as_near_as_art(counting_network, counting_clips):
    evasion = pytest.importorskip("art.attacks.evasion")
    labels = counting_network(counting_clips).argmax(1)
    classifier = art_classifier(counting_network, (CountingNetwork.SIZE,))
    attack = evasion.BoundaryAttack(classifier, targeted=False, max_iter=10, num_trial=3, sample_size=10, verbose=False)
    counting_network.queries = 0
    np.random.seed(0)  # noqa: NPY002
    theirs = torch.from_numpy(attack.generate(counting_clips.numpy()))
    check_as_near(counting_network, counting_clips, labels, theirs)
