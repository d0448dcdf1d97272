"""What every attack in the registry, and `observe`, do with models and inputs that are not as they should be."""

import warnings
from collections import namedtuple

import numpy as np
import pytest
import torch

from every_attack import CASES, build
from staanet import observe
from staanet.attacks import ATTACKS
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.metrics import summary

GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(1600, 3, generator=GENERATOR) * 0.3
CLIPS = torch.rand(3, 1600, generator=GENERATOR) - 0.5
CLIPS[:, :200] = 0  # digital silence, as in corpora of FLAC files
WITHOUT_SOURCE = ("staa_net", "shuffled_staa_net")
Output = namedtuple("SequenceClassifierOutput", "logits")


class Linear:
    """A classifier of waveforms with representations; a subclass changes its answers."""

    def __call__(self, waveforms, _lengths):
        return self.compressed(waveforms) @ WEIGHTS

    def represent(self, waveforms, _lengths):
        return self.compressed(waveforms).reshape(len(waveforms), 40, 40).sum(1)

    def compressed(self, waveforms):
        return waveforms


class Root(torch.autograd.Function):
    """The square root with a gradient of zero at zero."""

    @staticmethod
    def forward(context, values):
        context.save_for_backward(values.sqrt())
        return values.sqrt()

    @staticmethod
    def backward(context, gradients):
        (roots,) = context.saved_tensors
        return torch.where(roots > 0, gradients / (2 * roots.clamp_min(1e-12)), 0)


class NanAtZero(Linear):
    """Power-law compression as in many front ends, whose gradient at zero is not defined."""

    def compressed(self, waveforms):
        return waveforms.abs().sqrt() * waveforms.sign()


class ZeroAtZero(Linear):
    """The same logits, with a gradient of zero where the other one is not defined."""

    def compressed(self, waveforms):
        return Root.apply(waveforms.abs()) * waveforms.sign()


class NotANumber(Linear):
    def compressed(self, waveforms):
        return waveforms * float("nan")


class Wrapped(Linear):
    def __init__(self, wrap):
        self.wrap = wrap

    def __call__(self, waveforms, lengths):
        return self.wrap(super().__call__(waveforms, lengths))

    def represent(self, waveforms, lengths):
        return self.wrap(super().represent(waveforms, lengths))


class ChangesItsInput(Linear):
    def __call__(self, waveforms, lengths):
        logits = super().__call__(waveforms, lengths)
        with torch.no_grad():
            waveforms.zero_()
            lengths.zero_()
        return logits


LABELS = Linear()(CLIPS, None).argmax(1)
ASKING = [case for case in CASES if not ATTACKS[case[0]].model_free and case[0] not in WITHOUT_SOURCE]
WITH_GRADIENTS = [case for case in ASKING if ATTACKS[case[0]].access == "gradient"]


