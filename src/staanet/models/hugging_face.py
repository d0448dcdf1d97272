"""Victims from Hugging Face: wav2vec 2.0, WavLM, HuBERT and any other audio classifier that hears waveforms.

`transformers` is imported when such a victim is made, not before.
"""

import contextlib
import functools
import hashlib
import importlib.util
import json
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from staanet.core.errors import StaanetError, StaanetWarning, unknown
from staanet.core.files import read_json
from staanet.core.signature import file_digest
from staanet.models.base import Network, Victim, VictimSettings, check_labels, check_seconds

EXTRA = "staanet[hf]"
DEFAULT_RATE = 16_000
CONFIG, PROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "*.safetensors"


@dataclass(frozen=True)
class HuggingFaceSettings(VictimSettings):
    """What a victim from Hugging Face is built from.

    Args:
        labels: the emotions, in the order of the logits; the checkpoint's own where left out. Others get a new head.
        seconds: the length to which every clip is repeated or cut; where left out each is heard as long as it is.
        sample_rate: of its input, in Hz; what its processor says where left out.
        checkpoint: a folder, or a hub id (`owner/name`, or `owner/name@revision`); the model's own where left out.
        activation_checkpointing: for gradients, compute layers again instead of keeping what they gave.
        architecture: the network's configuration, as `config.json` has it; read from the checkpoint, kept by a saved
            victim. Given instead of a checkpoint, what it leaves out is the default and all weights are random.
        normalise: bring each clip to mean 0 and variance 1; what its processor says, true without one.
        frozen: whether training leaves the feature encoder as it is; where left out it does if there was a checkpoint.
    """

    labels: tuple[str, ...] = ()
    seconds: float | None = None
    sample_rate: int = None  # type: ignore[assignment]  # a number once a victim is built
    checkpoint: str | None = None
    activation_checkpointing: bool = False
    architecture: dict[str, Any] | None = None
    normalise: bool | None = None
    frozen: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what no classifier can be built from."""
        if self.labels:
            check_labels(self.labels)
        if self.seconds is not None:
            check_seconds(self.seconds, self.sample_rate or DEFAULT_RATE)
        if self.architecture is not None and self.checkpoint is not None:
            raise StaanetError("expected a checkpoint or an architecture, got both; the checkpoint brings its own")
        if self.architecture is None and self.normalise is not None:
            raise StaanetError("expected normalise beside an architecture only; a checkpoint brings its own")


class HuggingFace(Victim):
    """An audio classifier of `transformers` that hears waveforms, by the folder or hub id of its checkpoint.

    Sampling rate, normalisation and labels are those of its own processor and configuration. Each clip is heard as long
    as it is and never padded: padding changes what these networks decide, where the feature encoder normalises over
    time even with an attention mask; so only clips of one length share a batch. The feature encoder is frozen.

    Or it is built from an architecture alone, with random weights, all of which are trained.

    Raises:
        StaanetError: neither checkpoint nor architecture; a checkpoint that cannot be had without a network, is not
            safetensors, or hears something else than waveforms or at another sampling rate; an architecture that is
            none.

    Warns:
        StaanetWarning: its head is new, so that what it decides means nothing yet.
    """

    name = "hugging_face"
    preset = "fine_tune"
    packages = ("transformers",)
    hub_id: ClassVar[str | None] = None
    """The checkpoint where none is named."""
    Settings = HuggingFaceSettings
    settings: HuggingFaceSettings

    def __init__(self, settings: HuggingFaceSettings) -> None:
        _check_installed(self.name)
        if settings.architecture is None:
            network, settings = _opened(self._named(settings), settings)
        else:
            network, settings = _built(self.name, self._family(settings), settings)
        super().__init__(settings)
        self.network: nn.Module = network
        if settings.frozen:
            network.freeze_feature_encoder()
        if settings.activation_checkpointing:
            network.activation_checkpointing_enable()

    @classmethod
    def check(cls, settings: HuggingFaceSettings) -> None:
        """Refuse settings that it cannot be built from, by a look at what is there; nothing is loaded.

        Raises:
            StaanetError: no checkpoint is named, its folder is missing or lacks a file, its architecture is none, or
                the extra is not installed.
        """
        _check_installed(cls.name)
        if settings.architecture is not None:
            with torch.device("meta"):
                cls(settings)
            return
        named = cls._named(settings)
        if Path(named).is_dir():
            _check_files(Path(named), named)
        else:
            _check_hub_id(named)

    @classmethod
    def origin(cls, settings: HuggingFaceSettings) -> dict[str, Any]:
        """Return what decides its weights beside the training: the hash of its checkpoint's files, and its hub id.

        Without a checkpoint: its architecture.
        """
        chosen = {} if settings.frozen is None else {"frozen": settings.frozen}
        if settings.architecture is not None:
            return {"architecture": settings.architecture, "normalise": settings.normalise, **chosen}
        named = cls._named(settings)
        folder = fetched(named)
        files = [folder / CONFIG, folder / PROCESSOR, *sorted(folder.glob(WEIGHTS))]
        digests = [_digest(path, path.stat().st_mtime_ns) for path in files]
        checkpoint = hashlib.sha256("".join(digests).encode()).hexdigest()
        return {"checkpoint": checkpoint, "hub_id": None if Path(named).is_dir() else named, **chosen}

    @classmethod
    def _named(cls, settings: HuggingFaceSettings) -> str:
        named = settings.checkpoint or cls.hub_id
        if named is None:
            raise StaanetError(f"{cls.name}: expected a checkpoint, found none; name a folder or a hub id (owner/name)")
        return named

    @classmethod
    def _family(cls, settings: HuggingFaceSettings) -> str:
        """Return the `model_type` of an architecture: the model's own, or the one that is named."""
        assert settings.architecture is not None  # noqa: S101
        own = None if cls.hub_id is None else cls.name
        named = settings.architecture.get("model_type", own)
        if named is None or own not in (None, named):
            raise StaanetError(
                f"{cls.name}: expected an architecture of model_type {own or 'wav2vec2, say'}, got {named}"
            )
        return str(named)

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """Samples per step of the transformer: the product of the strides of the feature encoder."""
        return math.prod(self._architecture["conv_stride"])

    @property
    def shortest(self) -> int:
        """Samples of a step of the transformer or, in training, of as many as are masked at once (SpecAugment)."""
        sizes = self._architecture
        masks = self.training and sizes.get("apply_spec_augment", True) and sizes["mask_time_prob"] > 0
        samples: int = sizes["mask_time_length"] if masks else 1
        for kernel, stride in zip(reversed(sizes["conv_kernel"]), reversed(sizes["conv_stride"]), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    @property
    def _architecture(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.settings.architecture)

    def hear(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]` that are neither repeated nor cut any more."""
        if int(lengths.min()) < self.shortest:
            raise StaanetError(
                f"expected clips of {self.shortest} samples or more for {self.name}, got {int(lengths.min())}; "
                "give seconds, to which clips are repeated, or leave the short ones out"
            )
        network = network or self.classify
        groups = [(lengths == length).nonzero()[:, 0] for length in lengths.unique()]
        with _numpy_follows_torch(self.training), self._recomputed():
            given = [network(self._normalised(waveforms[rows, : int(lengths[rows[0]])])) for rows in groups]
        return torch.cat(given)[torch.cat(groups).argsort()]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of normalised waveforms `[B, T]`, all of one length."""
        logits: Tensor = self.network(waveforms).logits
        return logits

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the mean over time `[B, D]` of what the encoder gives before the head, which may be new."""
        encoder = cast(nn.Module, self.network.base_model)
        steps: Tensor = encoder(waveforms).last_hidden_state  # [B, S, D]
        return steps.mean(1)

    def _normalised(self, waveforms: Tensor) -> Tensor:
        """Return waveforms `[B, T]` as the processor hands them over."""
        if not self.settings.normalise:
            return waveforms
        centred = waveforms - waveforms.mean(1, keepdim=True)
        return centred / (centred.square().mean(1, keepdim=True) + 1e-7).sqrt()

    @contextlib.contextmanager
    def _recomputed(self) -> Iterator[None]:
        """Let gradients in eval mode have activation checkpointing too.

        `transformers` looks at the layers' training mode, which decides nothing else: what drops out are their parts.
        """
        from transformers.modeling_layers import GradientCheckpointingLayer

        layers = [part for part in self.network.modules() if isinstance(part, GradientCheckpointingLayer)]
        layers = layers if self.settings.activation_checkpointing else []
        modes = [layer.training for layer in layers]
        for layer, mode in zip(layers, modes, strict=True):
            layer.training = mode or torch.is_grad_enabled()
        try:
            yield
        finally:
            for layer, mode in zip(layers, modes, strict=True):
                layer.training = mode


class Wav2Vec2(HuggingFace):
    """wav2vec 2.0 base: 94 570 375 parameters at 7 classes, 90 369 927 of them trained; `facebook/wav2vec2-base-960h`.

    A. Baevski, Y. Zhou, A. Mohamed, M. Auli, "wav2vec 2.0: a framework for self-supervised learning of speech
    representations", NeurIPS 2020, arXiv 2006.11477. A victim of arXiv 2402.01227, section 4.2.
    """

    name, hub_id = "wav2vec2", "facebook/wav2vec2-base-960h"


class WavLM(HuggingFace):
    """WavLM base: 94 580 599 parameters at 7 classes, 90 380 151 of them trained; `microsoft/wavlm-base`.

    S. Chen et al., "WavLM: large-scale self-supervised pre-training for full stack speech processing", IEEE Journal of
    Selected Topics in Signal Processing 16, 2022, arXiv 2110.13900. A victim of arXiv 2402.01227, section 4.2.
    """

    name, hub_id = "wavlm", "microsoft/wavlm-base"


class HuBERT(HuggingFace):
    """HuBERT base: 94 570 375 parameters at 7 classes, 90 369 927 of them trained; `facebook/hubert-base-ls960`.

    W.-N. Hsu et al., "HuBERT: self-supervised speech representation learning by masked prediction of hidden units",
    IEEE/ACM Transactions on Audio, Speech, and Language Processing 29, 2021, arXiv 2106.07447.
    """

    name, hub_id = "hubert", "facebook/hubert-base-ls960"


def is_hugging_face(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint as `transformers` writes them, not as this library does."""
    path = folder / CONFIG
    config = read_json(path) if path.is_file() else None
    return isinstance(config, dict) and "model_type" in config


def fetched(checkpoint: str) -> Path:
    """Return the folder of a checkpoint: itself, or where the files of a hub id lie, downloaded if they must be.

    Of the hub only JSON and safetensors are asked for; with `HF_HUB_OFFLINE=1` nothing but its cache is looked at.

    Raises:
        StaanetError: neither a folder nor a hub id that can be had, or weights that are not safetensors.
    """
    folder = Path(checkpoint) if Path(checkpoint).is_dir() else _downloaded(checkpoint)
    _check_files(folder, checkpoint)
    return folder


@functools.cache
def _downloaded(named: str) -> Path:
    from huggingface_hub import snapshot_download

    _check_hub_id(named)
    hub_id, _, revision = named.partition("@")
    try:
        return Path(snapshot_download(hub_id, revision=revision or None, allow_patterns=["*.json", WEIGHTS]))
    except (OSError, ValueError) as error:
        raise StaanetError(
            f"{named}: expected a folder, or a hub id that can be reached or lies in the hub's cache, got: "
            f"{_first_line(error)}; fetch it where there is a network (hf download {hub_id}) or name a folder"
        ) from error


def _check_installed(name: str) -> None:
    if importlib.util.find_spec("transformers") is None:
        raise StaanetError(f"{name}: expected the package transformers, found none; install {EXTRA}")


def _check_hub_id(named: str) -> None:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?", named):
        raise StaanetError(f"{named}: expected a folder, or a hub id (owner/name), found no such folder")


def _check_files(folder: Path, named: str) -> None:
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
def _digest(path: Path, modified: int) -> str:  # noqa: ARG001
    """Return the hash of a file, taken again only when it was written again."""
    return file_digest(path)


def _opened(named: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
    """Return a checkpoint's network, and the settings in full."""
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModelForAudioClassification, Wav2Vec2FeatureExtractor

    folder = fetched(named)
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
            "prepare a store at its rate"
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


def _built(name: str, family: str, settings: HuggingFaceSettings) -> tuple[Any, HuggingFaceSettings]:
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
            raise StaanetError(f"{name}: {unknown('architecture key', key, default)}")
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


@contextlib.contextmanager
def _numpy_follows_torch(training: bool) -> Iterator[None]:
    """Draw what is masked in training, which comes from NumPy's global generator, from torch's."""
    if not training:
        yield
        return
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(int(torch.randint(2**32, ())))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in (lines[:2] if lines[0].endswith(":") else lines[:1]))
