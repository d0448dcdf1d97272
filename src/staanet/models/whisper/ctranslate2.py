"""The encoder of Whisper in a CTranslate2 file, as faster-whisper uses it, in the names of `transformers`.

A `model.bin` begins with the version of the format, the name `WhisperSpec`, its revision and the number of variables.
Each variable has a name, a shape, a type, a size in bytes and its values; all numbers are little-endian.
"""

import itertools
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet.core.errors import StaanetError

FILE, PARTS = "model.bin", "model.bin.part*"

VERSION, SPEC = 6, "WhisperSpec"

FLOATS: Mapping[int, np.dtype[Any]] = {0: np.dtype("<f4"), 4: np.dtype("<f2")}
"""Types of the values that can be read, by their number."""

TYPES = {0: "float32", 1: "int8", 2: "int16", 3: "int32", 4: "float16", 5: "bfloat16"}

CONVERT = "convert it again with --quantization float16"

NORM = {"gamma": "weight", "beta": "bias"}

LAYER = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
"""Names of a layer's modules in `transformers`, by their names in the file."""


@dataclass(frozen=True)
class Variable:
    """A variable of a CTranslate2 file.

    Args:
        shape: Size of each dimension.
        type: Number of the type of its values.
        content: The values as bytes.
    """

    shape: tuple[int, ...]
    type: int
    content: memoryview


def content_of(folder: Path) -> tuple[str, memoryview]:
    """Return the path and the content of the `model.bin` of a folder, joined if it was split into parts.

    Args:
        folder: Folder with `model.bin`, or with its parts `model.bin.part1`, `model.bin.part2` and so on.

    Raises:
        StaanetError: If there is no such file, or a part is missing.
    """
    path = folder / FILE
    if path.is_file():
        return str(path), memoryview(path.read_bytes())
    parts = {path.suffix.removeprefix(".part"): path for path in folder.glob(PARTS)}
    if not parts or set(parts) != {str(number + 1) for number in range(len(parts))}:
        raise StaanetError(
            f"{folder}: expected a model of faster-whisper ({FILE}, or all its parts from {FILE}.part1 on), found "
            f"{', '.join(sorted(path.name for path in parts.values())) or 'none'}"
        )
    ordered = [parts[number] for number in sorted(parts, key=int)]
    return str(path), memoryview(b"".join(part.read_bytes() for part in ordered))


def read_encoder(content: memoryview, where: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the tensors of the encoder in a CTranslate2 file.

    Args:
        content: Content of the file, as `content_of` returns it.
        where: Path of the file, with which error messages begin.

    Returns:
        The sizes of the encoder as keys of `config.json` and its tensors by their names in `WhisperModel`, both as
        `transformers` writes them.

    Raises:
        StaanetError: If the file is damaged or of another network, or its values are quantised.
    """
    variables = _variables(content, where)
    encoder = {name.removeprefix("encoder/"): value for name, value in variables.items() if name.startswith("encoder/")}
    config = _sizes(encoder, where)
    tensors = _tensors(encoder, config, where)
    return config, {f"encoder.{name}": tensor for name, tensor in tensors.items()}


class _Reader:
    """Reads values one after another from the content of a file."""

    def __init__(self, content: memoryview, where: str) -> None:
        self.content, self.where, self.position = content, where, 0

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes.

        Raises:
            StaanetError: If the file ends before.
        """
        taken = self.content[self.position : self.position + size]
        if len(taken) < size:
            raise StaanetError(
                f"{self.where}: expected {size} bytes at position {self.position}, got {len(taken)}; the file is "
                "truncated or damaged, fetch it again"
            )
        self.position += size
        return taken

    def number(self, form: str) -> int:
        """Return the next integer of a format of `struct`."""
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))
        return int(value)

    def text(self) -> str:
        """Return the next text, which ends with a zero byte.

        Raises:
            StaanetError: If it does not, or is not ASCII.
        """
        begin = self.position
        text = bytes(self.take(self.number("H")))
        if text[-1:] != b"\0" or not text[:-1].isascii():
            raise StaanetError(f"{self.where}: expected a name at position {begin}, got other bytes; fetch it again")
        return text[:-1].decode("ascii")


def _variables(content: memoryview, where: str) -> dict[str, Variable]:
    """Return all variables of a file by their names."""
    reader = _Reader(content, where)
    version = reader.number("I")
    if version != VERSION:
        raise StaanetError(
            f"{where}: expected a CTranslate2 file of version {VERSION}, got version {version} or another kind of "
            "file; convert the model again with ct2-transformers-converter"
        )
    spec = reader.text()
    if spec != SPEC:
        raise StaanetError(f"{where}: expected a model of Whisper ({SPEC}), got {spec!r}")
    reader.number("I")  # the revision, which concerns the decoder only
    return dict(_variable(reader) for _ in range(reader.number("I")))


def _variable(reader: _Reader) -> tuple[str, Variable]:
    name = reader.text()
    shape = tuple(reader.number("I") for _ in range(reader.number("B")))
    kind, size = reader.number("B"), reader.number("I")
    variable = Variable(shape, kind, reader.take(size))
    if kind in FLOATS and size != math.prod(shape) * FLOATS[kind].itemsize:
        raise StaanetError(
            f"{reader.where}: expected {math.prod(shape) * FLOATS[kind].itemsize} bytes for {name} {list(shape)}, "
            f"got {size}; the file is damaged, fetch it again"
        )
    return name, variable


