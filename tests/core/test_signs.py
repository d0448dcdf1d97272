import pytest
import torch
from torch import nn

from staanet.core.signs import find_signs
from staanet.core.unwrapping import frozen

CLIPS = torch.rand(4, 8, generator=torch.Generator().manual_seed(0)) - 0.5
LENGTHS = torch.full((4,), 8)
WEIGHTS = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))


class StaysInTraining(nn.Module):
    def forward(self, waveforms):
        self.train()
        return waveforms @ WEIGHTS


def of_any_length(waveforms):
    return waveforms @ WEIGHTS.repeat(2, 1)[: waveforms.shape[1]]


SIGNS = {
    "randomised": lambda w: of_any_length(w) + torch.rand(3),
    "batch_dependent": lambda w: of_any_length(w - w.mean(0)),
    "padding_dependent": lambda w: of_any_length(w) / w.shape[1] * torch.tensor([1.0, 2.0, w.shape[1]]),
    "probabilities": lambda w: of_any_length(w).softmax(1),
    "training_mode": StaysInTraining(),
    "zero_gradients": lambda w: of_any_length(w) + 200 * torch.nn.functional.one_hot(of_any_length(w).argmax(1), 3),
    "nonfinite_gradients": lambda w: of_any_length((w * (w > 0)).sqrt()),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_model_with_one_fault_shows_its_sign_and_no_other(sign):
    assert [name for name, _ in find_signs(SIGNS[sign], CLIPS, LENGTHS).meanings()] == [sign]


def test_a_sound_model_shows_no_sign():
    signs = find_signs(of_any_length, CLIPS, LENGTHS)
    assert signs.meanings() == []
    assert (signs.padding_dependent, signs.batch_dependent, signs.zero_gradients) == (False, False, 0.0)


def test_what_cannot_be_looked_for_is_none():
    only_eight = find_signs(lambda w: w @ WEIGHTS, CLIPS[:1], LENGTHS[:1])
    assert (only_eight.padding_dependent, only_eight.batch_dependent) == (None, None)
    assert find_signs(lambda w: (w @ WEIGHTS).detach(), CLIPS, LENGTHS).zero_gradients is None


def of_one_length(waveforms):
    assert waveforms.shape[1] == 8
    return waveforms @ WEIGHTS


@pytest.mark.parametrize(
    ("model", "sign"),
    [
        (of_one_length, "padding_dependent"),
        (lambda w: torch.zeros(8, 3)[torch.arange(w.shape[1])].sum(0) + w @ WEIGHTS, "padding_dependent"),
        (lambda w: w.view(4, 8) @ WEIGHTS, "batch_dependent"),
    ],
    ids=["assertion", "index", "batch"],
)
def test_a_model_that_fails_for_other_clips_is_not_blamed(model, sign):
    assert getattr(find_signs(model, CLIPS, LENGTHS), sign) is None


class NoBackward(torch.autograd.Function):
    @staticmethod
    def forward(_, waveforms):
        return waveforms @ WEIGHTS

    @staticmethod
    def backward(*_):
        raise RuntimeError("cudnn RNN backward can only be called in training mode")


@pytest.mark.parametrize("model", [NoBackward.apply, lambda w: nn.Parameter(torch.zeros(3)) + (w @ WEIGHTS).detach()])
def test_a_model_whose_gradient_cannot_be_computed_has_unknown_signs_of_it(model):
    signs = find_signs(model, CLIPS, LENGTHS)
    assert (signs.zero_gradients, signs.nonfinite_gradients) == (None, None)


@pytest.mark.parametrize(
    "answer", [lambda v: v.half().softmax(1), lambda v: v.softmax(1) * 0.9, torch.sigmoid], ids=["half", "rest", "each"]
)
def test_answers_between_0_and_1_are_taken_for_probabilities(answer):
    assert find_signs(lambda w: answer(of_any_length(w)), CLIPS, LENGTHS).probabilities


def test_a_network_in_training_mode_is_looked_at_as_it_is_used_in_eval_mode():
    network = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 3))
    signs = find_signs(lambda w: network(w), CLIPS, LENGTHS)
    assert signs.meanings() == []
    assert network.training
    with frozen(network):
        assert not network.training


def test_looking_for_signs_counts_no_gradients_of_an_attack_and_works_in_inference_mode():
    with torch.inference_mode():
        clips = CLIPS.clone()
        assert find_signs(SIGNS["nonfinite_gradients"], clips, LENGTHS).nonfinite_gradients > 0
