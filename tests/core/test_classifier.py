from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from staanet.core.classifier import as_classifier, bounds_of, encoder_of, margin
from staanet.core.errors import StaanetError


def test_margin_is_negative_exactly_where_another_class_is_decided():
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % 5
    others = np.array(
        [max(v for k, v in enumerate(row) if k != own) for row, own in zip(logits.tolist(), labels, strict=True)]
    )
    expected = logits.numpy()[np.arange(200), labels.numpy()] - others
    assert margin(logits, labels).numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(margin(logits, labels) < 0, logits.argmax(1) != labels)


class WaveformsOnly(nn.Module):
    bounds = (0.0, 2.0)

    def forward(self, waveforms):
        return waveforms.sum(1, keepdim=True)


CLIPS, LENGTHS = torch.rand(2, 4), torch.tensor([4, 4])


def test_a_model_of_waveforms_only_is_given_no_lengths_and_keeps_its_bounds():
    model = as_classifier(WaveformsOnly())
    assert model(torch.ones(1, 4), torch.tensor([4])).item() == 4
    assert bounds_of(model) == (0.0, 2.0)
    assert bounds_of(nn.DataParallel(WaveformsOnly())) == (0.0, 2.0)
    assert bounds_of(as_classifier(lambda x: x)) == (-1.0, 1.0)
    assert as_classifier(model) is model


def test_a_builtin_without_a_signature_is_taken_as_a_function_of_waveforms():
    assert torch.equal(
        as_classifier(torch.relu)(torch.tensor([[-1.0, 2.0]]), torch.tensor([2])), torch.tensor([[0.0, 2.0]])
    )


def changes_its_input(waveforms):
    logits = waveforms[:, :2] * 2
    waveforms.zero_()
    return logits


def test_a_model_cannot_change_the_clips():
    clips = CLIPS.clone()
    with torch.no_grad():
        as_classifier(changes_its_input)(clips, LENGTHS)
    assert torch.equal(clips, CLIPS)


Output = namedtuple("SequenceClassifierOutput", "logits")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda w: Output(w), "SequenceClassifierOutput; return its .logits"),
        (lambda w: (w, None), "got tuple; return the tensor of the logits only"),
        (lambda w: {"logits": w}, "got dict; return the tensor"),
        (lambda w: w.numpy(), "got ndarray"),
        (lambda _: None, "got NoneType"),
        (lambda w: w[:, 0], r"expected floating-point logits \[2, K\] .* \[2\]"),
        (lambda w: w[:1], r"\[1, 4\]"),
        (lambda w: w.long(), "torch.int64"),
        (lambda w: w * float("nan"), "NaN or infinite"),
        (lambda w: w / 0, "NaN or infinite"),
    ],
)
def test_an_answer_that_is_no_logits_is_refused_in_a_sentence_that_names_the_model(model, words):
    with torch.no_grad(), pytest.raises(StaanetError, match=words) as refused:
        as_classifier(model)(CLIPS, LENGTHS)
    assert "<lambda>" in str(refused.value)


class ReusesItsAnswer:
    """A model that writes every answer to the same memory, as runtimes for exported models do."""

    def __init__(self):
        self.answer = torch.zeros(2, 4)

    def __call__(self, waveforms):
        return self.answer.copy_(waveforms)


def test_an_answer_stays_when_the_model_writes_the_next_one_to_the_same_memory():
    model = as_classifier(ReusesItsAnswer())
    first = model(CLIPS, LENGTHS)
    model(-CLIPS, LENGTHS)
    assert torch.equal(first, CLIPS)


@pytest.mark.parametrize("model", [None, "model", nn.Linear, torch.zeros(2)])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(StaanetError, match="expected a model that can be called"):
        as_classifier(model)