def attacked(attack, model, clips=CLIPS, labels=LABELS):
    """Return the attacked clips and the warnings of the library."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        adversarial = attack(model, clips, labels, seed=1)
    return adversarial, [str(w.message) for w in given if issubclass(w.category, StaanetWarning)]


@pytest.mark.parametrize("case", WITH_GRADIENTS, ids="-".join)
def test_a_gradient_that_is_not_defined_counts_as_zero_with_a_warning(case):
    attack = build(*case)
    expected, none = attacked(attack, ZeroAtZero())
    found, given = attacked(attack, NanAtZero())
    assert torch.equal(found, expected)
    assert none == []
    assert len(given) == 1
    assert "NanAtZero: " in given[0]
    assert "not finite" in given[0]


@pytest.mark.parametrize("case", ASKING, ids="-".join)
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (NotANumber(), "finite .* from NotANumber"),
        (Wrapped(Output), "return its .logits"),
        (Wrapped(lambda answer: (answer, None)), "got tuple"),
    ],
    ids=["NaN", "output", "tuple"],
)
def test_an_answer_that_is_no_decision_is_refused(case, model, words):
    with pytest.raises(StaanetError, match=words):
        build(*case)(model, CLIPS, LABELS)


@pytest.mark.parametrize("case", ASKING, ids="-".join)
def test_a_model_cannot_change_the_clips_or_their_lengths(case):
    clips, lengths = CLIPS.clone(), torch.full((3,), 1600)
    attack = build(*case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        expected = attack(Linear(), CLIPS, LABELS, seed=1)
        found = attack(ChangesItsInput(), clips, LABELS, lengths, seed=1)
    assert torch.equal(found, expected)
    assert torch.equal(clips, CLIPS)
    assert lengths.tolist() == [1600] * 3


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_other_kinds_of_numbers_give_the_same_clips(case):
    attack = build(*case)
    expected, _ = attacked(attack, Linear())
    kinds = [
        (CLIPS.double(), LABELS.int()),
        (CLIPS.numpy(), LABELS.numpy().astype(np.uint8)),
        (CLIPS.tolist(), LABELS.tolist()),
    ]
    for clips, labels in kinds:
        assert torch.equal(attacked(attack, Linear(), clips, labels)[0], expected)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_an_empty_batch_stays_empty(case):
    assert build(*case)(Linear(), CLIPS[:0], LABELS[:0]).shape == (0, 1600)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_inference_mode_changes_nothing(case):
    attack = build(*case)
    expected, _ = attacked(attack, Linear())
    with torch.inference_mode():
        found, _ = attacked(attack, Linear(), CLIPS.clone(), LABELS.clone())
    assert torch.equal(found, expected)


def observed(model, clips=CLIPS, attacked_clips=CLIPS * 0.9, labels=LABELS, **more):
    return observe(model, clips, attacked_clips, labels, **more)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (NotANumber(), "finite logits from NotANumber"),
        (Wrapped(Output), "return its .logits"),
        (Wrapped(lambda answer: (answer, None)), "got tuple"),
    ],
)
def test_observe_refuses_an_answer_that_is_no_decision(model, words):
    for clean in (None, Linear()(CLIPS, None)):
        with pytest.raises(StaanetError, match=words):
            observed(model, clean_logits=clean)
    with pytest.raises(StaanetError, match="finite clean_logits"):
        observed(Linear(), clean_logits=torch.full((3, 3), torch.nan))


@pytest.mark.parametrize(
    "numbers",
    [
        lambda values: values.tolist(),
        lambda values: values.numpy(),
        lambda values: values.double() if values.is_floating_point() else values.to(torch.uint8),
    ],
    ids=["lists", "NumPy", "other types"],
)
def test_observe_takes_other_kinds_of_numbers(numbers):
    outcome = observed(Linear(), numbers(CLIPS), numbers(CLIPS * 0.9), numbers(LABELS))
    assert summary(outcome) == summary(observed(Linear()))


def test_observe_refuses_an_empty_batch_and_labels_of_another_model():
    with pytest.raises(StaanetError, match="one clip or more"):
        observed(Linear(), CLIPS[:0], CLIPS[:0], LABELS[:0])
    with pytest.raises(StaanetError, match=r"labels in 0\.\.2, got \[0, 1, 7\]"):
        observed(Linear(), labels=[0, 1, 7])


def test_observe_takes_clean_logits_of_any_kind():
    logits = Linear()(CLIPS.clone().requires_grad_(), None)
    expected = summary(observed(Linear()))
    for clean in (logits, logits.detach().numpy(), logits.tolist()):
        assert summary(observed(Linear(), clean_logits=clean)) == expected


@pytest.mark.parametrize("more", [{"draws": 0}, {"ids": ["a"]}, {"ids": ["a", "a", "b"]}])
def test_observe_refuses_draws_and_ids_that_do_not_fit(more):
    with pytest.raises(StaanetError, match="3 different ids and one draw or more"):
        observed(Linear(), **more)


def test_observe_works_in_inference_mode():
    with torch.inference_mode():
        assert summary(observed(Linear(), CLIPS.clone())) == summary(observed(Linear()))


def test_observe_warns_of_signs_that_numbers_say_little():
    with pytest.warns(StaanetWarning, match="Wrapped: probabilities: the model returns probabilities"):
        observed(Wrapped(lambda answer: answer.softmax(1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", StaanetWarning)
        observed(Linear())
        observed(Wrapped(lambda answer: answer.softmax(1)), inspect=False)
