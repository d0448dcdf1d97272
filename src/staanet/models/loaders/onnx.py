"""Models in ONNX files, which ONNX Runtime runs: they answer, but have no gradients."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.core.signature import file_digest
from staanet.models.base import Model
from staanet.models.external import External
from staanet.models.loaders.base import ExternalLoader
from staanet.models.loaders.input_shape import InputShape, labels_of, sample_rate_of, settings_of_file

EXTRA = "export"

FLOATS = (np.float16, np.float32, np.float64)
"""Types of the waveforms and of the logits; waveforms are converted."""

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Domains of the operators that ONNX Runtime contains."""


@dataclass(frozen=True)
class Onnx(ExternalLoader):
    """An ONNX file (https://onnx.ai), run by ONNX Runtime on the CPU: a model without gradients.

    The input is one of waveforms, `[B, T]`, `[B, 1, T]` or `[T]`, and optionally one of whole numbers: the lengths
    `[B]` or a mask `[B, T]` of the valid samples. The output is the one named `logits`, otherwise the first of shape
    `[B, K]`. A fixed batch size is filled, and a fixed length becomes the length of the input. The metadata entries
    `labels` (separated by commas) and `sample_rate` are used, as `staanet export` writes them.
    """

    name = "onnx"
    form = "model.onnx"

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference is an `.onnx` file."""
        return reference.lower().endswith(".onnx") and "://" not in reference and not Path(reference).is_dir()

    def load(self, reference: str) -> Model:
        """Return the model, whose weights ONNX Runtime holds."""
        title, model = self.title(reference), _read(reference)
        graph = _described(model, title)
        entries = {entry.key: entry.value for entry in model.metadata_props}
        settings = settings_of_file(self, title, graph.shape, labels_of(entries), sample_rate_of(entries, title))
        return External(_function(_session(reference, optimised=True), graph, title), settings, title)

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the hashes of the file and of its files of external data."""
        data = [file_digest(path) for path in _external_files(_read(reference), reference)]
        return {"file": file_digest(Path(reference)), **({"data": data} if data else {})}

    def check(self, reference: str) -> None:
        """Check that ONNX Runtime can load the file, and that its inputs and outputs are those of a model."""
        model = _read(reference)
        _external_files(model, reference)
        _described(model, self.title(reference))
        _session(reference, optimised=False)


@dataclass(frozen=True)
class _Lengths:
    """The input of a graph for the lengths of the clips, `[B]`, or for a mask of their samples, `[B, T]`."""

    name: str
    dtype: Any
    is_mask: bool


@dataclass(frozen=True)
class _Graph:
    """The input of waveforms of a graph, its input of lengths if it has one, and its output of logits."""

    waveforms: str
    dtype: Any
    shape: InputShape
    lengths: _Lengths | None
    output: str


def _read(reference: str) -> Any:
    """Return the parsed file, without its external data.

    Raises:
        StaanetError: If the file does not exist, is damaged, or has operators that ONNX Runtime does not contain.
    """
    onnx = import_extra("onnx", EXTRA)
    path = Path(reference)
    if not path.is_file():
        raise StaanetError(f"{reference}: expected an ONNX file, found {'a folder' if path.is_dir() else 'none'}")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # a damaged file can raise any exception
        raise StaanetError(f"{reference}: expected an ONNX file, got another or a damaged file") from error
    if not model.graph.node:
        raise StaanetError(f"{reference}: expected an ONNX file, got one without operators; export the model again")
    own = {(function.domain, function.name) for function in model.functions}
    for node in _nodes(model):
        if node.domain not in DOMAINS and (node.domain, node.op_type) not in own:
            raise StaanetError(
                f"{reference}: expected operators that ONNX Runtime contains, got the custom operator "
                f"{node.domain}:{node.op_type}; export the model without it, or give file.py:name, a function that "
                "runs the model"
            )
    return model


def _graphs(model: Any) -> Iterator[Any]:
    """Yield the graph of a model, its functions, and the graphs within their operators."""
    waiting = [model.graph, *model.functions]
    while waiting:
        graph = waiting.pop()
        yield graph
        for attribute in (attribute for node in graph.node for attribute in node.attribute):
            waiting += [attribute.g] if attribute.HasField("g") else []
            waiting += attribute.graphs


def _nodes(model: Any) -> Iterator[Any]:
    return (node for graph in _graphs(model) for node in graph.node)


def _external_files(model: Any, reference: str) -> list[Path]:
    """Return the files next to a model that contain its weights.

    Raises:
        StaanetError: If one is missing or lies outside of the folder of the model.
    """
    tensors = [tensor for graph in _graphs(model) for tensor in getattr(graph, "initializer", ())]
    for attribute in (attribute for node in _nodes(model) for attribute in node.attribute):
        tensors += [attribute.t, *attribute.tensors]
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    folder, files = Path(reference).parent, []
    for name in sorted(names):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise StaanetError(f"{reference}: expected its weights in the same folder, got the path {name}; move them")
        if not path.is_file():
            raise StaanetError(f"{reference}: expected its weights in the file {name} in the same folder, found none")
        files.append(path)
    return files


