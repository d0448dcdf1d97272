import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from staanet.attacks import create_attack
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model
from staanet.models.external import External, ExternalSettings
from staanet.models.loaders.onnx import Onnx
from staanet.tasks.onnx import export

WEIGHTS = torch.tensor([[3.0, -2.0, 0.5], [1.0, 4.0, -6.0]])
LABELS = ("anger", "joy", "neutral")
FLOAT = TensorProto.FLOAT


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, opsets=(("", 17),), **about):
    weights = [numpy_helper.from_array(WEIGHTS.numpy(), "weights")]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=9)
    helper.set_model_props(model, about or {"labels": ",".join(LABELS), "sample_rate": "8000"})
    onnx.save(model, path)
    return str(path)


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def loudness(path, shape=("batch", "time"), kind=FLOAT, output="logits", batch="batch", **about):
    """Write a model of the mean and the mean size of a clip: logits = [mean |x|, mean x] @ WEIGHTS."""
    axes = [len(shape) - 1]
    nodes = [
        node("Cast", "waveforms", "x", to=FLOAT),
        node("Abs", "x", "size"),
        node("ReduceMean", "size", "first", axes=axes),
        node("ReduceMean", "x", "second", axes=axes),
        node("Concat", "first second", "both", axis=len(shape) - 1),
        *([node("Squeeze", "both one", "features")] if len(shape) == 3 else [node("Identity", "both", "features")]),
        node("MatMul", "features weights", "sums"),
        node("Cast", "sums", output, to=kind),
    ]
    if len(shape) == 3:
        nodes.insert(0, node("Constant", "", "one", value=numpy_helper.from_array(np.array([1]))))
    answer = value(output, [3] if len(shape) == 1 else [batch, 3], kind)
    return save(path, nodes, [value("waveforms", shape, kind)], [answer], **about)


def expected(waveforms):
    return torch.stack([waveforms.abs().mean(1), waveforms.mean(1)], 1) @ WEIGHTS


def load(path, **settings):
    Onnx(**settings).check(str(path))
    return Onnx(**settings).load(str(path))


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "FLOAT16"])
@pytest.mark.parametrize("shape", [("batch", "time"), ("batch", 1, "time"), ("time",)])
def test_clips_have_the_answers_of_the_graph(tmp_path, kind, shape, clips):
    waveforms, lengths, _ = clips
    model = load(loudness(tmp_path / "model.onnx", shape, getattr(TensorProto, kind)))
    assert (model.name, model.labels, model.sample_rate, model.trained_length) == ("model.onnx", LABELS, 8000, None)
    answers = torch.cat([expected(clip[None, :length]) for clip, length in zip(waveforms, lengths, strict=True)])
    torch.testing.assert_close(model(waveforms, lengths), answers, atol=1e-2 if kind == "FLOAT16" else 1e-5, rtol=1e-3)


def test_fixed_sizes_take_any_number_of_clips_of_any_length(tmp_path, clips):
    path = loudness(tmp_path / "fixed.onnx", (2, 800), batch=2)
    model = load(path)
    assert model.trained_length == 800
    torch.testing.assert_close(model(clips[0]), expected(clips[0][:, :800]))
    torch.testing.assert_close(model(torch.ones(1, 400)), expected(torch.ones(1, 800)))
    assert load(path, seconds=0.1).trained_length == 800
    with pytest.raises(
        StaanetError, match=r"fixed\.onnx: expected an input of 800 samples.*got 0\.2 s; leave seconds out"
    ):
        load(path, seconds=0.2)


def test_the_framing_is_that_of_the_settings(tmp_path):
    path = loudness(tmp_path / "model.onnx")
    settings = {"seconds": 0.1, "offset": 0.01, "crop": "centre", "fill": "zeros"}
    model = load(path, labels={"joy": "happiness"}, sample_rate=16_000, **settings)
    assert (model.labels, model.sample_rate) == (("anger", "happiness", "neutral"), 16_000)
    long, short = torch.rand(1, 2000), torch.rand(1, 700)
    torch.testing.assert_close(model(long), expected(long[:, 280:1880]))
    torch.testing.assert_close(model(short), expected(torch.nn.functional.pad(short[:, 160:], (0, 1060))))
    probabilities = load(path, labels=("a", "b", "c"), outputs="probabilities")
    assert probabilities.labels == ("a", "b", "c")
    torch.testing.assert_close(probabilities(long), expected(long).clamp_min(1e-12).log())


