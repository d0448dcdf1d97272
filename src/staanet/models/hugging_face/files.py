"""The files of Hugging Face checkpoints: find, download and check them.

`transformers` and `huggingface_hub` are imported inside the functions that need them.
"""

import functools
import re
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.signature import file_digest

CONFIG, WEIGHTS = "config.json", "*.safetensors"

FEATURE_EXTRACTOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
"""The two files that may describe the feature extractor; `processor_config.json` contains it under a key of its own."""


def is_hugging_face(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint written by `transformers`, not by this library."""
    path = folder / CONFIG
    config = read_json(path) if path.is_file() else None
    return isinstance(config, dict) and "model_type" in config


def fetch(checkpoint: str) -> Path:
    """Return the folder of a checkpoint, downloading it from the hub if it is not in the hub's cache.

    Only JSON and safetensors files are downloaded. With `HF_HUB_OFFLINE=1` only the cache is used.

    Args:
        checkpoint: Folder or hub id (`owner/name` or `owner/name@revision`).

    Raises:
        StaanetError: If it is neither a folder nor an available hub id, is of a network that does not classify
            waveforms, lacks a file, or its weights are not safetensors.
    """
    folder = Path(checkpoint) if Path(checkpoint).is_dir() else _download(checkpoint)
    check_files(folder, checkpoint)
    return folder


@functools.cache
def _download(checkpoint: str) -> Path:
    from huggingface_hub import snapshot_download

    check_hub_id(checkpoint)
    hub_id, _, revision = checkpoint.partition("@")
    try:
        return Path(snapshot_download(hub_id, revision=revision or None, allow_patterns=["*.json", WEIGHTS]))
    except (OSError, ValueError) as error:
        raise StaanetError(
            f"{checkpoint}: expected a folder, or a hub id that can be reached or is in the hub's cache, got: "
            f"{first_line(error)}; download it on a machine with a network (hf download {hub_id}) or name a folder"
        ) from error


def check_hub_id(checkpoint: str) -> None:
    """Check that a string has the form of a hub id.

    Raises:
        StaanetError: If it does not.
    """
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?", checkpoint):
        raise StaanetError(f"{checkpoint}: expected a folder, or a hub id (owner/name), found no such folder")


def check_files(folder: Path, checkpoint: str) -> None:
    """Check that a folder holds the configuration, the processor and the weights of a classifier of waveforms.

    Args:
        folder: Folder to check.
        checkpoint: Folder or hub id as the user named it, for the error message.

    Raises:
        StaanetError: If a file is missing, or the network does not classify waveforms.
    """
    if not is_hugging_face(folder):
        raise StaanetError(
            f"{checkpoint}: expected a checkpoint of transformers with {CONFIG} and its model_type, found none"
        )
    check_family(str(read_json(folder / CONFIG)["model_type"]), checkpoint)
    if processor_file(folder) is None:
        raise StaanetError(
            f"{checkpoint}: expected a checkpoint of transformers with {FEATURE_EXTRACTOR} or {PROCESSOR}, found none; "
            "save its feature extractor or processor to the same folder (save_pretrained)"
        )
    if not any(folder.glob(WEIGHTS)):
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin"))) or "none"
        raise StaanetError(
            f"{checkpoint}: expected weights as safetensors, found {others}; other files are pickles, which can run "
            "any code when they are loaded: save it as safetensors, or name a revision that has them "
            "(owner/name@revision)"
        )


def processor_file(folder: Path) -> Path | None:
    """Return the file from which `transformers` reads the feature extractor of a checkpoint, None without one.

    A `processor_config.json` that contains a feature extractor takes precedence over `preprocessor_config.json`.
    """
    path = folder / PROCESSOR
    content = read_json(path) if path.is_file() else None
    if isinstance(content, dict) and content.get("feature_extractor", content.get("audio_processor")) is not None:
        return path
    path = folder / FEATURE_EXTRACTOR
    return path if path.is_file() else None


def check_family(family: str, where: str) -> dict[str, Any]:
    """Return the default configuration of a family of networks that classify waveforms.

    Args:
        family: The `model_type` of `transformers`.
        where: Checkpoint or model, with which the error message begins.

    Raises:
        StaanetError: If the family is unknown, takes something else than waveforms, or has no classification head.
    """
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES

    default: dict[str, Any] = CONFIG_MAPPING[family]().to_dict() if family in CONFIG_MAPPING else {}
    if "conv_stride" not in default or family not in MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES:
        raise StaanetError(
            f"{where}: expected the model_type of a model that classifies waveforms, such as wav2vec2, wavlm or "
            f"hubert, got {family}; models of text, images or spectrograms (such as Whisper and AST) are not supported"
        )
    return default


@functools.cache
def digest(path: Path, modified: int) -> str:  # noqa: ARG001
    """Return the SHA-256 of a file, cached by its path and its modification time in nanoseconds."""
    return file_digest(path)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, and the second one if the first ends with a colon."""
    lines = str(error).splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in (lines[:2] if lines[0].endswith(":") else lines[:1]))