def _sizes(encoder: dict[str, Variable], where: str) -> dict[str, Any]:
    """Return the sizes of an encoder as keys of `config.json`, taken from the shapes of its variables."""
    wanted = {"conv1/weight": 3, "position_encodings/encodings": 2, "layer_0/ffn/linear_0/weight": 2, "num_heads": 0}
    for name, rank in wanted.items():
        if name not in encoder or len(encoder[name].shape) != rank:
            found = list(encoder[name].shape) if name in encoder else "none"
            raise StaanetError(f"{where}: expected encoder/{name} with {rank} dimensions, found {found}")
    width, bands, _ = encoder["conv1/weight"].shape
    heads = int.from_bytes(encoder["num_heads"].content, "little")
    if heads < 1 or width % heads:
        raise StaanetError(f"{where}: expected encoder/num_heads, a divisor of {width}, got {heads}")
    layers = next(number for number in itertools.count() if not _has_layer(encoder, number))
    return {
        "d_model": width,
        "encoder_layers": layers,
        "encoder_attention_heads": heads,
        "encoder_ffn_dim": encoder["layer_0/ffn/linear_0/weight"].shape[0],
        "num_mel_bins": bands,
        "max_source_positions": encoder["position_encodings/encodings"].shape[0],
    }


def _has_layer(encoder: dict[str, Variable], number: int) -> bool:
    return any(name.startswith(f"layer_{number}/") for name in encoder)


def _shapes(config: dict[str, Any]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape of every variable of an encoder and its name in `transformers`, by its name in the file."""
    width, inner, positions = config["d_model"], config["encoder_ffn_dim"], config["max_source_positions"]
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "conv1/weight": ((width, config["num_mel_bins"], 3), "conv1.weight"),
        "conv1/bias": ((width,), "conv1.bias"),
        "conv2/weight": ((width, width, 3), "conv2.weight"),
        "conv2/bias": ((width,), "conv2.bias"),
        "position_encodings/encodings": ((positions, width), "embed_positions.weight"),
        "layer_norm/gamma": ((width,), "layer_norm.weight"),
        "layer_norm/beta": ((width,), "layer_norm.bias"),
    }
    outputs = {
        "ffn/linear_0": (inner, width),
        "ffn/linear_1": (width, inner),
        "self_attention/linear_1": (width, width),
    }
    for number in range(config["encoder_layers"]):
        for name, other in LAYER.items():
            mine, theirs = f"layer_{number}/{name}", f"layers.{number}.{other}"
            if name in outputs:
                shapes[f"{mine}/weight"] = (outputs[name], f"{theirs}.weight")
                shapes[f"{mine}/bias"] = (outputs[name][:1], f"{theirs}.bias")
            else:
                shapes |= {f"{mine}/{key}": ((width,), f"{theirs}.{value}") for key, value in NORM.items()}
        stacked = f"layer_{number}/self_attention/linear_0"  # queries, keys and values
        shapes[f"{stacked}/weight"] = ((3 * width, width), f"layers.{number}.self_attn.{{}}_proj.weight")
        shapes[f"{stacked}/bias"] = ((3 * width,), f"layers.{number}.self_attn.{{}}_proj.bias")
    return shapes


def _tensors(encoder: dict[str, Variable], config: dict[str, Any], where: str) -> dict[str, Tensor]:
    """Return the tensors of an encoder by their names in `transformers`."""
    shapes = _shapes(config)
    others = set(encoder) - set(shapes) - {"num_heads"}
    if others:
        raise StaanetError(
            f"{where}: expected the encoder of Whisper, found encoder/{min(others)} as well; if the file is quantised, "
            f"{CONVERT}"
        )
    tensors: dict[str, Tensor] = {}
    for name, (shape, other) in shapes.items():
        tensor = _tensor(encoder.get(name), shape, f"{where}: encoder/{name}")
        if "{}" not in other:
            tensors[other] = tensor
            continue
        query, key, value = (part.contiguous() for part in tensor.chunk(3))
        tensors |= {other.format("q"): query, other.format("v"): value}
        if name.endswith("weight"):
            tensors[other.format("k")] = key
        elif key.any():
            raise StaanetError(f"{where}: encoder/{name}: expected zeros for the keys, which have no bias in Whisper")
    return tensors


def _tensor(variable: Variable | None, shape: tuple[int, ...], where: str) -> Tensor:
    if variable is None:
        raise StaanetError(f"{where}: expected this variable, found none")
    if variable.type not in FLOATS:
        kind = TYPES.get(variable.type, f"type {variable.type}")
        raise StaanetError(f"{where}: expected values of float16 or float32, got {kind}; {CONVERT}")
    if variable.shape != shape:
        raise StaanetError(f"{where}: expected the shape {list(shape)}, got {list(variable.shape)}")
    values = np.frombuffer(variable.content, FLOATS[variable.type]).reshape(shape)
    if not np.isfinite(values).all():
        raise StaanetError(f"{where}: expected finite values, got others; the file is damaged, fetch it again")
    return torch.from_numpy(values.copy())