def _described(model: Any, title: str) -> _Graph:
    """Return the inputs and the output of a model.

    Raises:
        StaanetError: If it has no input of waveforms, more inputs than it should, or no output `[B, K]`.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in weights]
    floats = [value for value in values if _dtype(value) in FLOATS]
    others = [value for value in values if _dtype(value) not in FLOATS]
    masks = [_is_mask(value) for value in others]
    if len(floats) != 1 or len(others) > 1 or None in masks:
        raise StaanetError(
            f"{title}: expected an input of waveforms in floating point, and at most one more of lengths [B] or a mask "
            f"[B, T], got {_listed(values)}; give file.py:name, a function that runs the model"
        )
    try:
        shape = InputShape(_sizes(floats[0]) or (None, None))
    except StaanetError as error:
        raise StaanetError(f"{title}: {error}") from None
    lengths = _Lengths(others[0].name, _dtype(others[0]), masks[0] is True) if others else None
    output = _output(model, title, single=len(shape.sizes) == 1)
    return _Graph(floats[0].name, _dtype(floats[0]), shape, lengths, output)


def _output(model: Any, title: str, single: bool) -> str:
    """Return the name of the output that holds the logits."""
    outputs = list(model.graph.output)
    named = [output for output in outputs if output.name == "logits"]
    ranks = (1, 2) if single else (2,)
    for output in named or outputs:
        sizes = _sizes(output)
        if _dtype(output) in FLOATS and (sizes is None or len(sizes) in ranks):
            return str(output.name)
    raise StaanetError(
        f"{title}: expected an output of logits [B, K] in floating point, got {_listed(outputs)}; export the model "
        "with one number per clip and class"
    )


def _is_mask(value: Any) -> bool | None:
    """Return whether an input of whole numbers is a mask `[B, T]`, False for lengths `[B]`, None for another input."""
    dtype, sizes = _dtype(value), _sizes(value)
    if dtype is None or dtype.kind not in "iub" or sizes is None or len(sizes) not in (1, 2):
        return None
    return len(sizes) == 2


def _listed(values: Sequence[Any]) -> str:
    """Return inputs or outputs with their types and shapes as text."""
    texts = []
    for value in values:
        sizes = ", ".join("any" if size is None else str(size) for size in _sizes(value) or ())
        texts.append(f"{value.name} {_dtype(value) or 'other'} [{sizes}]")
    return ", ".join(texts) or "none"


def _dtype(value: Any) -> Any:
    """Return the NumPy type of an input or output, None if NumPy does not have it."""
    helper = import_extra("onnx.helper", EXTRA)
    try:
        return helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    except (KeyError, TypeError):
        return None


def _sizes(value: Any) -> tuple[int | None, ...] | None:
    """Return the size of each dimension, where None is any size; None if the shape is not known."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(size.dim_value if size.dim_value > 0 else None for size in tensor.shape.dim)


def _session(reference: str, optimised: bool) -> Any:
    """Return a session of ONNX Runtime.

    Raises:
        StaanetError: If ONNX Runtime cannot load the file, for example because its version of ONNX is newer.
    """
    runtime = import_extra("onnxruntime", EXTRA)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return runtime.InferenceSession(reference, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has exceptions of its own, which share no base class
        raise StaanetError(
            f"{reference}: expected a model that ONNX Runtime {runtime.__version__} can run, but it says: "
            f"{_line(error)}; export it again for operators of a version that it knows"
        ) from error


def _line(error: Exception) -> str:
    """Return what an error of ONNX Runtime says, in one line without its codes."""
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    text = first.split(" : ", 3)[-1].rsplit("failed:", 1)[-1]
    return re.sub(r"/onnxruntime_src/\S+:\d+ .*?\) ", "", text).strip(" .")


def _function(session: Any, graph: _Graph, title: str) -> Callable[..., Tensor]:
    """Return a function of waveforms, and of lengths if the model takes them, that runs a session."""

    def run(waveforms: Tensor, lengths: Tensor | None = None) -> Tensor:
        inputs = {graph.waveforms: waveforms.detach().cpu().numpy().astype(graph.dtype)}
        if graph.lengths is not None and lengths is not None:
            mask = torch.arange(waveforms.shape[-1], device=lengths.device) < lengths[:, None]
            numbers = mask if graph.lengths.is_mask else lengths
            inputs[graph.lengths.name] = numbers.cpu().numpy().astype(graph.lengths.dtype)
        try:
            (answer,) = session.run([graph.output], inputs)
        except Exception as error:  # ONNX Runtime has exceptions of its own, which share no base class
            raise StaanetError(
                f"{title}: expected an answer to clips {list(waveforms.shape)}, got {_line(error)}; give seconds if "
                "the model needs another length"
            ) from error
        return torch.from_numpy(np.asarray(answer, np.float32)).to(waveforms.device)

    if graph.lengths is None:
        return lambda waveforms: graph.shape.run(run, waveforms)
    return lambda waveforms, lengths: graph.shape.run(run, waveforms, lengths)
