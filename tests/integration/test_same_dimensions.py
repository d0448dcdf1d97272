"""One network of dimensions as a module, as TorchScript and as ONNX: equal outputs, clean and attacked."""

import pytest
import torch
from torch import nn

import staanet
from staanet.attacks.goals import Goal
from staanet.core.seeds import seeded

pytest.importorskip("onnxruntime")

OPTIONS = {"dimensions": ("arousal", "valence"), "scale": (-1, 1), "seconds": 1 / 16}

FILE = """
import torch
from torch import nn


def build():
    filters = nn.Conv1d(1, 4, 32, 16)
    network = nn.Sequential(nn.Unflatten(1, (1, -1)), filters, nn.Tanh(), nn.Flatten(), nn.Linear(244, 2))
    network.load_state_dict(torch.load(FOLDER + "/weights.pt", weights_only=True))
    return network
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    with seeded("network"):
        network = nn.Sequential(
            nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 4, 32, 16), nn.Tanh(), nn.Flatten(), nn.Linear(244, 2)
        ).eval()
    torch.save(network.state_dict(), folder / "weights.pt")
    (folder / "net.py").write_text(FILE.replace("FOLDER", repr(str(folder))))
    clip = torch.zeros(2, 1000)
    torch.jit.save(torch.jit.script(network), str(folder / "net.pt"))
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.onnx.export(network, (clip,), folder / "net.onnx", dynamo=True, dynamic_shapes=({0: batch},), verbose=False)
    return {
        "module": staanet.load_model(f"{folder / 'net.py'}:build", trust=True, **OPTIONS),
        "script": staanet.load_model(folder / "net.pt", trust=True, **OPTIONS),
        "onnx": staanet.load_model(folder / "net.onnx", dimensions=("arousal", "valence"), scale=(-1, 1)),
    }


@pytest.fixture(scope="module")
def clips():
    with seeded("clips"):
        return torch.rand(4, 1000) - 0.5


def test_clean_outputs_are_equal(models, clips):
    expected = models["module"](clips)
    assert expected.shape == (4, 2)
    for name, model in models.items():
        assert model.dimensions == ("arousal", "valence"), name
        assert torch.allclose(model(clips), expected, atol=1e-6), name


def test_attacked_outputs_are_equal_where_there_are_gradients(models, clips):
    goal, attack = Goal(1, 0.5, "up"), staanet.create_attack("pgd", epsilon=0.05, steps=5)
    found = {name: goal.attack(attack, models[name], clips) for name in ("module", "script")}
    outputs = {name: models["module"](adversarial)[:, 1] for name, adversarial in found.items()}
    assert (outputs["module"] > models["module"](clips)[:, 1] + 0.01).all()
    assert torch.allclose(outputs["script"], outputs["module"], atol=1e-5)


def test_an_attack_without_gradients_moves_all_of_them_alike(models, clips):
    goal, attack = Goal(0, 0.5, "down"), staanet.create_attack("sparse_rs", epsilon=0.3, sparsity=0.1, queries=8)
    outputs = {name: model(goal.attack(attack, model, clips))[:, 0] for name, model in models.items()}
    for name, moved in outputs.items():
        assert torch.allclose(moved, outputs["module"], atol=1e-5), name
    assert (outputs["module"] < models["module"](clips)[:, 0]).any()
