"""Models from elsewhere: framing, lengths, access, answers that are no logits."""

import numpy as np
import pytest
import torch
from torch import nn

from staanet.attacks import create_attack
from staanet.core.errors import StaanetError
from staanet.models import External
from staanet.models.external import ExternalSettings

LABELS = ("quiet", "loud")


def levels(clips):
    """The mean size of the samples, as two scores."""
    level = clips.abs().mean(1)
    return torch.stack([-level, level], 1)


def model(function=levels, **settings):
    return External(function, ExternalSettings(labels=LABELS, sample_rate=10, **settings), "levels")


def clip(*samples):
    return torch.tensor([samples], dtype=torch.float32)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"offset": 0.1}, [2, 3, 4]),
        ({"offset": 9.0}, [4]),
        ({"seconds": 0.2}, [1, 2]),
        ({"seconds": 0.2, "crop": "centre"}, [2, 3]),
        ({"seconds": 0.6}, [1, 2, 3, 4, 1, 2]),
        ({"seconds": 0.6, "fill": "zeros"}, [1, 2, 3, 4, 0, 0]),
        ({"seconds": 0.2, "offset": 0.1}, [2, 3]),
        ({"seconds": 0.4, "offset": 0.1}, [2, 3, 4, 2]),
        ({"seconds": 0.4, "offset": 0.1, "fill": "zeros", "crop": "centre"}, [2, 3, 4, 0]),
    ],
)
@pytest.mark.parametrize("padding", [0, 3])
def test_clips_are_framed_at_their_own_length(settings, expected, padding):
    seen = []

    def remember(clips):
        seen.append(clips.detach().clone())
        return levels(clips)

    framed = model(remember, **settings)
    padded = nn.functional.pad(clip(1, 2, 3, 4), (0, padding))
    framed(padded, torch.tensor([4]))
    assert seen[-1].tolist() == [expected]


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_a_length_in_seconds_is_the_number_of_samples_that_it_was_computed_from(rate):
    for samples in (1, 1013, 11_200, 15_435, 48_001):
        settings = ExternalSettings(labels=LABELS, sample_rate=rate, seconds=samples / rate)
        assert External(levels, settings, "levels").trained_length == samples


def test_gradients_reach_the_samples_that_are_used_and_no_others():
    point = clip(0.1, 0.2, 0.3, 0.4).requires_grad_()
    model(offset=0.1, seconds=0.2)(point)[0, 1].backward()
    assert (point.grad != 0).tolist() == [[False, True, True, False]]


def test_an_answer_depends_neither_on_the_batch_nor_on_the_padding():
    clips = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4], [0.3, 0.3, 0.0, 0.0]])
    lengths = torch.tensor([2, 4, 2])
    together = model()(clips, lengths)
    alone = torch.cat([model()(row[None, :n]) for row, n in zip(clips, lengths.tolist(), strict=True)])
    assert torch.equal(together, alone)


def test_lengths_reach_a_callable_that_takes_them():
    def with_lengths(clips, lengths):
        return torch.stack([lengths.float(), clips.sum(1)], 1)

    logits = model(with_lengths)(torch.zeros(2, 5), torch.tensor([3, 5]))
    assert logits[:, 0].tolist() == [3, 5]


@pytest.mark.parametrize(
    ("function", "access"),
    [
        (levels, "gradient"),
        (lambda clips: levels(clips).detach(), "scores"),
        (lambda clips: levels(clips).detach().numpy(), "scores"),
        (lambda clips: levels(torch.from_numpy(np.asarray(clips))).tolist(), "scores"),
        (lambda clips: nn.functional.one_hot(levels(clips).argmax(1), 2).float(), "decision"),
    ],
)
def test_what_attacks_can_use_is_found_by_asking(function, access):
    assert model(function).access == access


def test_weights_alone_are_no_gradient_for_the_samples():
    layer = nn.Linear(1, 2)
    through_numpy = model(lambda clips: layer(torch.from_numpy(clips.detach().numpy()).mean(1, keepdim=True)))
    assert through_numpy.access == "scores"
    assert layer.weight.requires_grad


def test_probabilities_become_logits_with_the_same_decision_and_a_zero_stays_finite():
    certain = model(lambda clips: torch.eye(2)[levels(clips).argmax(1)], outputs="probabilities")
    logits = certain(clip(0.5, 0.5))
    assert torch.isfinite(logits).all()
    assert logits.argmax(1).item() == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda clips: levels(clips).repeat(1, 2), "expected one output for each of the 2 labels quiet, loud, got 4"),
        (lambda clips: levels(clips)[0], r"levels, got torch.float32 \[2\]"),
        (lambda clips: levels(clips).long(), "expected floating-point logits"),
        (lambda clips: levels(clips) * torch.nan, "expected finite logits from levels"),
        (lambda clips: (levels(clips),), "from levels, got tuple"),
        (lambda _: [["quiet"]], "from levels, got list"),
        (lambda _: 1 / 0, "got ZeroDivisionError: division by zero; give seconds"),
        (lambda: None, "expected an answer to clips"),
    ],
)
def test_an_answer_that_is_not_one_number_per_clip_and_class_is_refused_at_once(function, message):
    with pytest.raises(StaanetError, match=message):
        model(function)


def test_an_exception_of_a_later_call_is_one_line_too():
    def picky(clips):
        if clips.shape[1] < 5:
            raise IndexError("too short\nby far")
        return levels(clips)

    with pytest.raises(StaanetError, match=r"levels: expected an answer to clips of 0.3 s, got IndexError: too short;"):
        model(picky)(clip(1, 2, 3))


def test_a_module_is_put_in_eval_mode_and_moved_with_the_model():
    network = nn.Sequential(nn.Linear(10, 2), nn.Dropout(0.5)).train()
    external = model(network, seconds=1.0)
    assert not network.training
    assert len(list(external.parameters())) == 2
    assert all(weight.is_meta for weight in external.to("meta").parameters())


def test_a_half_precision_module_receives_its_own_type():
    external = model(nn.Linear(10, 2).bfloat16(), seconds=1.0)
    assert (external.access, external(torch.ones(1, 10)).dtype) == ("gradient", torch.float32)


def test_a_method_represent_is_used_for_representations():
    class Represented(nn.Module):
        def forward(self, clips):
            return levels(clips)

        def represent(self, clips, lengths):
            return torch.stack([clips.amax(1), lengths.float()], 1)

    external = model(Represented())
    assert external.has_representation
    assert external.represent(clip(1, 2, 3)).tolist() == [[3, 3]]
    assert not model().has_representation
    with pytest.raises(StaanetError, match="expected a model with a representation"):
        model().represent(clip(1, 2, 3))


def test_an_attack_with_gradients_and_one_without_fool_it():
    clips, labels = torch.full((2, 10), 0.01), torch.tensor([1, 1])
    threshold = model(lambda clips: levels(clips) + torch.tensor([0.02, 0.0]))
    for name, settings in (("pgd", {"steps": 3}), ("sparse_rs", {"queries": 20})):
        attack = create_attack(name, epsilon=0.02, sparsity=1.0, **settings)
        adversarial = attack(threshold, clips, torch.tensor([0, 0]))
        assert (threshold(adversarial).argmax(1) == labels).all(), name


@pytest.mark.parametrize("rate", [0, -1, 1.5, True, "16k"])
def test_a_sampling_rate_must_be_a_whole_number_of_hertz(rate):
    with pytest.raises(StaanetError, match="expected a sample_rate in Hz"):
        ExternalSettings(labels=LABELS, sample_rate=rate)
