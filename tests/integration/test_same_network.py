"""One network as a module, as TorchScript, as an exported program, as ONNX and behind HTTP decides alike everywhere."""

import pytest
import torch
from torch import nn

import staanet
from loopback import Server
from staanet.core.seeds import seeded

pytest.importorskip("onnxruntime")
pytest.importorskip("requests")

LABELS = ["anger", "joy", "neutral"]

FILE = """
import torch
from torch import nn

labels = ["anger", "joy", "neutral"]


def build():
    filters = nn.Conv1d(1, 4, 32, 16)
    network = nn.Sequential(nn.Unflatten(1, (1, -1)), filters, nn.Tanh(), nn.Flatten(), nn.Linear(4 * 61, 3))
    network.load_state_dict(torch.load(FOLDER + "/weights.pt", weights_only=True))
    return network
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    with seeded("network"):
        network = nn.Sequential(
            nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 4, 32, 16), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 61, 3)
        ).eval()
    torch.save(network.state_dict(), folder / "weights.pt")
    (folder / "net.py").write_text(FILE.replace("FOLDER", repr(str(folder))))
    clip = torch.zeros(2, 1000)
    torch.jit.save(torch.jit.script(network), str(folder / "net.pt"))
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.export.save(torch.export.export(network, (clip,), dynamic_shapes=({0: batch},)), folder / "net.pt2")
    torch.onnx.export(network, (clip,), folder / "net.onnx", dynamo=True, dynamic_shapes=({0: batch},), verbose=False)
    server = Server()
    server.card = {"labels": LABELS, "sample_rate": 16_000, "version": "1"}
    server.answer = lambda clips: {"logits": [network(clip[None])[0].tolist() for clip in clips]}
    options = {"labels": LABELS, "seconds": 1 / 16, "trust": True}
    yield {
        "module": staanet.load_model(f"{folder / 'net.py'}:build", seconds=1 / 16),
        "script": staanet.load_model(folder / "net.pt", **options),
        "program": staanet.load_model(folder / "net.pt2", **options),
        "onnx": staanet.load_model(folder / "net.onnx", labels=LABELS),
        "http": staanet.load_model(server.url, seconds=1 / 16, cache=str(folder / "answers.sqlite")),
    }
    server.stop()


@pytest.fixture(scope="module")
def clips():
    with seeded("clips"):
        return torch.rand(6, 1000) - 0.5


def test_clean_decisions_are_equal(models, clips):
    expected = models["module"](clips)
    for name, model in models.items():
        assert torch.allclose(model(clips), expected, atol=1e-5), name
        assert torch.equal(model(clips).argmax(1), expected.argmax(1)), name


def test_attacked_decisions_are_equal_where_there_are_gradients(models, clips):
    attack = staanet.create_attack("pgd", epsilon=0.05, steps=5)
    predicted = models["module"](clips).argmax(1)
    decisions = {}
    for name in ("module", "script", "program"):
        assert models[name].access == "gradient", name
        adversarial = attack(models[name], clips, predicted)
        decisions[name] = models["module"](adversarial).argmax(1)
    assert not torch.equal(decisions["module"], predicted)
    for name, decided in decisions.items():
        assert torch.equal(decided, decisions["module"]), name


def test_a_black_box_attack_gives_the_same_clips_everywhere(models, clips):
    attack = staanet.create_attack("sparse_rs", epsilon=0.2, sparsity=0.1, queries=8)
    predicted = models["module"](clips).argmax(1)
    made = {name: attack(model, clips, predicted) for name, model in models.items()}
    for name, adversarial in made.items():
        assert (adversarial == made["module"]).float().mean() > 0.999, name
