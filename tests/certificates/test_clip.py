"""Certificates against models whose true radius is known, and attacks at the radius and just above it."""

import math

import pytest
import torch
from scipy.stats import norm as normal

from staanet.certificates import Draws, certify
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.defences import Ablation, GaussianSmoothing, Partition

SIZE = 400
QUICK = Draws(estimation=2000, selection=50)

with seeded("clip"):
    CLIP = torch.rand(SIZE) - 0.5
    WEIGHTS = torch.randn(SIZE)


def linear(distance, clip=CLIP):
    """Return a model with the boundary at this L2 distance from a clip."""
    offset = distance * WEIGHTS.norm() - clip @ WEIGHTS

    def model(waveforms, lengths=None):  # noqa: ARG001
        level = waveforms @ WEIGHTS + offset
        return torch.stack([level, -level], 1)

    return model


def share_of_votes(model, smoothing, clip, draws=4000):
    inputs = smoothing.draw(clip, draws, torch.Generator().manual_seed(5))
    return float((model(inputs).argmax(1) == 0).float().mean())


@pytest.mark.parametrize("distance", [0.05, 0.2])
def test_a_linear_model_is_certified_up_to_its_boundary_and_not_beyond(distance):
    smoothing = GaussianSmoothing(sigma=0.1, unit="full_scale")
    found = certify(linear(distance), smoothing, CLIP, 2, Draws(20_000, 50))
    assert found.decided == 0
    assert 0.85 * distance < found.radius <= distance


def test_the_certified_radius_cannot_exceed_what_the_votes_allow():
    """However far the boundary is, n equal votes certify sigma F(alpha^(1/n)) only."""
    smoothing = GaussianSmoothing(sigma=0.1, unit="full_scale")
    found = certify(linear(50.0), smoothing, CLIP, 2, QUICK)
    most = 0.1 * normal.ppf((QUICK.alpha / 2) ** (1 / QUICK.estimation))
    assert found.radius == pytest.approx(most, rel=1e-6)


def test_an_attack_at_the_radius_fails_and_one_just_above_the_true_radius_succeeds():
    smoothing, model = GaussianSmoothing(sigma=0.1, unit="full_scale"), linear(0.05)
    found = certify(model, smoothing, CLIP, 2, Draws(20_000, 50))
    towards = -WEIGHTS / WEIGHTS.norm()
    assert share_of_votes(model, smoothing, CLIP + 0.95 * found.radius * towards) > 0.5
    assert share_of_votes(model, smoothing, CLIP + 1.3 * 0.05 * towards) < 0.5
    attacked = certify(model, smoothing, CLIP + 0.95 * found.radius * towards, 2, QUICK)
    assert attacked.decided in (0, None)


def test_a_clip_on_the_boundary_is_abstained_on():
    found = certify(linear(0.0), GaussianSmoothing(sigma=0.1, unit="full_scale"), CLIP, 2, QUICK)
    assert (found.decided, found.radius) == (None, 0.0)


def test_a_certificate_is_wrong_at_most_as_often_as_alpha_says():
    """Many certificates of one model: its true radius is exceeded in a share of at most alpha."""
    smoothing, draws = GaussianSmoothing(sigma=0.1, unit="full_scale"), Draws(60, 5, alpha=0.2)
    model = linear(0.05)
    wrong = sum(certify(model, smoothing, CLIP, 2, draws, seed).radius > 0.05 for seed in range(300))
    assert 0 < wrong <= 300 * 0.2 + 3 * math.sqrt(300 * 0.2 * 0.8)


def test_a_gain_does_not_change_a_certificate_in_rms():
    """Voters receive the clip at a fixed level, so the radius of a louder file grows with it."""
    smoothing = GaussianSmoothing(sigma=0.5)
    model = linear(0.5, CLIP * 0.1 / CLIP.square().mean().sqrt())
    quiet, loud = (certify(model, smoothing, gain * CLIP, 2, QUICK) for gain in (0.25, 1.0))
    assert quiet.decided == loud.decided == 0
    assert loud.radius == pytest.approx(4 * quiet.radius, rel=0.1)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_no_change_of_a_file_moves_the_scaled_clip_further_than_the_radius_allows(share):
    """The geometry of the unit rms: the worst direction of a change within the radius of the file reaches the radius
    of the scaled clip, and none exceeds it."""
    smoothing = GaussianSmoothing(sigma=10.0)
    unit = CLIP.double() / CLIP.double().norm()
    lower = float(normal.cdf(share * math.sqrt(SIZE) / 10))  # a radius of the scaled clip of `share` of its norm
    change = smoothing.radius(lower, 1 - lower, unit)
    across = WEIGHTS.double() - (WEIGHTS.double() @ unit) * unit
    across /= across.norm()
    moved = []
    for angle in torch.linspace(0, math.pi, 2001, dtype=torch.float64):
        other = unit + change * (torch.cos(angle) * unit + torch.sin(angle) * across)
        moved.append(float((other / other.norm() - unit).norm()))
    assert max(moved) <= share + 1e-9
    assert max(moved) == pytest.approx(share, rel=1e-3)


