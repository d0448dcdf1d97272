"""The files of Hugging Face checkpoints: find, download and check them.

`transformers` and `huggingface_hub` are imported inside the functions that need them.
"""

import functools
import hashlib
import os
import re
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.signature import file_digest
from staanet.models.hugging_face.front_ends import front_end_of

CONFIG, WEIGHTS = "config.json", "*.safetensors"

CHECKPOINTS = "STAANET_CHECKPOINTS"
"""Environment variable with a folder of checkpoints, `<owner>/<name>`, that are used instead of those of the hub."""

FEATURE_EXTRACTOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
"""The two files that may describe the feature extractor; `processor_config.json` contains it under a key of its own."""


def is_hugging_face(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint written by `transformers`, not by this library."""
    path = folder / CONFIG
    config = read_json(path) if path.is_file() else None
    return isinstance(config, dict) and "model_type" in config


def fetch(checkpoint: str) -> Path:
    """Return the folder of a checkpoint, downloading it from the hub if it is not available locally.

    A hub id is looked for in the folder `$STAANET_CHECKPOINTS/<owner>/<name>` and then in the cache of the hub. Only
    JSON and safetensors files are downloaded. With `HF_HUB_OFFLINE=1` nothing is downloaded.

    Args:
        checkpoint: Folder or hub id (`owner/name` or `owner/name@revision`).

    Raises:
        StaanetError: If it is neither a folder nor an available hub id, is of a network that is not supported,
            lacks a file, or its weights are not safetensors.
    """
    folder = local_folder(checkpoint) or _download(checkpoint)
    check_files(folder, checkpoint)
    return folder


def local_folder(checkpoint: str) -> Path | None:
    """Return the folder of a checkpoint, or of a hub id below `$STAANET_CHECKPOINTS`; None if there is none."""
    if Path(checkpoint).is_dir():
        return Path(checkpoint)
    folders = os.environ.get(CHECKPOINTS)
    known = Path(folders) / checkpoint if folders and not Path(checkpoint).is_absolute() else None
    return known if known is not None and known.is_dir() else None


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
    """Check that a folder holds the configuration, the processor and the weights of an audio classifier.

    Args:
        folder: Folder to check.
        checkpoint: Folder or hub id as the user named it, for the error message.

    Raises:
        StaanetError: If a file is missing, or the network is not supported.
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
    """Return the default configuration of a family of audio classifiers.

    Args:
        family: The `model_type` of `transformers`.
        where: Checkpoint or model, with which the error message begins.

    Raises:
        StaanetError: If the family is unknown, has no classification head, or its feature extractor has no front end.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES

    default = _default_configuration(family)
    if front_end_of(default) is None or family not in MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES:
        families = sorted(MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES)
        supported = [name for name in families if front_end_of(_default_configuration(name)) is not None]
        raise StaanetError(
            f"{where}: expected the model_type of an audio classifier ({', '.join(supported)}), got {family}; "
            "models of text, images or other audio tasks are not supported"
        )
    return default


def _default_configuration(family: str) -> dict[str, Any]:
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[family]().to_dict() if family in CONFIG_MAPPING else {}


@functools.cache
def digest(path: Path, modified: int) -> str:  # noqa: ARG001
    """Return the SHA-256 of a file, cached by its path and its modification time in nanoseconds."""
    return file_digest(path)


def identity_of(checkpoint: str) -> dict[str, Any]:
    """Return the combined hash of the files of a checkpoint that decide its numbers, and its hub id (None: a folder).

    Args:
        checkpoint: Folder or hub id.

    Raises:
        StaanetError: If the checkpoint is not available.
    """
    folder = fetch(checkpoint)
    files = [folder / CONFIG, processor_file(folder), *sorted(folder.glob(WEIGHTS))]
    digests = [digest(path, path.stat().st_mtime_ns) for path in files if path is not None]
    combined = hashlib.sha256("".join(digests).encode()).hexdigest()
    return {"checkpoint": combined, "hub_id": None if Path(checkpoint).is_dir() else checkpoint}


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, and the second one if the first ends with a colon."""
    lines = str(error).splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in (lines[:2] if lines[0].endswith(":") else lines[:1]))
