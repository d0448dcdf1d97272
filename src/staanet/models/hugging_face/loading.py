"""Loading of Hugging Face checkpoints: find, download, check and open them.

`transformers` and `huggingface_hub` are imported inside the functions that need them.
"""

import contextlib
import functools
import importlib.util
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from staanet.core.errors import StaanetError, StaanetWarning, unknown_name
from staanet.core.files import read_json
from staanet.core.signature import file_digest
from staanet.models.base import check_labels
from staanet.models.hugging_face.settings import DEFAULT_RATE, HuggingFaceSettings

EXTRA = "staanet[hf]"

CONFIG, PROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "*.safetensors"


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
        StaanetError: If it is neither a folder nor an available hub id, or its weights are not safetensors.
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
            f"{_first_line(error)}; download it on a machine with a network (hf download {hub_id}) or name a folder"
        ) from error


def check_installed(name: str) -> None:
    """Check that `transformers` is installed.

    Raises:
        StaanetError: If it is not.
    """
    if importlib.util.find_spec("transformers") is None:
        raise StaanetError(f"{name}: expected the package transformers, found none; install {EXTRA}")


def check_hub_id(checkpoint: str) -> None:
    """Check that a string has the form of a hub id.

    Raises:
        StaanetError: If it does not.
    """
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?", checkpoint):
        raise StaanetError(f"{checkpoint}: expected a folder, or a hub id (owner/name), found no such folder")


def check_files(folder: Path, checkpoint: str) -> None:
    """Check that a folder has a configuration, a processor and weights as safetensors.

    Args:
        folder: Folder to check.
        checkpoint: Folder or hub id as the user named it, for the error message.

    Raises:
        StaanetError: If a file is missing.
    """
    for name in (CONFIG, PROCESSOR):
        if not (folder / name).is_file():
            raise StaanetError(f"{checkpoint}: expected a checkpoint of transformers with {name}, found none")
    if not any(folder.glob(WEIGHTS)):
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin"))) or "none"
        raise StaanetError(
            f"{checkpoint}: expected weights as safetensors, found {others}; other files are pickles, which can run "
            "any code when they are loaded: save it as safetensors, or name a revision that has them "
            "(owner/name@revision)"
        )


@functools.cache
def digest(path: Path, modified: int) -> str:  # noqa: ARG001
    """Return the SHA-256 of a file, cached by its path and its modification time in nanoseconds."""
    return file_digest(path)


def open_checkpoint(checkpoint: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
    """Return the network of a checkpoint and the complete settings.

    Args:
        checkpoint: Folder or hub id.
        settings: Settings as given; values that are None are read from the checkpoint.

    Raises:
        StaanetError: If the checkpoint cannot be loaded, does not take waveforms, or has another sampling rate.

    Warns:
        StaanetWarning: If the classification head is initialised anew.
    """
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

    folder = fetch(checkpoint)
    local = {"local_files_only": True, "trust_remote_code": False}
    with _loading(checkpoint):
        config = AutoConfig.from_pretrained(folder, **local)
        processor = AutoFeatureExtractor.from_pretrained(folder, **local)
    if not isinstance(processor, Wav2Vec2FeatureExtractor) or not hasattr(config, "conv_stride"):
        raise StaanetError(
            f"{checkpoint}: expected a model that takes waveforms, such as wav2vec 2.0, WavLM or HuBERT, "
            f"got {config.model_type} with {type(processor).__name__}"
        )
    if settings.sample_rate not in (None, processor.sampling_rate):
        raise StaanetError(
            f"{checkpoint}: expected clips at its processor's {processor.sampling_rate} Hz, "
            f"got {settings.sample_rate} Hz; prepare a dataset at its rate"
        )
    own = tuple(config.id2label[number] for number in range(config.num_labels))
    labels = settings.labels or own
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    with _loading(checkpoint):
        network, report = AutoModelForAudioClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **local,
        )
    _complete_head(checkpoint, network, report, own, labels)
    return network, replace(
        settings,
        labels=labels,
        sample_rate=processor.sampling_rate,
        checkpoint=None,
        architecture=_described(config),
        normalise=processor.do_normalize,
        frozen=settings.frozen is not False,
    )


