"""Models from Hugging Face: wav2vec 2.0, WavLM, HuBERT and any other audio classifier that takes waveforms.

`transformers` is imported only when such a model is built.
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
from staanet.models.hugging_face.files import CONFIG, WEIGHTS, check_files, check_hub_id, digest, fetch, processor_file
from staanet.models.hugging_face.loading import build, check_installed, open_checkpoint
from staanet.models.hugging_face.settings import HuggingFaceSettings


class HuggingFace(Model):
    """Any audio classifier of `transformers` that takes waveforms, from a folder, a hub id or an architecture.

    With a checkpoint, the sampling rate, the normalisation and the labels are those of its processor and configuration,
    and the convolutional feature encoder is frozen. If labels are given, they replace its own for fine-tuning;
    otherwise it must have a trained head whose largest output is its decision. With an architecture alone, all weights
    are random and trained.

    Clips are classified at their own length and never padded, and only clips of equal length share a forward pass:
    padding changes the logits, even with an attention mask, if the feature encoder normalises over time.

    Raises:
        StaanetError: If there is neither a checkpoint nor an architecture; if the checkpoint is not available, is not
            safetensors, does not take waveforms at this sampling rate, or is used with its own labels although it has
            no trained head that decides between them; or if the architecture is invalid.

    Warns:
        StaanetWarning: If the classification head is initialised anew for the given labels, so the model is not
            trained yet; or if the labels of the checkpoint have no names.
    """

    name = "hugging_face"
    preset = "fine_tune"
    packages = ("transformers",)
    hub_id: ClassVar[str | None] = None
    """Hub id of the default checkpoint."""
    Settings = HuggingFaceSettings
    settings: HuggingFaceSettings

    def __init__(self, settings: HuggingFaceSettings) -> None:
        check_installed(self.name)
        if settings.architecture is None:
            network, settings = open_checkpoint(self._checkpoint(settings), settings)
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
        """Check that the model can be built from these settings, without loading or downloading weights.

        Raises:
            StaanetError: If no checkpoint is named, its folder is missing or lacks a file, the architecture is invalid,
                or the extra `hf` is not installed.
        """
        check_installed(cls.name)
        if settings.architecture is not None:
            with torch.device("meta"):
                cls(settings)
            return
        checkpoint = cls._checkpoint(settings)
        if Path(checkpoint).is_dir():
            check_files(Path(checkpoint), checkpoint)
        else:
            check_hub_id(checkpoint)

    @classmethod
    def identity(cls, settings: HuggingFaceSettings) -> dict[str, Any]:
        """Return the hash of the checkpoint's files and its hub id, or the architecture if there is no checkpoint."""
        chosen = {} if settings.frozen is None else {"frozen": settings.frozen}
        if settings.architecture is not None:
            return {"architecture": settings.architecture, "normalise": settings.normalise, **chosen}
        checkpoint = cls._checkpoint(settings)
        folder = fetch(checkpoint)
        files = [folder / CONFIG, processor_file(folder), *sorted(folder.glob(WEIGHTS))]
        digests = [digest(path, path.stat().st_mtime_ns) for path in files if path is not None]
        combined = hashlib.sha256("".join(digests).encode()).hexdigest()
        return {"checkpoint": combined, "hub_id": None if Path(checkpoint).is_dir() else checkpoint, **chosen}

    @classmethod
    def _checkpoint(cls, settings: HuggingFaceSettings) -> str:
        """Return the folder or the hub id of the checkpoint."""
        checkpoint = settings.checkpoint or cls.hub_id
        if checkpoint is None:
            raise StaanetError(f"{cls.name}: expected a checkpoint, found none; name a folder or a hub id (owner/name)")
        return checkpoint

    @classmethod
    def _family(cls, settings: HuggingFaceSettings) -> str:
        """Return the `model_type` of the architecture. Default: the name of the model, if it is a published one."""
        assert settings.architecture is not None  # noqa: S101
        own = None if cls.hub_id is None else cls.name
        family = settings.architecture.get("model_type", own)
        if family is None or own not in (None, family):
            raise StaanetError(
                f"{cls.name}: expected an architecture with model_type = {own or 'wav2vec2 or another'}, got {family}"
            )
        return str(family)

    @property
    def pooling_stride(self) -> int:  # type: ignore[override]
        """Samples per time step of the encoder: the product of the strides of the feature encoder."""
        return math.prod(self._architecture["conv_stride"])

    @property
    def min_samples(self) -> int:
        """Length in samples of one time step; in training with SpecAugment, of as many steps as are masked at once."""
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
        """Return the logits `[B, K]`, or the output of `network`, of waveforms `[B, T]`, each clip at its own length.

        Raises:
            StaanetError: If a clip is shorter than `min_samples`.
        """
        if int(lengths.min()) < self.min_samples:
            raise StaanetError(
                f"expected clips of {self.min_samples} samples or more for {self.name}, got {int(lengths.min())}; "
                "set seconds, to which clips are repeated, or remove the short clips"
            )
        network = network or self.classify
        groups = [(lengths == length).nonzero()[:, 0] for length in lengths.unique()]
        with _numpy_seeded_by_torch(self.training), self._recompute_activations():
            outputs = [network(self._normalised(waveforms[rows, : int(lengths[rows[0]])])) for rows in groups]
        return torch.cat(outputs)[torch.cat(groups).argsort()]

    def classify(self, waveforms: Tensor) -> Tensor:
        """Return the logits `[B, K]` of normalised waveforms `[B, T]`, all of one length."""
        logits: Tensor = self.network(waveforms).logits
        return logits

    def encode(self, waveforms: Tensor) -> Tensor:
        """Return the mean over time `[B, D]` of the encoder's last hidden states."""
        encoder = cast(nn.Module, self.network.base_model)
        steps: Tensor = encoder(waveforms).last_hidden_state  # [B, S, D]
        return steps.mean(1)

    def _normalised(self, waveforms: Tensor) -> Tensor:
        """Return waveforms `[B, T]` normalised as the checkpoint's processor does."""
        if not self.settings.normalise:
            return waveforms
        centred = waveforms - waveforms.mean(1, keepdim=True)
        return centred / (centred.square().mean(1, keepdim=True) + 1e-7).sqrt()

    @contextlib.contextmanager
    def _recompute_activations(self) -> Iterator[None]:
        """Use activation checkpointing, if it is set, for gradients in eval mode as well.

        `transformers` checkpoints layers in training mode only. Setting the mode of these layers alone changes nothing
        else, since dropout is a submodule with a mode of its own.
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
    """wav2vec 2.0 base (`facebook/wav2vec2-base-960h`); 94 570 375 parameters at 7 classes, 90 369 927 trained.

    A. Baevski, Y. Zhou, A. Mohamed, M. Auli, "wav2vec 2.0: a framework for self-supervised learning of speech
    representations", NeurIPS 2020, arXiv 2006.11477. Used in arXiv 2402.01227, section 4.2.
    """

    name, hub_id = "wav2vec2", "facebook/wav2vec2-base-960h"


class WavLM(HuggingFace):
    """WavLM base (`microsoft/wavlm-base`); 94 580 599 parameters at 7 classes, 90 380 151 trained.

    S. Chen et al., "WavLM: large-scale self-supervised pre-training for full stack speech processing", IEEE Journal of
    Selected Topics in Signal Processing 16, 2022, arXiv 2110.13900. Used in arXiv 2402.01227, section 4.2.
    """

    name, hub_id = "wavlm", "microsoft/wavlm-base"


class HuBERT(HuggingFace):
    """HuBERT base (`facebook/hubert-base-ls960`); 94 570 375 parameters at 7 classes, 90 369 927 trained.

    W.-N. Hsu et al., "HuBERT: self-supervised speech representation learning by masked prediction of hidden units",
    IEEE/ACM Transactions on Audio, Speech, and Language Processing 29, 2021, arXiv 2106.07447.
    """

    name, hub_id = "hubert", "facebook/hubert-base-ls960"


@contextlib.contextmanager
def _numpy_seeded_by_torch(training: bool) -> Iterator[None]:
    """In training, seed NumPy's global generator, from which SpecAugment draws its masks, by torch's generator."""
    if not training:
        yield
        return
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(int(torch.randint(2**32, ())))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
