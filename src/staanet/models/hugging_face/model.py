"""Models from Hugging Face: wav2vec 2.0, WavLM, HuBERT and any other audio classifier that hears waveforms.

`transformers` is imported when such a model is made, not before.
"""

import contextlib
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.models.base import Model, Network
from staanet.models.hugging_face.loading import (
    CONFIG,
    PROCESSOR,
    WEIGHTS,
    build,
    check_files,
    check_hub_id,
    check_installed,
    digest,
    fetch,
    open_checkpoint,
)
from staanet.models.hugging_face.settings import HuggingFaceSettings


class HuggingFace(Model):
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
        check_installed(self.name)
        if settings.architecture is None:
            network, settings = open_checkpoint(self._named(settings), settings)
        else:
            network, settings = build(self.name, self._family(settings), settings)
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
        check_installed(cls.name)
        if settings.architecture is not None:
            with torch.device("meta"):
                cls(settings)
            return
        named = cls._named(settings)
        if Path(named).is_dir():
            check_files(Path(named), named)
        else:
            check_hub_id(named)

    @classmethod
    def identity(cls, settings: HuggingFaceSettings) -> dict[str, Any]:
        """Return what decides its weights beside the training: the hash of its checkpoint's files, and its hub id.

        Without a checkpoint: its architecture.
        """
        chosen = {} if settings.frozen is None else {"frozen": settings.frozen}
        if settings.architecture is not None:
            return {"architecture": settings.architecture, "normalise": settings.normalise, **chosen}
        named = cls._named(settings)
        folder = fetch(named)
        files = [folder / CONFIG, folder / PROCESSOR, *sorted(folder.glob(WEIGHTS))]
        digests = [digest(path, path.stat().st_mtime_ns) for path in files]
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
    def min_samples(self) -> int:
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

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]` of waveforms `[B, T]` that are neither repeated nor cut any more."""
        if int(lengths.min()) < self.min_samples:
            raise StaanetError(
                f"expected clips of {self.min_samples} samples or more for {self.name}, got {int(lengths.min())}; "
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
    representations", NeurIPS 2020, arXiv 2006.11477. A model of arXiv 2402.01227, section 4.2.
    """

    name, hub_id = "wav2vec2", "facebook/wav2vec2-base-960h"


class WavLM(HuggingFace):
    """WavLM base: 94 580 599 parameters at 7 classes, 90 380 151 of them trained; `microsoft/wavlm-base`.

    S. Chen et al., "WavLM: large-scale self-supervised pre-training for full stack speech processing", IEEE Journal of
    Selected Topics in Signal Processing 16, 2022, arXiv 2110.13900. A model of arXiv 2402.01227, section 4.2.
    """

    name, hub_id = "wavlm", "microsoft/wavlm-base"


class HuBERT(HuggingFace):
    """HuBERT base: 94 570 375 parameters at 7 classes, 90 369 927 of them trained; `facebook/hubert-base-ls960`.

    W.-N. Hsu et al., "HuBERT: self-supervised speech representation learning by masked prediction of hidden units",
    IEEE/ACM Transactions on Audio, Speech, and Language Processing 29, 2021, arXiv 2106.07447.
    """

    name, hub_id = "hubert", "facebook/hubert-base-ls960"


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
