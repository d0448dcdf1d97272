"""Tiny files in the format of CTranslate2, written as its converter writes them for faster-whisper."""

import struct

import numpy as np

from staanet.core.seeds import seeded
from staanet.models.whisper.ctranslate2 import LAYER
from staanet.models.whisper.encoder import build_encoder
from tiny import WHISPER

TYPES = {np.dtype("<f4"): 0, np.dtype("int8"): 1, np.dtype("<i2"): 2, np.dtype("<f2"): 4}


def tiny_encoder():
    """Return an encoder of `transformers` whose random weights are exact in half precision."""
    with seeded("encoder"):
        network, _ = build_encoder("whisper", WHISPER)
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()
    return network.eval()


def variables_of(encoder):
    """Return the variables of the file of an encoder, in float16, and one of a decoder."""
    tensors = {name: tensor.numpy().astype("<f2") for name, tensor in encoder.state_dict().items()}
    made = {f"conv{n}/{key}": tensors[f"conv{n}.{key}"] for n in (1, 2) for key in ("weight", "bias")}
    made |= {"layer_norm/gamma": tensors["layer_norm.weight"], "layer_norm/beta": tensors["layer_norm.bias"]}
    made["position_encodings/encodings"] = tensors["embed_positions.weight"]
    made["num_heads"] = np.array(WHISPER["encoder_attention_heads"], dtype="<i2")
    for number in range(WHISPER["encoder_layers"]):
        for name, other in LAYER.items():
            keys = ("gamma", "beta") if "norm" in name else ("weight", "bias")
            for key, value in zip(keys, ("weight", "bias"), strict=True):
                made[f"layer_{number}/{name}/{key}"] = tensors[f"layers.{number}.{other}.{value}"]
        attention = f"layers.{number}.self_attn"
        weights = [tensors[f"{attention}.{part}_proj.weight"] for part in "qkv"]
        query, value = (tensors[f"{attention}.{part}_proj.bias"] for part in "qv")
        made[f"layer_{number}/self_attention/linear_0/weight"] = np.concatenate(weights)
        made[f"layer_{number}/self_attention/linear_0/bias"] = np.concatenate([query, 0 * query, value])
    return {"decoder/projection/bias": np.zeros(3, "<f2"), **{f"encoder/{name}": made[name] for name in made}}


def content(variables, version=6, spec="WhisperSpec"):
    """Return the content of a `model.bin` with these variables."""
    written = struct.pack("<I", version) + text(spec) + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        shape = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        written += text(name) + shape + struct.pack("<BI", TYPES[value.dtype], value.nbytes) + value.tobytes()
    return written + struct.pack("<I", 0)  # the number of other names of variables


def text(value):
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"