@pytest.mark.parametrize("bounds", [0, (0,), ("low", "high"), (0, 1, 2)])
def test_bounds_that_are_no_pair_of_numbers_are_refused(bounds):
    model = WaveformsOnly()
    model.bounds = bounds
    with pytest.raises(StaanetError, match=r"bounds \(low, high\)"):
        as_classifier(model)


def test_a_function_around_a_model_in_half_precision_gets_float32_clips():
    network, spectrum = nn.Linear(4, 3).half(), torch.eye(4)
    answer = as_classifier(lambda w: network((w @ spectrum).half()))(CLIPS, LENGTHS)
    assert answer.dtype == torch.float32


def test_the_number_of_classes_cannot_change():
    model = as_classifier(lambda w: w[:, : 2 + len(w)])
    model(CLIPS[:1], LENGTHS[:1])
    with pytest.raises(StaanetError, match=r"of 3 classes .* got 4"):
        model(CLIPS, LENGTHS)


def test_a_gradient_that_is_not_finite_counts_as_zero_at_those_samples_only():
    clips = torch.tensor([[0.0, 0.25], [0.25, 1.0]], requires_grad=True)
    model = as_classifier(lambda w: w.sqrt())
    model(clips, torch.tensor([2, 2])).sum().backward()
    assert clips.grad.tolist() == [[0.0, 1.0], [1.0, 0.5]]
    assert model.nonfinite_gradients == 1


def test_a_large_finite_gradient_whose_sum_overflows_stays_as_it_is():
    clips = torch.zeros(1, 4, requires_grad=True)
    model = as_classifier(lambda w: w * 3e38)
    model(clips, torch.tensor([4])).sum().backward()
    assert clips.grad.tolist() == [[torch.tensor(3e38).item()] * 4]
    assert model.nonfinite_gradients == 0


def test_a_model_in_half_precision_takes_float32_clips_and_answers_in_float32():
    network = nn.Linear(4, 3).bfloat16()
    clips = CLIPS.clone().requires_grad_()
    logits = as_classifier(network)(clips, LENGTHS)
    logits.sum().backward()
    assert logits.dtype == clips.grad.dtype == torch.float32
    assert as_classifier(nn.Linear(4, 3).double())(CLIPS, LENGTHS).dtype == torch.float32


def test_a_model_without_gradients_is_refused_only_where_they_are_needed():
    model = as_classifier(lambda w: w.detach())
    model(CLIPS, LENGTHS)
    with pytest.raises(StaanetError, match="logits with gradients"):
        model(CLIPS.clone().requires_grad_(), LENGTHS)


def test_weights_made_in_inference_mode_are_refused_only_where_gradients_are_needed():
    with torch.inference_mode():
        network = nn.Linear(4, 3)
    model = as_classifier(network)
    with torch.no_grad():
        model(CLIPS, LENGTHS)
    with pytest.raises(StaanetError, match="inference_mode"):
        model(CLIPS.clone().requires_grad_(), LENGTHS)


def test_answers_made_in_inference_mode_can_be_used_outside_it():
    answers = as_classifier(torch.inference_mode()(lambda w: w[:, :2] * 2))(CLIPS, LENGTHS)
    assert not answers.is_inference()


class Encoder(nn.Module):
    def forward(self, waveforms, lengths):
        return waveforms + lengths[:, None]

    def represent(self, waveforms, lengths):
        return waveforms.sqrt() * lengths[:, None]


def test_representations_are_protected_and_checked_as_logits_are():
    clips = torch.tensor([[0.0, 0.25]], requires_grad=True)
    model = as_classifier(Encoder())
    encoder_of(model)(clips, torch.tensor([2])).sum().backward()
    assert clips.grad.tolist() == [[0.0, 2.0]]
    assert model.nonfinite_gradients == 1
    with pytest.raises(StaanetError, match="finite representations"):
        encoder_of(model)(-clips, torch.tensor([2]))
    with pytest.raises(StaanetError, match="represent"):
        encoder_of(as_classifier(WaveformsOnly()))
