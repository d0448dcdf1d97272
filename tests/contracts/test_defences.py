"""Contract tests of all registered defences."""

import dataclasses
import json

import pytest
import torch
from torch.nn import functional

from every_defence import build, needs
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.defences import DEFENCES, InputDefence, TrainingDefence, create_defence, defence_of
from staanet.models import create_model
from staanet.models.wrappers import DefendedView

INPUT = [name for name in DEFENCES if issubclass(DEFENCES[name], InputDefence)]
TRAINING = [name for name in DEFENCES if issubclass(DEFENCES[name], TrainingDefence)]


def model():
    with seeded("victim"):
        return create_model("zhao19", labels="abc", seconds=0.05)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("defences")


@pytest.mark.parametrize("name", DEFENCES)
def test_is_frozen_and_describes_itself(name, folder):
    own = needs(name, folder)
    defence = create_defence(name, **own)
    assert defence.name == name
    assert defence.reference
    with pytest.raises(dataclasses.FrozenInstanceError):
        defence.name = "another"
    with pytest.raises(StaanetError, match=f"{name}: expected a key from"):
        create_defence(name, **own, colour=1)
    assert defence_of({"defence": name, **own}) == defence
    assert own or defence_of(name) == defence
    assert defence.identity()["name"] == name
    assert str(folder) not in json.dumps(defence.identity())


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in DEFENCES for preset in DEFENCES[name].presets])
def test_a_preset_changes_the_defaults(name, preset):
    assert create_defence(name, preset=preset) == create_defence(name, **DEFENCES[name].presets[preset])
    with pytest.raises(StaanetError, match=f"{name}: expected a preset from .*{preset}"):
        create_defence(name, preset="other")


@pytest.mark.parametrize("name", INPUT)
def test_a_clips_result_does_not_depend_on_the_batch(name, clips, folder):
    waveforms, lengths, _ = clips
    defence = build(name, folder)
    together = defence(waveforms, lengths, 16_000)
    assert together.shape == waveforms.shape
    assert together.dtype == waveforms.dtype
    assert (together != waveforms).any(1).all()
    for row, (clip, length) in enumerate(zip(waveforms, lengths.tolist(), strict=True)):
        assert (together[row, length:] == 0).all()
        alone = defence(clip[None, :length], lengths[row : row + 1], 16_000)
        torch.testing.assert_close(alone[0], together[row, :length], atol=1e-6, rtol=0)
    padded = defence(functional.pad(waveforms, (0, 50)), lengths, 16_000)
    torch.testing.assert_close(padded[:, :900], together, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", INPUT)
def test_gradients_of_a_defended_model_reach_every_clip(name, clips, folder):
    waveforms, lengths, labels = clips
    defended = DefendedView(model(), build(name, folder))
    waveforms = waveforms.clone().requires_grad_()
    logits = defended(waveforms, lengths)
    (gradients,) = torch.autograd.grad(functional.cross_entropy(logits, labels), waveforms)
    assert torch.isfinite(gradients).all()
    assert (gradients != 0).any(1).all()
    for row, length in zip(gradients, lengths, strict=True):
        assert (row[length:] == 0).all()


@pytest.mark.parametrize("name", INPUT)
def test_a_defended_model_classifies_the_transformed_clips(name, clips, folder):
    waveforms, lengths, _ = clips
    plain, defence = model(), build(name, folder)
    defended = DefendedView(plain, defence)
    changed = defence(waveforms, lengths, 16_000)
    torch.testing.assert_close(defended(waveforms, lengths), plain(changed, lengths))
    torch.testing.assert_close(defended.represent(waveforms, lengths), plain.represent(changed, lengths))


@pytest.mark.parametrize("name", INPUT)
def test_silence_and_a_single_sample_stay_finite(name, folder):
    defence = build(name, folder)
    assert torch.isfinite(defence(torch.zeros(1, 800), torch.tensor([800]), 16_000)).all()
    assert torch.isfinite(defence(torch.ones(1, 1), torch.tensor([1]), 16_000)).all()


@pytest.mark.parametrize("with_teacher", [False, True])
@pytest.mark.parametrize("name", TRAINING)
def test_a_loss_teaches_and_leaves_the_mode(name, with_teacher, clips):
    waveforms, lengths, labels = clips
    learner = model().train()
    teacher = model().eval() if with_teacher else None
    loss = create_defence(name).loss(learner, teacher, waveforms[:, :800], torch.full_like(lengths, 800), labels)
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert learner.training
    assert all(parameter.requires_grad for parameter in learner.parameters())
    assert any((parameter.grad != 0).any() for parameter in learner.parameters() if parameter.grad is not None)
    if teacher is not None:
        assert all(parameter.grad is None for parameter in teacher.parameters())


@pytest.mark.parametrize("name", TRAINING)
def test_a_loss_uses_the_criterion_of_the_training(name, clips):
    waveforms, lengths, labels = clips
    calls, losses = [], []

    def criterion(logits, targets):
        calls.append((logits.shape, targets.shape))
        losses.append(functional.cross_entropy(logits, targets))
        return 2 * losses[-1]

    arguments = model(), None, waveforms[:, :800], torch.full_like(lengths, 800), labels
    with seeded(0):
        plain = create_defence(name).loss(*arguments)
    with seeded(0):
        doubled = create_defence(name).loss(*arguments, criterion)
    torch.testing.assert_close(doubled - plain, losses[0])
    assert len(calls) == 1
    (rows, classes), (targets,) = calls[0]
    assert (targets, classes) == (rows, 3)
    assert rows % len(labels) == 0
