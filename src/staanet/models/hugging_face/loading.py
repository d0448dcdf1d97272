"""Checkpoints of Hugging Face: found, checked, opened with `transformers`, which is imported only then."""

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
    """Return whether a folder holds a checkpoint as `transformers` writes them, not as this library does."""
    path = folder / CONFIG
    config = read_json(path) if path.is_file() else None
    return isinstance(config, dict) and "model_type" in config


def fetch(checkpoint: str) -> Path:
    """Return the folder of a checkpoint: itself, or where the files of a hub id lie, downloaded if they must be.

    Of the hub only JSON and safetensors are asked for; with `HF_HUB_OFFLINE=1` nothing but its cache is looked at.

    Raises:
        StaanetError: neither a folder nor a hub id that can be had, or weights that are not safetensors.
    """
    folder = Path(checkpoint) if Path(checkpoint).is_dir() else _downloaded(checkpoint)
    check_files(folder, checkpoint)
    return folder


@functools.cache
def _downloaded(named: str) -> Path:
    from huggingface_hub import snapshot_download

    check_hub_id(named)
    hub_id, _, revision = named.partition("@")
    try:
        return Path(snapshot_download(hub_id, revision=revision or None, allow_patterns=["*.json", WEIGHTS]))
    except (OSError, ValueError) as error:
        raise StaanetError(
            f"{named}: expected a folder, or a hub id that can be reached or lies in the hub's cache, got: "
            f"{_first_line(error)}; fetch it where there is a network (hf download {hub_id}) or name a folder"
        ) from error


def check_installed(name: str) -> None:
    """Refuse to go on without the extra `hf`."""
    if importlib.util.find_spec("transformers") is None:
        raise StaanetError(f"{name}: expected the package transformers, found none; install {EXTRA}")


def check_hub_id(named: str) -> None:
    """Refuse what can be neither a folder nor a hub id."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?", named):
        raise StaanetError(f"{named}: expected a folder, or a hub id (owner/name), found no such folder")


def check_files(folder: Path, named: str) -> None:
    """Refuse a folder that lacks a configuration, a processor or weights as safetensors."""
    for name in (CONFIG, PROCESSOR):
        if not (folder / name).is_file():
            raise StaanetError(f"{named}: expected a checkpoint with {name}, as transformers writes it, found none")
    if not any(folder.glob(WEIGHTS)):
        others = ", ".join(sorted(path.name for path in folder.glob("*.bin"))) or "none"
        raise StaanetError(
            f"{named}: expected weights as safetensors, found {others}; other files are pickles, which can run any "
            "code when they are loaded: save it as safetensors, or name a revision that has them (owner/name@revision)"
        )


@functools.cache
def digest(path: Path, modified: int) -> str:  # noqa: ARG001
    """Return the hash of a file, taken again only when it was written again."""
    return file_digest(path)


def open_checkpoint(named: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
    """Return a checkpoint's network, and the settings in full."""
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

    folder = fetch(named)
    local = {"local_files_only": True, "trust_remote_code": False}
    with _loading(named):
        config = AutoConfig.from_pretrained(folder, **local)
        processor = AutoFeatureExtractor.from_pretrained(folder, **local)
    if not isinstance(processor, Wav2Vec2FeatureExtractor) or not hasattr(config, "conv_stride"):
        raise StaanetError(
            f"{named}: expected a model that hears waveforms, such as wav2vec 2.0, WavLM or HuBERT, "
            f"got {config.model_type} with {type(processor).__name__}"
        )
    if settings.sample_rate not in (None, processor.sampling_rate):
        raise StaanetError(
            f"{named}: expected clips at its processor's {processor.sampling_rate} Hz, got {settings.sample_rate} Hz; "
            "prepare a dataset at its rate"
        )
    own = tuple(config.id2label[number] for number in range(config.num_labels))
    labels = settings.labels or own
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    with _loading(named):
        network, report = AutoModelForAudioClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **local,
        )
    _check_head(named, network, report, own, labels)
    return network, replace(
        settings,
        labels=labels,
        sample_rate=processor.sampling_rate,
        checkpoint=None,
        architecture=_described(config),
        normalise=processor.do_normalize,
        frozen=settings.frozen is not False,
    )


def _check_head(
    named: str, network: Any, report: dict[str, Any], own: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    """Refuse a body that lacks weights; make the head new where it decides between other labels, and tell of it."""
    missing: set[str] = report["missing_keys"]
    lacking = missing | {name for name, *_ in report["mismatched_keys"]}
    head = {name for name in lacking if not name.startswith(f"{network.base_model_prefix}.")}
    body = sorted(name for name in lacking - head if not name.endswith("masked_spec_embed"))
    if body:
        raise StaanetError(
            f"{named}: expected all weights of {network.config.model_type}, found none that fit {body[0]}; "
            "config.json and weights are of different models"
        )
    if labels != own:
        nn.init.normal_(network.classifier.weight, std=network.config.initializer_range)
        nn.init.zeros_(network.classifier.bias)
    if head or labels != own:
        found = "none" if head & missing else f"one for {', '.join(own)}"
        warnings.warn(
            f"{named}: expected a head for {', '.join(labels)}, found {found}; "
            "a new one decides at random until it is fine-tuned",
            StaanetWarning,
            stacklevel=2,
        )


def build(name: str, family: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
    """Return a network with random weights, and the settings in full."""
    from transformers import CONFIG_MAPPING, AutoModelForAudioClassification

    check_labels(settings.labels)
    given = settings.architecture or {}
    default = CONFIG_MAPPING[family]().to_dict() if family in CONFIG_MAPPING else {}
    if "conv_stride" not in default:
        raise StaanetError(
            f"{name}: expected the model_type of a model that hears waveforms, such as wav2vec2, wavlm or hubert, "
            f"got {family}"
        )
    saved = "transformers_version" in given  # by another version, it may be, which knew other keys
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
    """Return a network's configuration in full, without where it came from."""
    architecture: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    architecture.pop("_name_or_path", None)
    return architecture


@contextlib.contextmanager
def _loading(named: str, what: str = "a checkpoint") -> Iterator[None]:
    """Tell in a line why `transformers` cannot load something, and leave out its tables and bars."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise StaanetError(f"{named}: expected {what} that transformers can load, got: {_first_line(error)}") from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in (lines[:2] if lines[0].endswith(":") else lines[:1]))
