"""Models in files of torch: TorchScript, exported programs, and pickled modules."""

import contextlib
import logging
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.signature import file_digest
from staanet.core.unwrapping import takes_lengths
from staanet.models.base import Model
from staanet.models.external import External
from staanet.models.loaders.base import ExternalLoader
from staanet.models.loaders.checkpoints import relabelled
from staanet.models.loaders.input_shape import (
    LABELS,
    SAMPLE_RATE,
    InputShape,
    labels_of,
    sample_rate_of,
    settings_of_file,
)

Kind = Literal["script", "program", "pickle"]

SUFFIXES = (".pt", ".pth", ".pt2", ".ts", ".jit", ".torchscript", ".pkl")

MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
"""Begin of a file that `torch.save` wrote without a zip archive, after the protocol of pickle."""

INSTEAD = "give file.py:name, a function that builds the network and loads this file"


@dataclass(frozen=True)
class TorchFile(ExternalLoader):
    """A file of torch that contains a whole model: gradients pass through it.

    It is TorchScript (`torch.jit.save`), an exported program (`torch.export.save`) or a pickled module (`torch.save`).
    The first input is waveforms `[B, T]`, the second one, if there is one, lengths `[B]`; an exported program may also
    take `[B, 1, T]` or `[T]`, and fixed sizes as in ONNX. If the answer is a tuple or a dictionary, it is the entry
    `logits`, otherwise the first of shape `[B, K]`. `labels`, `sample_rate` and `seconds` are attributes of the module,
    the first two also extra files (`_extra_files={"labels": "anger,neutral", "sample_rate": "16000"}`).
    """

    name = "torch"
    form = "model.pt"
    runs_code = True

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference is a file with a suffix of torch."""
        return reference.lower().endswith(SUFFIXES) and "://" not in reference and not Path(reference).is_dir()

    def load(self, reference: str) -> Model:
        """Return the model; its file is unpickled."""
        return {"script": self._script, "program": self._program, "pickle": self._pickled}[_kind(reference)](reference)

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the hash of the file."""
        _kind(reference)
        return {"file": file_digest(Path(reference))}

    def check(self, reference: str) -> None:
        """Check, without unpickling objects, that the file can contain a model: it is whole, and no state dict."""
        if _kind(reference) == "pickle":
            _check_pickle(reference)

    def _script(self, reference: str) -> Model:
        title, files = self.title(reference), dict.fromkeys((LABELS, SAMPLE_RATE), b"")
        with _loading(reference):
            module = torch.jit.load(reference, map_location="cpu", _extra_files=files)
            entries = {name: bytes(value).decode() for name, value in files.items()}
        module.eval()
        network = _NetworkWithLengths if takes_lengths(module) != "no" else _Network
        return self._external(title, module, network(module, None, title), entries)

    def _program(self, reference: str) -> Model:
        title, entries = self.title(reference), {LABELS: "", SAMPLE_RATE: ""}
        with _loading(reference):
            program = torch.export.load(reference, extra_files=entries)
            module = program.module()
        _check_eval(program, title)
        shape, has_lengths = _inputs(program, title)
        network = _NetworkWithLengths if has_lengths else _Network
        return self._external(title, module, network(module, shape, title), entries)

    def _pickled(self, reference: str) -> Model:
        title = self.title(reference)
        with _loading(reference):
            module = torch.load(reference, map_location="cpu", weights_only=False)
        if isinstance(module, Model):
            return relabelled(module.eval(), self, reference)
        if not isinstance(module, nn.Module):
            raise StaanetError(f"{title}: expected a torch.nn.Module, got {type(module).__name__}; {INSTEAD}")
        return self._external(title, module, module.eval(), {})

    def _external(self, title: str, module: nn.Module, network: nn.Module, entries: Mapping[str, str]) -> Model:
        """Return a network as a model; what its file does not contain may be attributes of the module, as in Python."""
        labels = labels_of(entries) or getattr(module, "labels", ())
        if isinstance(labels, str):
            raise StaanetError(f"{title}: expected labels as a list of names, got {labels!r}")
        rate = sample_rate_of(entries, title)
        rate = getattr(module, "sample_rate", None) if rate is None else rate
        shape = network.shape if isinstance(network, _Network) else None
        loader = replace(self, seconds=getattr(module, "seconds", None)) if self.seconds is None else self
        return External(network, settings_of_file(loader, title, shape, tuple(labels), rate), title)


