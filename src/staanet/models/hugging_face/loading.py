"""Loading of Hugging Face checkpoints, and building of networks with random weights.

`transformers` and `huggingface_hub` are imported inside the functions that need them.
"""

import contextlib
import importlib.util
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from staanet.core.errors import StaanetError, StaanetWarning, unknown_name
from staanet.core.files import read_json
from staanet.models.base import check_labels
from staanet.models.hugging_face.files import CONFIG, check_family, fetch, first_line
from staanet.models.hugging_face.front_ends import FrontEnd, front_end_of
from staanet.models.hugging_face.head import (
    FINE_TUNE,
    SOFTMAX,
    are_default,
    encoder_name,
    fault_of_weights,
    of_head,
    read_labels,
)
from staanet.models.hugging_face.settings import DEFAULT_RATE, HuggingFaceSettings

EXTRA = "staanet[hf]"


def check_installed(name: str) -> None:
    """Check that `transformers` is installed.

    Raises:
        StaanetError: If it is not.
    """
    if importlib.util.find_spec("transformers") is None:
        raise StaanetError(f"{name}: expected the package transformers, found none; install {EXTRA}")


def open_checkpoint(checkpoint: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
    """Return the network of a checkpoint and the complete settings.

    Without labels in the settings, the checkpoint is used as it is and must have a trained head that decides between
    its labels. With labels, its head is kept if it decides between exactly these, otherwise initialised anew.

    Args:
        checkpoint: Folder or hub id.
        settings: Settings as given; values that are None are read from the checkpoint.

    Raises:
        StaanetError: If the checkpoint cannot be loaded, is not supported, has another sampling rate, or is used
            as it is without a trained head that decides between its labels.

    Warns:
        StaanetWarning: If the head is initialised anew, or its labels have no names.
    """
    from transformers import AutoConfig, AutoModelForAudioClassification

    folder = fetch(checkpoint)
    local = {"local_files_only": True, "trust_remote_code": False}
    written = read_json(folder / CONFIG)
    own = _own_labels(checkpoint, written, settings)
    labels = settings.labels or own
    assert labels is not None  # noqa: S101
    extractor = _extractor(checkpoint, folder, settings)
    with loading(checkpoint):
        config = AutoConfig.from_pretrained(folder, **local)
        config.return_dict = True
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
        config.problem_type = config.problem_type if config.problem_type in SOFTMAX else None
        network, report = AutoModelForAudioClassification.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **local,
        )
    _check_encoder(checkpoint, network, report)
    fault = fault_of_weights(network, report, written)
    if settings.labels and (labels != own or fault):
        _replace_head(checkpoint, network, report, own, fault)
    elif fault:
        raise StaanetError(f"{checkpoint}: {fault}; {FINE_TUNE}")
    elif are_default(labels):
        _warn_of_names(checkpoint, labels)
    architecture = described(config)
    front_end = _front_end(architecture).read(extractor, architecture, checkpoint)
    return network, replace(
        settings,
        labels=labels,
        sample_rate=front_end.sample_rate,
        checkpoint=None,
        architecture=architecture,
        normalise=front_end.normalise,
        front_end=front_end.own_settings(),
        frozen=_is_frozen(network, settings.frozen, True, checkpoint),
    )


def _own_labels(checkpoint: str, written: dict[str, Any], settings: HuggingFaceSettings) -> tuple[str, ...] | None:
    """Return the labels between which the head of a checkpoint decides; None if it cannot and need not be kept."""
    try:
        return read_labels(written, f"{checkpoint}: {CONFIG}")
    except StaanetError:
        if settings.labels:
            return None
        raise


def _extractor(checkpoint: str, folder: Path, settings: HuggingFaceSettings) -> Any:
    """Return the feature extractor of a checkpoint, which must take clips at the rate of the settings."""
    from transformers import AutoFeatureExtractor

    with loading(checkpoint):
        extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    rate = getattr(extractor, "sampling_rate", None)
    if not isinstance(rate, int) or rate < 1:
        raise StaanetError(f"{checkpoint}: expected the sampling_rate of its processor in Hz, got {rate!r}; correct it")
    if settings.sample_rate not in (None, rate):
        raise StaanetError(
            f"{checkpoint}: expected clips at its processor's {rate} Hz, "
            f"got {settings.sample_rate} Hz; prepare a dataset at its rate"
        )
    return extractor


def _front_end(architecture: dict[str, Any]) -> type[FrontEnd]:
    """Return the front end of a network of a supported family."""
    kind = front_end_of(architecture)
    assert kind is not None  # noqa: S101  # check_family comes first
    return kind