@pytest.mark.parametrize("shape", [["batch"], ["batch", "time"]])
def test_lengths_and_masks_reach_the_model(tmp_path, shape, clips):
    nodes = [
        node("Cast", "lengths", "numbers", to=FLOAT),
        *([node("ReduceSum", "numbers axes", "sums", keepdims=1)] if len(shape) == 2 else []),
        *([] if len(shape) == 2 else [node("Unsqueeze", "numbers axes", "sums")]),
        node("ReduceMean", "waveforms", "mean", axes=[1]),
        node("Concat", "sums mean", "logits", axis=1),
    ]
    nodes.insert(0, node("Constant", "", "axes", value=numpy_helper.from_array(np.array([1]))))
    inputs = [value("waveforms", ["batch", "time"]), value("lengths", shape, TensorProto.INT64)]
    path = save(tmp_path / "model.onnx", nodes, inputs, [value("logits", ["batch", 2])], labels="a,b")
    assert load(path)(*clips[:2])[:, 0].tolist() == clips[1].tolist()


def test_the_output_named_logits_comes_first(tmp_path, clips):
    def two(path, first, second, shape=("batch", 3)):
        nodes = [node("ReduceMean", "waveforms", "mean", axes=[1])]
        nodes += [node("Concat", "mean mean mean", first, axis=1), node("Neg", first, second)]
        outputs = [value(first, shape), value(second, ["batch", 3])]
        return load(save(path, nodes, [value("waveforms", ["batch", "time"])], outputs))(clips[0])

    mean = clips[0].mean(1, keepdim=True).expand(3, 3)
    torch.testing.assert_close(two(tmp_path / "a.onnx", "hidden", "logits"), -mean)
    torch.testing.assert_close(two(tmp_path / "b.onnx", "one", "other"), mean)


@pytest.mark.slow
def test_our_own_export_is_the_model(tmp_path):
    with seeded("export"):
        model = create_model("zhao19", LABELS, seconds=0.1)
        waveforms, lengths = torch.rand(3, 2000) - 0.5, torch.tensor([2000, 1999, 611])
    checkpoints.save(model, tmp_path / "checkpoint")
    export(tmp_path / "checkpoint", tmp_path / "model.onnx")
    loaded = load(tmp_path / "model.onnx")
    assert (loaded.labels, loaded.sample_rate) == (LABELS, 16_000)
    with torch.no_grad():
        torch.testing.assert_close(loaded(waveforms, lengths), model(waveforms, lengths), atol=1e-4, rtol=1e-4)


def test_black_box_attacks_find_what_they_find_in_torch_and_gradient_attacks_say_why_not(tmp_path, clips):
    model = load(loudness(tmp_path / "model.onnx"))
    module = External(expected, ExternalSettings(labels=LABELS, sample_rate=8000), "module")
    assert (model.access, module.access) == ("scores", "gradient")
    waveforms, lengths, _ = clips
    labels = model(waveforms, lengths).argmax(1)
    attack = create_attack("sparse_rs", epsilon=0.5, sparsity=0.2, queries=50)
    attacked = attack(model, waveforms, labels, lengths)
    assert torch.equal(attacked, attack(module, waveforms, labels, lengths))
    assert not torch.equal(attacked, waveforms)
    with pytest.raises(StaanetError, match=r"expected logits with gradients from model\.onnx"):
        create_attack("pgd", epsilon=0.1, steps=2)(model, waveforms, labels, lengths)