def _complete_head(
    checkpoint: str, network: Any, report: dict[str, Any], own: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    """Initialise the head if the checkpoint has none for these labels, after checking that all other weights exist.

    Args:
        checkpoint: Folder or hub id, for messages.
        network: Network to complete.
        report: Missing and mismatched weights, as `from_pretrained` returns them.
        own: Labels of the checkpoint.
        labels: Labels of the model.

    Raises:
        StaanetError: If the checkpoint lacks weights other than those of the head.

    Warns:
        StaanetWarning: If the head is initialised anew.
    """
    missing: set[str] = report["missing_keys"]
    lacking = missing | {name for name, *_ in report["mismatched_keys"]}
    head = {name for name in lacking if not name.startswith(f"{network.base_model_prefix}.")}
    body = sorted(name for name in lacking - head if not name.endswith("masked_spec_embed"))
    if body:
        raise StaanetError(
            f"{checkpoint}: expected all weights of {network.config.model_type}, found none that fit {body[0]}; "
            "config.json and weights are of different models"
        )
    if labels != own:
        nn.init.normal_(network.classifier.weight, std=network.config.initializer_range)
        nn.init.zeros_(network.classifier.bias)
    if head or labels != own:
        found = "none" if head & missing else f"one for {', '.join(own)}"
        warnings.warn(
            f"{checkpoint}: expected a head for {', '.join(labels)}, found {found}; "
            "a new one decides at random until it is fine-tuned",
            StaanetWarning,
            stacklevel=2,
        )


def build(name: str, family: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
    """Return a network with random weights and the complete settings.

    Args:
        name: Registry name of the model, for messages.
        family: The `model_type` of `transformers`.
        settings: Settings with an architecture.

    Raises:
        StaanetError: If the family does not take waveforms, a key is unknown, or `transformers` rejects a value.
    """
    from transformers import CONFIG_MAPPING, AutoModelForAudioClassification

    check_labels(settings.labels)
    given = settings.architecture or {}
    default = CONFIG_MAPPING[family]().to_dict() if family in CONFIG_MAPPING else {}
    if "conv_stride" not in default:
        raise StaanetError(
            f"{name}: expected the model_type of a model that takes waveforms, such as wav2vec2, wavlm or hubert, "
            f"got {family}"
        )
    saved = "transformers_version" in given  # perhaps by a version with other keys
    for key in given:
        if key not in default and not saved:
            raise StaanetError(f"{name}: {unknown_name('architecture key', key, default)}")
    labels = {} if saved else {"id2label": dict(enumerate(settings.labels))}
    with _loading(name, "an architecture"):
        config = CONFIG_MAPPING[family].from_dict({**given, **labels})
        network = AutoModelForAudioClassification.from_config(config, trust_remote_code=False)
    return network, replace(
        settings,
        sample_rate=settings.sample_rate or DEFAULT_RATE,
        architecture=given if saved else _described(config),
        normalise=settings.normalise is not False,
        frozen=bool(settings.frozen),
    )


def _described(config: Any) -> dict[str, Any]:
    """Return the complete configuration of a network, without the path it was loaded from."""
    architecture: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    architecture.pop("_name_or_path", None)
    return architecture


@contextlib.contextmanager
def _loading(name: str, what: str = "a checkpoint") -> Iterator[None]:
    """Turn errors of `transformers` into a one-line `StaanetError`, and silence its logging and progress bars.

    Args:
        name: Checkpoint or model, for the error message.
        what: What is loaded, for the error message.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise StaanetError(f"{name}: expected {what} that transformers can load, got: {_first_line(error)}") from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in (lines[:2] if lines[0].endswith(":") else lines[:1]))
