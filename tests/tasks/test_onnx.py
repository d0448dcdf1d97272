import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from staanet.attacks.generator import create_generator
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model
from staanet.tasks import onnx as study
from staanet.tasks.onnx import FLIPS, TOLERANCE, PortableGenerator, export
from tiny import TINY


def checkpoint(name, folder, **settings):
    with seeded("export", name):
        network = (
            create_generator(name, **settings) if name in TINY else create_model(name, ("joy", "fear"), **settings)
        )
        for part in network.modules():
            if isinstance(part, torch.nn.BatchNorm1d):
                part.running_mean.uniform_(-1, 1)
    checkpoints.save(network, folder)
    return network.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Export each network once: the network, its file, what was told."""
    done = {}

    def once(name, **settings):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            network = checkpoint(name, folder / "checkpoint", **settings)
            done[name] = network, folder / "out.onnx", export(folder / "checkpoint", folder / "out.onnx")
        return done[name]

    return once


def run(path, **inputs):
    session = onnxruntime.InferenceSession(path)
    return [torch.from_numpy(value) for value in session.run(None, {name: v.numpy() for name, v in inputs.items()})]


@pytest.mark.parametrize("name", ["zhao19", pytest.param("emo18", marks=pytest.mark.slow)])
def test_a_model_decides_the_same_in_onnx_runtime(exported, name):
    model, path, told = exported(name, seconds=0.1)
    assert (told.inputs, told.outputs, told.flips) == (("waveforms", "lengths"), ("logits",), None)
    assert told.difference < TOLERANCE
    for clips, samples in ((1, 1600), (3, 1601), (2, 333), (1, 9), (4, 5000)):
        waveforms, lengths = torch.rand(clips, samples) - 0.5, torch.randint(samples // 2, samples + 1, (clips,))
        (logits,) = run(path, waveforms=waveforms, lengths=lengths)
        with torch.no_grad():
            torch.testing.assert_close(logits, model(waveforms, lengths))
    about = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert {key: about[key] for key in ("name", "labels", "sample_rate")} == {
        "name": name,
        "labels": "joy,fear",
        "sample_rate": "16000",
    }


@pytest.mark.parametrize("name", ["zhao19", pytest.param("emo18", marks=pytest.mark.slow)])
def test_a_constant_clip_has_one_decision_in_torch_and_onnx_runtime(exported, name):
    model, path, _ = exported(name, seconds=0.1)
    offsets = torch.tensor([0.0, 0.3, 0.31, -0.7])[:, None]
    for ripple in (0.0, 2**-15):
        waveforms = offsets + ripple * torch.sin(torch.arange(1600.0) ** 1.1)
        (logits,) = run(path, waveforms=waveforms, lengths=torch.full((4,), 1600))
        with torch.no_grad():
            expected = model(waveforms)
        assert (logits - expected).abs().max() < TOLERANCE
        assert (expected - expected[0]).abs().max() < (TOLERANCE if ripple == 0 else 1e-2)


@pytest.mark.parametrize(
    "name", ["compact", *(pytest.param(name, marks=pytest.mark.slow) for name in ("conditional", "wave_unet"))]
)
def test_a_generator_attacks_the_same_in_onnx_runtime(exported, name):
    generator, path, told = exported(name, **TINY[name])
    assert told.inputs == ("waveforms", "epsilon", "counts")
    assert told.difference < TOLERANCE
    assert told.flips <= FLIPS
    stride = generator.stride
    for clips, samples in ((1, 20 * stride), (2, 20 * stride + 1), (3, 20 * stride - 1), (1, 97), (1, 2)):
        waveforms, epsilon = torch.rand(clips, samples) - 0.5, torch.full((clips, 1), 0.03)
        counts = torch.randint(1, samples + 1, (clips,))
        adversarial, magnitudes, positions = run(path, waveforms=waveforms, epsilon=epsilon, counts=counts)
        with torch.no_grad():
            made = generator(waveforms, epsilon, counts=counts)
        torch.testing.assert_close(magnitudes, made.magnitudes, atol=1e-6, rtol=1e-4)
        assert (positions != made.positions).sum() <= max(2, FLIPS * positions.numel())
        assert (positions.sum(1) <= counts).all()
        expected = (waveforms + magnitudes * positions).clamp(-1, 1)
        torch.testing.assert_close(adversarial, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["compact", pytest.param("wave_unet", marks=pytest.mark.slow)])
def test_a_generator_gives_the_same_for_silence_in_onnx_runtime(exported, name):
    generator, path, _ = exported(name, **TINY[name])
    waveforms, epsilon, counts = torch.zeros(1, 2000), torch.full((1, 1), 0.03), torch.tensor([200])
    adversarial, magnitudes, _ = run(path, waveforms=waveforms, epsilon=epsilon, counts=counts)
    with torch.no_grad():
        made = generator(waveforms, epsilon, counts=counts)
    torch.testing.assert_close(magnitudes, made.magnitudes, atol=1e-6, rtol=1e-4)
    assert torch.isfinite(adversarial).all()


@pytest.mark.parametrize("sparsity", [0.1, "learned"])
@pytest.mark.parametrize("bound", ["tanh", "clip"])
def test_what_is_exported_is_what_the_generator_does(sparsity, bound):
    with seeded("portable"):
        generator = create_generator("compact", **TINY["compact"], sparsity=sparsity, bound=bound)
        waveforms = torch.rand(3, 1001) - 0.5
    portable = PortableGenerator(generator).eval()
    for counts in (torch.tensor([1, 100, 1001]), torch.tensor([300, 7, 55])):
        epsilon = torch.tensor([[0.01], [0.1], [0.02]])
        with torch.no_grad():
            found, expected = portable(waveforms, epsilon, counts), portable.expected(waveforms, epsilon, counts)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)


def test_a_generator_that_needs_gradients_is_refused():
    generator = create_generator("gradient_conditional", **TINY["gradient_conditional"])
    with pytest.raises(StaanetError, match="sees the clip only, got gradient_conditional"):
        PortableGenerator(generator)


def test_a_generator_with_an_lstm_is_refused():
    generator = create_generator("deconvolutional", **TINY["deconvolutional"])
    with pytest.raises(StaanetError, match="without recurrent layers, got deconvolutional, whose LSTM"):
        PortableGenerator(generator)


def test_an_export_that_is_not_the_network_is_refused(tmp_path, monkeypatch):
    checkpoint("compact", tmp_path / "checkpoint", **TINY["compact"])
    monkeypatch.setattr(study, "_write", lambda _, path: path.touch())
    wrong = study.Exported(("waveforms",), ("magnitudes",), difference=0.5, flips=0.25)
    monkeypatch.setattr(study, "_compared", lambda *_: wrong)
    with pytest.raises(StaanetError, match=r"largest difference of 0\.5 and 0\.25 of the positions moved; nothing was"):
        export(tmp_path / "checkpoint", tmp_path / "out.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StaanetError, match=rf"expected the package {package}, found none; install staanet\[export\]"):
        export(tmp_path, tmp_path / "out.onnx")


def test_a_folder_that_is_no_checkpoint_is_told(tmp_path):
    with pytest.raises(StaanetError, match="nosuch: expected a model"):
        export(tmp_path / "nosuch", tmp_path / "out.onnx")
    (tmp_path / "other").mkdir()
    for config in ([], {"name": "staa_net", "settings": {}}):
        (tmp_path / "other" / "config.json").write_text(json.dumps(config))
        (tmp_path / "other" / "model.safetensors").write_bytes(b"")
        with pytest.raises(StaanetError, match="other"):
            export(tmp_path / "other", tmp_path / "out.onnx")


def test_a_model_that_prepares_clips_in_its_own_way_is_refused():
    model = create_model("zhao19", ("joy", "fear"), seconds=0.1)

    class Hears(type(model)):
        def forward_fitted(self, waveforms, lengths):
            return super().forward_fitted(waveforms, lengths)

    with pytest.raises(StaanetError, match="expected a model that repeats or cuts clips to its trained length"):
        study.PortableModel(Hears(model.settings))


def test_examples_of_the_check_hold_lengths_that_no_stride_divides():
    assert any(samples % 256 for _, samples in study.SIZES)
    assert any(samples % 256 == 0 for _, samples in study.SIZES)
    assert np.unique([clips for clips, _ in study.SIZES]).size > 1