def test_the_identity_is_that_of_the_weights_too(tmp_path):
    path = loudness(tmp_path / "one.onnx")
    model = onnx.load(path)
    onnx.save_model(model, tmp_path / "two.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    two = str(tmp_path / "two.onnx")
    torch.testing.assert_close(load(two)(torch.ones(1, 900)), expected(torch.ones(1, 900)))
    before = Onnx().identity(two)
    assert before["file"] != Onnx().identity(path)["file"]
    (tmp_path / "weights").write_bytes(WEIGHTS.neg().numpy().tobytes())
    assert Onnx().identity(two) != before
    (tmp_path / "weights").unlink()
    for use in (Onnx().check, Onnx().identity):
        with pytest.raises(StaanetError, match=r"two\.onnx: expected its weights in the file weights .*found none"):
            use(two)


def test_weights_outside_of_the_folder_are_not_read(tmp_path):
    (tmp_path / "folder").mkdir()
    path = loudness(tmp_path / "folder" / "model.onnx")
    (tmp_path / "weights").write_bytes(WEIGHTS.numpy().tobytes())
    model = onnx.load(path)
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../weights")
    model.graph.initializer[0].ClearField("raw_data")
    onnx.save(model, path)
    with pytest.raises(StaanetError, match=r"expected its weights in the same folder, got the path \.\./weights"):
        Onnx().check(path)


def broken(kind, path):
    waveforms, logits = value("waveforms", ["batch", "time"]), value("logits", ["batch", 3])
    copy = [node("Identity", "waveforms", "logits")]
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("a letter, not a network\n" * 50)
    elif kind == "cut":
        loudness(path)
        path.write_bytes(path.read_bytes()[:150])
    elif kind == "custom":
        save(path, [node("Spectrum", "waveforms", "logits", domain="my.ops")], [waveforms], [logits], (("my.ops", 1),))
    elif kind == "custom within":
        body = helper.make_graph([node("Spectrum", "waveforms", "y", domain="my.ops")], "b", [], [value("y", None)])
        condition = node("Constant", "", "c", value=numpy_helper.from_array(np.array(True)))
        choice = node("If", "c", "logits", then_branch=body, else_branch=body)
        save(path, [condition, choice], [waveforms], [logits], (("", 17), ("my.ops", 1)))
    elif kind == "unknown":
        save(path, [node("Spectrum", "waveforms", "logits")], [waveforms], [logits])
    elif kind == "opset":
        save(path, copy, [waveforms], [logits], (("", 99),))
    elif kind == "no output":
        save(path, copy, [waveforms], [])
    elif kind == "frames":
        save(path, copy, [waveforms], [value("logits", ["batch", "time", 3])])
    elif kind == "classes":
        save(path, [node("ArgMax", "waveforms", "logits")], [waveforms], [value("logits", [1, 3], TensorProto.INT64)])
    elif kind == "integers":
        save(path, copy, [value("waveforms", ["b", "t"], TensorProto.INT16)], [value("logits", ["b", 3])])
    elif kind == "two inputs":
        save(path, [node("Add", "a b", "logits")], [value("a", ["b", "t"]), value("b", ["b", "t"])], [logits])
    elif kind == "mel":
        save(path, copy, [value("waveforms", ["batch", 80, "frames"])], [logits])
    elif kind == "mfcc":
        save(path, copy, [value("waveforms", ["batch", 40])], [logits])
    return str(path)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "expected an ONNX file, found none"),
        ("folder", "expected an ONNX file, found a folder"),
        ("empty", "expected an ONNX file, got one without operators"),
        ("text", "expected an ONNX file, got another or a damaged file"),
        ("cut", "expected an ONNX file, got another or a damaged file"),
        ("custom", "got the custom operator my.ops:Spectrum; export the model without it, or give file.py:name"),
        ("custom within", "got the custom operator my.ops:Spectrum"),
        ("unknown", "expected a model that ONNX Runtime .* can run, but it says: .*No Op registered for Spectrum"),
        ("opset", "expected a model that ONNX Runtime .* can run, but it says: ONNX Runtime only .*Opset 99"),
        ("no output", r"expected an output of logits \[B, K\] in floating point, got none"),
        ("frames", r"expected an output of logits \[B, K\] in floating point, got logits float32"),
        ("classes", r"expected an output of logits \[B, K\] in floating point, got logits int64"),
        ("integers", "expected an input of waveforms in floating point.*got waveforms int16"),
        ("two inputs", "and at most one more of lengths.*got a float32.*b float32"),
        ("mel", r"expected an input of waveforms.*got \[any, 80, any\], as for features; give file.py:name"),
        ("mfcc", r"expected an input of waveforms.*got \[any, 40\], as for features; give file.py:name"),
    ],
)
def test_a_file_that_cannot_serve_is_told_in_one_line_before_it_is_loaded(tmp_path, kind, message, capfd):
    path = broken(kind, tmp_path / "model.onnx")
    for use in (Onnx().check, Onnx().load):
        with pytest.raises(StaanetError, match=message) as told:
            use(path)
        assert "model.onnx" in str(told.value)
        assert "\n" not in str(told.value)
    assert capfd.readouterr() == ("", "")


def test_wrong_labels_and_clips_that_are_too_short_are_told_in_one_line(tmp_path):
    path = loudness(tmp_path / "model.onnx")
    with pytest.raises(StaanetError, match="expected 3 labels, one for each of anger, joy, neutral, got 2"):
        load(path, labels=("a", "b"))
    path = loudness(tmp_path / "model.onnx", other="entry")
    with pytest.raises(StaanetError, match=r"model\.onnx: expected the labels of the model, found none"):
        load(path)
    with pytest.raises(StaanetError, match="expected one output for each of the 2 labels a, b, got 3"):
        load(path, labels=("a", "b"))
    with pytest.raises(StaanetError, match="expected a sample_rate in Hz, such as 16000, got 0"):
        load(path, labels=LABELS, sample_rate=0)
    filters = numpy_helper.from_array(np.ones((2, 1, 9), np.float32))
    nodes = [
        node("Constant", "", "filters", value=filters),
        node("Conv", "waveforms filters", "filtered"),
        node("ReduceMean", "filtered", "logits", axes=[2], keepdims=0),
    ]
    inputs, outputs = [value("waveforms", ["batch", 1, "time"])], [value("logits", ["batch", 2])]
    path = save(tmp_path / "model.onnx", nodes, inputs, outputs, labels="a,b")
    with pytest.raises(StaanetError, match=r"model\.onnx: expected an answer to clips \[1, 1, 4\], got .*give seconds"):
        load(path)(torch.ones(1, 4))


def test_folders_and_addresses_are_not_onnx_files(tmp_path):
    assert Onnx.accepts("a/MODEL.onnx")
    assert not Onnx.accepts("https://host/model.onnx")
    (tmp_path / "model.onnx").mkdir()
    assert not Onnx.accepts(str(tmp_path / "model.onnx"))