def trigger(waveforms, lengths=None):  # noqa: ARG001
    """Return class 1 for inputs with a sample above 2, else class 0: no changed sample that is seen is ignored."""
    seen = (waveforms > 2).any(1).float()
    return torch.stack([0.5 - seen, seen - 0.5], 1)


@pytest.mark.parametrize(("keep", "block"), [(0.05, 1), (0.1, 10)])
def test_ablation_certifies_as_many_triggers_as_leave_the_majority(keep, block):
    """The worst case of the theorem: the largest number of triggers that at most half of the voters see."""
    smoothing = Ablation(keep=keep, block=block)
    found = certify(trigger, smoothing, CLIP, 2, Draws(20_000, 50))
    assert found.decided == 0
    radius = int(found.radius)
    assert radius >= 3

    def attacked(count):
        clip = CLIP.clone()
        clip[torch.arange(count) * block] = 3.0
        return clip

    assert share_of_votes(trigger, smoothing, attacked(radius)) > 0.5
    assert certify(trigger, smoothing, attacked(radius + 2), 2, QUICK).decided == 1


def test_what_a_voter_sees_of_ablated_clips_is_counted_exactly():
    smoothing, clip = Ablation(keep=0.1, block=10), torch.ones(395)
    drawn = smoothing.draw(clip, 5000, torch.Generator().manual_seed(0))
    assert drawn.shape == (5000, 395)
    kept = drawn[:, ::10]
    assert (kept.sum(1) == 4).all()  # of 40 blocks
    for count in (1, 3):
        seen = float(kept[:, :count].any(1).float().mean())
        assert seen == pytest.approx(smoothing.seen(count, 40), abs=0.03)
    assert smoothing.seen(37, 40) == 1.0
    assert smoothing.seen(0, 40) == 0.0


def parts_by_sign(waveforms, lengths=None):  # noqa: ARG001
    level = waveforms.sum(1)
    return torch.stack([level, -level], 1)


@pytest.mark.parametrize(("votes", "radius"), [(10, 5), (8, 3), (6, 1), (5, 0)])
def test_a_partition_is_certified_up_to_the_last_vote_that_may_fall(votes, radius):
    """Ten parts; class 0 has the first `votes` of them and wins ties."""
    smoothing = Partition(samples=40)
    clip = torch.cat([torch.full((40 * votes,), 0.1), torch.full((400 - 40 * votes,), -0.1)])
    found = certify(parts_by_sign, smoothing, clip, 2, QUICK)
    assert (found.decided, found.radius, found.votes) == (0, radius, (votes, 10 - votes))

    def attacked(count):
        other = clip.clone()
        other[torch.arange(count) * 40] = -100.0
        return other

    assert certify(parts_by_sign, smoothing, attacked(radius), 2, QUICK).decided == 0
    assert certify(parts_by_sign, smoothing, attacked(radius + 1), 2, QUICK).decided == 1


def test_a_partition_that_loses_ties_is_certified_less():
    smoothing = Partition(samples=40)
    clip = torch.cat([torch.full((240,), -0.1), torch.full((160,), 0.1)])
    assert certify(parts_by_sign, smoothing, clip, 2, QUICK).radius == 0
    assert smoothing.radius([4, 6]) == 0
    assert smoothing.radius([6, 4]) == 1


def test_each_sample_is_seen_by_one_voter_of_a_partition():
    clip = torch.arange(SIZE + 7.0)
    assert torch.equal(Partition(samples=40).parts(clip).flatten(), clip[:SIZE])
    assert Partition(samples=40).parts(clip[:7]).shape == (1, 7)


def test_votes_depend_on_the_seed_and_the_clip_only():
    smoothing, model = GaussianSmoothing(sigma=0.1, unit="full_scale"), linear(0.05)
    first, again, other = (certify(model, smoothing, CLIP, 2, QUICK, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("smoothing", [GaussianSmoothing(), Ablation(keep=0.3)])
def test_too_few_votes_are_refused_before_the_model_is_asked(smoothing):
    def model(waveforms, lengths):  # noqa: ARG001
        raise AssertionError

    with pytest.raises(StaanetError, match=r"expected \d+ votes or more for an alpha of 0.001 and 2 classes, got 5"):
        certify(model, smoothing, CLIP, 2, Draws(5, 5))


@pytest.mark.parametrize(("settings", "message"), [({"alpha": 1.0}, "alpha in"), ({"estimation": 0}, "one vote")])
def test_invalid_numbers_are_refused(settings, message):
    with pytest.raises(StaanetError, match=message):
        Draws(**settings)


def test_answers_that_are_no_numbers_are_no_votes():
    """A division by the level of a silent part gives NaN, which argmax would take for the highest answer."""

    def model(waveforms, _):
        return waveforms.sum(1, keepdim=True) / waveforms.abs().sum(1, keepdim=True) * torch.tensor([-1.0, 1.0])

    clip = torch.cat([torch.full((360,), 0.1), torch.zeros(40)])
    with pytest.raises(StaanetError, match="expected finite logits from every voter, got NaN"):
        certify(model, Partition(samples=40), clip, 2, QUICK)
    assert certify(model, Partition(samples=40), clip[:360], 2, QUICK).decided == 1
