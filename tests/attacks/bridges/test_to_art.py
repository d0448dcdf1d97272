import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from attacks.bridges.helpers import EPSILON, SIZE, art
from staanet.attacks import create_attack
from staanet.attacks.bridges import as_art_attack, as_art_classifier
from staanet.core.classifier import margin
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded

pytest.importorskip("art")


def test_arts_classifier_has_the_logits_of_the_model(recurrent, clips):
    waveforms, _ = clips
    classifier = as_art_classifier(recurrent)
    assert classifier.input_shape == (SIZE,)
    assert classifier.nb_classes == 4
    assert classifier.clip_values.tolist() == [-1, 1]
    logits = recurrent(waveforms).detach()
    for shape in ((-1, SIZE), (-1, 1, SIZE), (-1, 1, 1, SIZE)):
        theirs = classifier.predict(waveforms.numpy().astype(np.float64).reshape(shape))
        torch.testing.assert_close(torch.from_numpy(theirs), logits, atol=1e-5, rtol=0)


def test_arts_gradient_is_ours_and_leaves_the_model_unchanged(recurrent, clips):
    waveforms, labels = clips
    one_hot = functional.one_hot(labels, 4).numpy()
    points = waveforms.clone().requires_grad_()
    (expected,) = torch.autograd.grad(functional.cross_entropy(recurrent(points), labels, reduction="sum"), points)
    recurrent.train()
    try:
        classifier = as_art_classifier(recurrent)
        first, second = (len(labels) * classifier.loss_gradient(waveforms.numpy(), one_hot) for _ in range(2))
        assert all(part.training for part in recurrent.modules())
    finally:
        recurrent.eval()
    assert all(parameter.requires_grad and parameter.grad is None for parameter in recurrent.parameters())
    assert (first == second).all()
    torch.testing.assert_close(torch.from_numpy(first), expected, atol=1e-6, rtol=1e-3)


def test_arts_own_attack_runs_on_a_model(model, clips):
    evasion = pytest.importorskip("art.attacks.evasion")
    waveforms, labels = clips
    attack = evasion.FastGradientMethod(as_art_classifier(model, SIZE), eps=EPSILON)
    theirs = torch.from_numpy(attack.generate(waveforms.numpy(), labels.numpy()))
    assert (margin(model(theirs), labels) < margin(model(waveforms), labels)).all()
    torch.testing.assert_close(theirs, art("FastGradientMethod")(model, waveforms, labels), atol=1e-6, rtol=0)


def test_a_model_without_a_trained_length_needs_a_size():
    with pytest.raises(StaanetError, match=r"expected the samples of a clip .* give size"):
        as_art_classifier(lambda waveforms: waveforms[:, :3])

    class Narrow:
        bounds = (0.0, 0.5)

        def __call__(self, waveforms):
            return waveforms[:, :3]

    classifier = as_art_classifier(Narrow(), size=16)
    assert classifier.nb_classes == 3
    assert classifier.clip_values.tolist() == [0, 0.5]


def test_our_attack_as_arts_gives_the_same_audio(model, clips):
    waveforms, labels = clips
    ours = create_attack("fgsm", epsilon=EPSILON)
    bridged = as_art_attack(ours, as_art_classifier(model, SIZE), batch_size=3)
    expected = ours(model, waveforms, labels)
    one_hot = functional.one_hot(labels, 4).numpy()
    for given in (labels.numpy(), labels.numpy()[:, None], one_hot, one_hot.astype(np.float32), None):
        found = bridged.generate(waveforms.numpy(), given) if given is not None else bridged.generate(waveforms.numpy())
        torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-6, rtol=0)
    found = bridged.generate(x=waveforms.numpy()[:, None], y=one_hot)
    assert found.shape == (8, 1, SIZE)
    assert found.dtype == np.float32


def test_the_seed_of_a_bridged_attack_counts(model, clips):
    waveforms, labels = clips
    noise = create_attack("noise", epsilon=EPSILON, sparsity=0.1)
    first, second = (
        as_art_attack(noise, as_art_classifier(model, SIZE), seed=seed).generate(waveforms.numpy(), labels.numpy())
        for seed in (0, 1)
    )
    assert (first == noise(model, waveforms, labels).numpy()).all()
    assert (first != second).any()


def test_a_targeted_attack_of_ours_is_targeted_there(model, clips, others):
    waveforms, _ = clips
    ours = create_attack("fgsm", epsilon=EPSILON, targeted=True)
    bridged = as_art_attack(ours, as_art_classifier(model, SIZE))
    assert bridged.targeted
    found = torch.from_numpy(bridged.generate(waveforms.numpy(), others.numpy()))
    torch.testing.assert_close(found, ours(model, waveforms, others), atol=1e-6, rtol=0)
    with pytest.raises(StaanetError, match="expected labels y for a targeted attack"):
        bridged.generate(waveforms.numpy())


def test_a_classifier_of_arts_own_keeps_its_preprocessing_and_bounds():
    classification = pytest.importorskip("art.estimators.classification")
    network = nn.Linear(16, 3)
    settings = {"preprocessing": (0.5, 2.0), "clip_values": (0.0, 1.0), "device_type": "cpu"}
    classifier = classification.PyTorchClassifier(network, nn.CrossEntropyLoss(), (1, 1, 16), 3, **settings)
    flat = nn.Sequential(nn.Flatten(), network)
    classifier._model._model = flat
    with seeded("clips"):
        clips = torch.rand(4, 16) * 0.1
    labels = flat((clips - 0.5) / 2).argmax(1)

    class Plain:
        bounds = (0.0, 1.0)

        def __call__(self, waveforms):
            return flat((waveforms - 0.5) / 2)

    ours = create_attack("fgsm", epsilon=0.1)
    found = as_art_attack(ours, classifier).generate(clips.reshape(4, 1, 1, 16).numpy(), labels.numpy())
    torch.testing.assert_close(torch.from_numpy(found).reshape(4, 16), ours(Plain(), clips, labels))
    assert found.min() >= 0
    assert network.weight.grad is None


def test_an_estimator_that_cannot_be_attacked_is_rejected(model):
    classification = pytest.importorskip("art.estimators.classification")
    fgsm = create_attack("fgsm")
    with pytest.raises(
        StaanetError, match="expected a PyTorchClassifier of ART, got Sequential; see as_art_classifier"
    ):
        as_art_attack(fgsm, model)
    endless = classification.PyTorchClassifier(nn.Linear(4, 2), nn.CrossEntropyLoss(), (4,), 2, device_type="cpu")
    with pytest.raises(StaanetError, match="expected an estimator with clip_values"):
        as_art_attack(fgsm, endless)
