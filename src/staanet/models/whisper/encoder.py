"""The encoder of Whisper: loaded from a checkpoint or with random weights, and applied at a clip's own length.

`transformers` is imported only when such a model is built.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.files import read_json
from staanet.models.hugging_face.files import CONFIG, fetch
from staanet.models.hugging_face.loading import described, loading

FAMILY = "whisper"
"""The `model_type` of `transformers`."""


def open_encoder(checkpoint: str) -> tuple[Any, dict[str, Any]]:
    """Return the encoder of a checkpoint and its complete architecture.

    Args:
        checkpoint: Folder or hub id of any model of Whisper, with or without a head.

    Raises:
        StaanetError: If the checkpoint is not available, is not of Whisper, or lacks weights of the encoder.
    """
    from transformers import AutoModelForAudioClassification

    folder = fetch(checkpoint)
    family = read_json(folder / CONFIG)["model_type"]
    if family != FAMILY:
        raise StaanetError(f"{checkpoint}: expected a checkpoint of Whisper, got one of {family}; use hugging_face")
    with loading(checkpoint):
        network, report = AutoModelForAudioClassification.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    lacking = report["missing_keys"] | {name for name, *_ in report["mismatched_keys"]}
    if encoder := sorted(name for name in lacking if name.startswith("encoder.")):
        raise StaanetError(
            f"{checkpoint}: expected all weights of the encoder of Whisper, found none that fit {encoder[0]}; "
            "config.json and weights are of different models"
        )
    return network.encoder, described(network.config)


def build_encoder(name: str, given: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return an encoder with random weights and its complete architecture.

    Args:
        name: Registry name of the model, for messages.
        given: Keys of the architecture.

    Raises:
        StaanetError: If a key is unknown, `model_type` is another one, or `transformers` rejects a value.
    """
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    saved = "transformers_version" in given  # perhaps by a version with other keys
    default = WhisperConfig().to_dict()
    for key in given:
        if key not in default and not saved:
            raise StaanetError(f"{name}: {unknown_name('architecture key', key, default)}")
    if given.get("model_type", FAMILY) != FAMILY:
        raise StaanetError(f"{name}: expected an architecture with model_type = {FAMILY}, got {given['model_type']}")
    with loading(name, "an architecture"):
        config = WhisperConfig.from_dict(dict(given))
        encoder = WhisperEncoder(config)
    return encoder, dict(given) if saved else described(config)


def hidden_states(encoder: Any, mel: Tensor) -> Tensor:
    """Return the input of the first layer of an encoder and the outputs of all layers, at the length of a clip.

    A clip is not padded to 30 s: only as many positions are used as it has steps. Steps beyond the last position begin
    a new window at the first one.

    Args:
        encoder: `WhisperEncoder` of `transformers`, whose last norm is not applied.
        mel: Log-mel spectrograms of clips of one length.

    Shape: mel `[B, bands, frames]` -> `[B, 1 + layers, ceil(frames / 2), D]`.
    """
    steps = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).transpose(1, 2)  # [B, S, D]
    windows = []
    for window in steps.split(encoder.embed_positions.num_embeddings, dim=1):
        outputs = [window + encoder.embed_positions.weight[: window.shape[1]]]
        for layer in encoder.layers:
            outputs.append(layer(outputs[-1], None))
        windows.append(torch.stack(outputs, 1))
    return torch.cat(windows, 2)


def keep_layers(encoder: Any, count: int) -> int:
    """Remove all layers of an encoder after the first `count`, and its last norm; return the number that is left."""
    encoder.layers = nn.ModuleList(list(encoder.layers)[:count])
    encoder.layer_norm = nn.Identity()
    return len(encoder.layers)
