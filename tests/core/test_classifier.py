import numpy as np
import pytest
import torch
from torch import nn

from staanet.core.classifier import as_classifier, bounds_of, frozen, margin


def test_margin_is_negative_exactly_where_another_class_is_decided():
    logits = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(200) % 5
    others = np.array(
        [max(v for k, v in enumerate(row) if k != own) for row, own in zip(logits.tolist(), labels, strict=True)]
    )
    expected = logits.numpy()[np.arange(200), labels.numpy()] - others
    assert margin(logits, labels).numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(margin(logits, labels) < 0, logits.argmax(1) != labels)


class WithLengths(nn.Module):
    def forward(self, waveforms, lengths=None):
        return waveforms.sum(1, keepdim=True) + (0 if lengths is None else lengths[:, None])


class WaveformsOnly(nn.Module):
    bounds = (0.0, 2.0)

    def forward(self, waveforms):
        return waveforms.sum(1, keepdim=True)


def test_a_model_that_takes_lengths_is_given_them():
    model = WithLengths()
    assert as_classifier(model) is model
    assert as_classifier(lambda x, n: x[:, :1] * n[:, None])(torch.ones(1, 3), torch.tensor([7])).item() == 7


def test_a_model_of_waveforms_only_is_wrapped_and_keeps_its_bounds():
    model = as_classifier(WaveformsOnly())
    assert model(torch.ones(1, 4), torch.tensor([4])).item() == 4
    assert bounds_of(model) == (0.0, 2.0)
    assert bounds_of(as_classifier(lambda x: x)) == (-1.0, 1.0)


def test_a_builtin_without_a_signature_is_taken_as_a_function_of_waveforms():
    assert torch.equal(
        as_classifier(torch.relu)(torch.tensor([[-1.0, 2.0]]), torch.tensor([2])), torch.tensor([[0.0, 2.0]])
    )


def fails_within(model):
    with frozen(model):
        raise RuntimeError("inside")


def test_frozen_gives_every_part_back_as_it_came():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    model[1].eval()
    model[0].bias.requires_grad_(False)
    with frozen(as_classifier(model)):
        assert not any(part.training for part in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
    assert [part.training for part in model] == [True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]
    with pytest.raises(RuntimeError, match="inside"):
        fails_within(model)
    assert [part.training for part in model] == [True, False, True]
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]
