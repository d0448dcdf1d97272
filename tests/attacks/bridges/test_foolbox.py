import sys

import pytest
import torch

from attacks.bridges.helpers import EPSILON, SIZE
from staanet.attacks import create_attack
from staanet.attacks.bridges import as_art_attack, as_art_classifier, as_foolbox_model
from staanet.core.errors import StaanetError


def test_foolboxs_attack_runs_on_a_model(recurrent, clips):
    attacks = pytest.importorskip("foolbox.attacks")
    waveforms, labels = clips
    ours = create_attack("fgsm", epsilon=EPSILON)(recurrent, waveforms, labels)
    logits = recurrent(waveforms)
    recurrent.train()
    try:
        model = as_foolbox_model(recurrent)
        torch.testing.assert_close(model(waveforms), logits, atol=1e-5, rtol=0)
        theirs, _, _ = attacks.LinfFastGradientAttack()(model, waveforms, labels, epsilons=EPSILON)
        assert all(part.training for part in recurrent.modules())
    finally:
        recurrent.eval()
    assert tuple(model.bounds) == (-1, 1)
    assert ((theirs - ours).abs() < 1e-6).float().mean() > 0.999
    assert all(parameter.grad is None for parameter in recurrent.parameters())


@pytest.mark.parametrize(
    ("package", "bridge"),
    [
        ("art", lambda model: as_art_classifier(model, SIZE)),
        ("art", lambda model: as_art_attack(create_attack("fgsm"), model)),
        ("art", lambda _: create_attack("art", attack_class="VirtualAdversarialMethod")),
        ("foolbox", as_foolbox_model),
    ],
)
def test_a_missing_extra_is_reported(package, bridge, model, monkeypatch):
    for name in {package, *(name for name in sys.modules if name.split(".")[0] == package)}:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StaanetError, match=rf"the package {package}.*, found none; install staanet\[{package}\]"):
        bridge(model)