def _is_frozen(network: Any, wanted: bool | None, default: bool, where: str) -> bool:
    """Return whether training keeps the weights of the convolutional feature encoder, if the network has one."""
    if hasattr(network, "freeze_feature_encoder"):
        return default if wanted is None else wanted
    if wanted:
        raise StaanetError(
            f"{where}: expected no frozen, since {network.config.model_type} has no convolutional feature encoder; "
            "leave it out, and the whole network is trained"
        )
    return False


def _check_encoder(checkpoint: str, network: Any, report: dict[str, Any]) -> None:
    """Check that a checkpoint has all weights of the encoder; the embedding of masks is used in training only."""
    lacking = report["missing_keys"] | {name for name, *_ in report["mismatched_keys"]}
    encoder = sorted(
        name
        for name in lacking
        if name.startswith(f"{encoder_name(network)}.") and not name.endswith("masked_spec_embed")
    )
    if encoder:
        raise StaanetError(
            f"{checkpoint}: expected all weights of {network.config.model_type}, found none that fit {encoder[0]}; "
            "config.json and weights are of different models"
        )


def _replace_head(
    checkpoint: str, network: Any, report: dict[str, Any], own: tuple[str, ...] | None, fault: str | None
) -> None:
    """Initialise the head for the labels of a network anew, with a warning that it is not trained yet.

    Args:
        checkpoint: Folder or hub id, for the warning.
        network: Network whose head is replaced; missing weights have been initialised already.
        report: Missing weights, as `from_pretrained` returns them.
        own: Labels of the checkpoint, None if its head does not decide between labels.
        fault: What is wrong with the head of the checkpoint, if it has the same labels.
    """
    labels = tuple(network.config.id2label.values())
    missing = bool(of_head(network, report["missing_keys"]))
    if labels != own or not missing:
        for layer in network.classifier.modules():  # one in most heads, a norm and a linear one in that of AST
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=_initial_deviation(network.config))
                nn.init.zeros_(layer.bias)
    if missing:
        found = "none"
    elif own is None:
        found = "none that decides between labels"
    else:
        found = f"one for {', '.join(own)}" + (f" ({fault})" if labels == own else "")
    warnings.warn(
        f"{checkpoint}: expected a head for {', '.join(labels)}, found {found}; "
        "a new one decides at random until it is fine-tuned",
        StaanetWarning,
        stacklevel=2,
    )


def _initial_deviation(config: Any) -> float:
    """Return the standard deviation of initial weights, which Whisper names `init_std`."""
    deviation: float = getattr(config, "initializer_range", None) or config.init_std
    return deviation


def _warn_of_names(checkpoint: str, labels: tuple[str, ...]) -> None:
    warnings.warn(
        f"{checkpoint}: expected the names of the emotions in id2label of {CONFIG}, found {', '.join(labels)}; write "
        "them there, in the order of the outputs, since decisions are reported by name",
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
        StaanetError: If the family is not supported, a key is unknown, or `transformers` rejects a value.
    """
    from transformers import CONFIG_MAPPING, AutoModelForAudioClassification

    check_labels(settings.labels)
    given = settings.architecture or {}
    default = check_family(family, name)
    saved = "transformers_version" in given  # perhaps by a version with other keys
    for key in given:
        if key not in default and not saved:
            raise StaanetError(f"{name}: {unknown_name('architecture key', key, default)}")
    labels = dict(enumerate(settings.labels))
    with loading(name, "an architecture"):
        config = CONFIG_MAPPING[family].from_dict({**given, "id2label": labels, "return_dict": True})
        network = AutoModelForAudioClassification.from_config(config, trust_remote_code=False)
    architecture = given if saved else described(config)
    rate = settings.sample_rate or DEFAULT_RATE
    kind = _front_end(architecture)
    front_end = kind.build(settings.front_end or {}, rate, settings.normalise, architecture, name)
    return network, replace(
        settings,
        sample_rate=rate,
        architecture=architecture,
        normalise=front_end.normalise,
        front_end=front_end.own_settings(),
        frozen=_is_frozen(network, settings.frozen, False, name),
    )


def described(config: Any) -> dict[str, Any]:
    """Return the complete configuration of a network, without the path it was loaded from."""
    architecture: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    architecture.pop("_name_or_path", None)
    return architecture


@contextlib.contextmanager
def loading(name: str, what: str = "a checkpoint") -> Iterator[None]:
    """Turn errors of `transformers` into a one-line `StaanetError`, and silence its logging and progress bars.

    Args:
        name: Checkpoint or model, for the error message.
        what: What is loaded, for the error message.
    """
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "At least one mel filter has all zero values", UserWarning)
            yield
    except Exception as error:  # a damaged file can make transformers raise almost any exception
        raise StaanetError(f"{name}: expected {what} that transformers can load, got: {first_line(error)}") from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
