"""Models from Hugging Face: wav2vec 2.0, WavLM, HuBERT and any other audio classifier of `transformers`.

`transformers` is imported only when such a model is built.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.models.base import Model, Network
from staanet.models.hugging_face.files import check_files, check_hub_id, identity_of
from staanet.models.hugging_face.front_ends import FrontEnd, Inputs, front_end_of
from staanet.models.hugging_face.head import encoder_name
from staanet.models.hugging_face.loading import build, check_installed, open_checkpoint
from staanet.models.hugging_face.settings import HuggingFaceSettings


class HuggingFace(Model):
    """Any audio classifier of `transformers`, from a folder, a hub id or an architecture.

    With a checkpoint, the sampling rate, the front end and the labels are those of its processor and configuration,
    and the convolutional feature encoder, if there is one, is frozen. If labels are given, they replace its own for
    fine-tuning; otherwise it must have a trained head whose largest output is its decision. With an architecture alone,
    all weights are random and trained.

    Clips are classified at their own length, and filled only as the front end does (AST, Whisper). Only clips whose
    input has the same size share a forward pass: padding changes the logits, even with an attention mask, if the
    feature encoder normalises over time.

    Raises:
        StaanetError: If there is neither a checkpoint nor an architecture; if the checkpoint is not available, is not
            safetensors, is not supported, has another sampling rate, or is used with its own labels although it has
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
        chosen: dict[str, Any] = {} if settings.frozen is None else {"frozen": settings.frozen}
        if settings.architecture is not None:
            chosen |= {} if settings.front_end is None else {"front_end": settings.front_end}
            return {"architecture": settings.architecture, "normalise": settings.normalise, **chosen}
        return {**identity_of(cls._checkpoint(settings)), **chosen}

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
        """Samples per time step of the encoder, such as the product of the strides of the feature encoder."""
        return self.front_end.samples_per_step(self._architecture)

    @property
    def min_samples(self) -> int:
        """Length in samples of one time step; in training with SpecAugment, of as many steps as are masked at once."""
        sizes = self._architecture
        masks = self.training and sizes.get("apply_spec_augment", True) and sizes.get("mask_time_prob", 0) > 0
        return self.front_end.min_samples(sizes, sizes["mask_time_length"] if masks else 1)

    @functools.cached_property
    def front_end(self) -> FrontEnd:
        """The front end, which computes the input of the network."""
        kind, settings = front_end_of(self._architecture), self.settings
        assert kind is not None  # noqa: S101
        return kind(settings.sample_rate, settings.normalise, **cast(dict[str, Any], settings.front_end))

    @property
    def _architecture(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.settings.architecture)

    def forward_fitted(self, waveforms: Tensor, lengths: Tensor, network: Network | None = None) -> Tensor:
        """Return the logits `[B, K]`, or the output of `network`, of waveforms `[B, T]`, each clip at its own length.

        Raises:
            StaanetError: If a clip is shorter than `min_samples`.
        """
        self.check_lengths(lengths)
        compute = cast(Callable[[Inputs], Tensor], network or self.classify)
        groups = self._inputs(waveforms, lengths)
        with _numpy_seeded_by_torch(self.training), self._recompute_activations():
            outputs = [compute(inputs) for _, inputs in groups]
        return torch.cat(outputs)[torch.cat([rows for rows, _ in groups]).argsort()]

    def classify(self, waveforms: Any) -> Tensor:
        """Return the logits `[B, K]` of clips, given as the `Inputs` that the front end computes from them."""
        logits: Tensor = self.network(**waveforms).logits
        return logits

    def encode(self, waveforms: Any) -> Tensor:
        """Return the encoder's pooled output `[B, D]`, or the mean over time of its last hidden states.

        Args:
            waveforms: Clips as the `Inputs` that the front end computes from them.
        """
        outputs = getattr(self.network, encoder_name(self.network))(**waveforms)
        if getattr(outputs, "pooler_output", None) is not None:
            return cast(Tensor, outputs.pooler_output)
        steps: Tensor = outputs.last_hidden_state  # [B, S, D]
        if "attention_mask" not in waveforms:
            return steps.mean(1)
        valid: Tensor = waveforms["attention_mask"][:, :, None].to(steps)
        return (steps * valid).sum(1) / valid.sum(1)

    def _inputs(self, waveforms: Tensor, lengths: Tensor) -> list[tuple[Tensor, Inputs]]:
        """Return the rows of the clips whose input has the same size, and their input."""
        groups: dict[tuple[torch.Size, ...], list[tuple[Tensor, Inputs]]] = {}
        with torch.autocast(waveforms.device.type, enabled=False):
            for length in lengths.unique():
                rows = (lengths == length).nonzero()[:, 0]
                inputs = self.front_end(waveforms[rows, : int(length)])
                groups.setdefault(tuple(value.shape[1:] for value in inputs.values()), []).append((rows, inputs))
        return [
            (
                torch.cat([rows for rows, _ in group]),
                {key: torch.cat([inputs[key] for _, inputs in group]) for key in group[0][1]},
            )
            for group in groups.values()
        ]

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