class _Network(nn.Module):
    """A loaded network, which stays in eval mode, and whose answer is one tensor."""

    def __init__(self, network: nn.Module, shape: InputShape | None, title: str) -> None:
        super().__init__()
        self.network, self.shape, self.title = network, shape, title
        self.training = False

    def train(self, mode: bool = True) -> "_Network":  # noqa: ARG002
        """Do nothing: an exported program has no modes."""
        return self

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]`."""
        return self._run(waveforms)

    def _run(self, waveforms: Tensor, *lengths: Tensor) -> Tensor:
        if self.shape is None:
            return self._answer(waveforms, *lengths)
        return self.shape.run(self._answer, waveforms, *lengths)

    def _answer(self, waveforms: Tensor, *lengths: Tensor) -> Tensor:
        try:
            answer = self.network(waveforms, *lengths)
        except Exception as error:  # a network from outside can raise any exception; its last line says why
            line = next(iter(reversed(str(error).strip().splitlines())), type(error).__name__)
            raise StaanetError(
                f"{self.title}: expected an answer to clips {list(waveforms.shape)}, got {line}; give seconds if it "
                "needs another length"
            ) from error
        logits: Tensor = _logits(answer)
        return logits


class _NetworkWithLengths(_Network):
    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Return the logits `[B, K]` of waveforms `[B, T]` with lengths `[B]`."""
        return self._run(waveforms, lengths)


def _logits(answer: Any) -> Any:
    """Return the logits among the outputs of a network, or its output as it is if it has only one or none fits."""
    if isinstance(answer, Mapping):
        if "logits" in answer:
            return answer["logits"]
        answer = tuple(answer.values())
    if not isinstance(answer, tuple | list):
        return answer
    fitting = (one for one in answer if isinstance(one, Tensor) and one.is_floating_point() and one.ndim == 2)
    return next(fitting, answer)


def _kind(reference: str) -> Kind:
    """Return what a file contains, by the names in its archive; nothing is unpickled.

    Raises:
        StaanetError: If there is no such file, or if torch did not write it.
    """
    path = Path(reference)
    if not path.is_file():
        raise StaanetError(f"{reference}: expected a file of torch, found {'a folder' if path.is_dir() else 'none'}")
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            start = file.read(2 + len(MAGIC))
        if start[2:] == MAGIC:
            return "pickle"
        other = "a pickle of another kind" if start[:1] == b"\x80" else "another or a damaged file"
        raise StaanetError(
            f"{reference}: expected a file that torch.jit.save, torch.export.save or torch.save wrote, got {other}; "
            f"{INSTEAD}"
        )
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] or name for name in archive.namelist()}
    if "archive_format" in names or "serialized_exported_program.json" in names:
        return "program"
    if "constants.pkl" in names:
        return "script"
    if "data.pkl" in names:
        return "pickle"
    raise StaanetError(f"{reference}: expected a file of torch, got a zip archive of something else; {INSTEAD}")


def _check_pickle(reference: str) -> None:
    """Check that a file of `torch.save` has objects in it, which plain tensors, such as a state dict, are not.

    Raises:
        StaanetError: If it has none, or if it is damaged.
    """
    try:
        with _quiet():
            found = torch.load(reference, map_location="meta", weights_only=True)
    except pickle.UnpicklingError:
        return
    except Exception as error:  # a damaged file can make torch raise almost any exception
        raise StaanetError(
            f"{reference}: expected a file that torch.save wrote, got a damaged one ({type(error).__name__}); copy it "
            "again"
        ) from error
    what = "weights without their network" if isinstance(found, Mapping) else type(found).__name__
    raise StaanetError(
        f"{reference}: expected a whole model, got {what}; {INSTEAD}, or use staanet import model if it is an "
        "architecture of staanet"
    )


def _inputs(program: torch.export.ExportedProgram, title: str) -> tuple[InputShape, bool]:
    """Return the shape of the waveforms that an exported program takes, and whether it also takes lengths.

    Raises:
        StaanetError: If it has other inputs.
    """
    nodes = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    inputs = [nodes.get(str(name)) for name in program.graph_signature.user_inputs]
    floats = [isinstance(one, Tensor) and one.is_floating_point() for one in inputs]
    is_lengths = len(inputs) < 2 or (
        isinstance(inputs[1], Tensor) and inputs[1].dtype == torch.int64 and inputs[1].ndim == 1
    )
    if floats not in ([True], [True, False]) or not is_lengths:
        found = ", ".join(f"{one.dtype} {list(one.shape)}" if isinstance(one, Tensor) else str(one) for one in inputs)
        raise StaanetError(
            f"{title}: expected a program of waveforms, and optionally of lengths [B] (torch.int64), got inputs "
            f"{found or 'none'}; {INSTEAD}"
        )
    waveforms = inputs[0]
    assert isinstance(waveforms, Tensor)  # noqa: S101
    try:
        shape = InputShape(tuple(size if isinstance(size, int) else None for size in waveforms.shape))
    except StaanetError as error:
        raise StaanetError(f"{title}: {error}") from None
    return shape, len(inputs) == 2


def _check_eval(program: torch.export.ExportedProgram, title: str) -> None:
    """Check that a network was in eval mode when it was exported, because a program has no modes.

    Raises:
        StaanetError: If dropout or batch normalisation is in training mode.
    """
    modes = {"aten.dropout.default": 2, "aten.feature_dropout.default": 2, "aten.batch_norm.default": 5}
    for node in program.graph.nodes:
        position = modes.get(str(node.target))
        if position is not None and len(node.args) > position and node.args[position] is True:
            raise StaanetError(
                f"{title}: expected a program that was exported in eval mode, got one with {node.target} in training "
                "mode; call .eval() on the network and export it again"
            )


@contextlib.contextmanager
def _loading(reference: str) -> Iterator[None]:
    """Raise a `StaanetError` for any exception in a block that loads a file."""
    try:
        with _quiet():
            yield
    except Exception as error:  # unpickling can raise any exception
        line = next(iter(str(error).splitlines()), "")
        raise StaanetError(
            f"{reference}: expected a model that torch {torch.__version__} can load, got {type(error).__name__}: "
            f"{line}; {INSTEAD}"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings of torch about its own formats, and what it logs before it raises an error."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
