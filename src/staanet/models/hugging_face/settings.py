"""Settings of models from Hugging Face."""

from dataclasses import dataclass
from typing import Any

from staanet.core.errors import StaanetError
from staanet.models.base import ModelSettings, check_labels, check_seconds

DEFAULT_RATE = 16_000
"""Sampling rate in Hz of a model that is built without a checkpoint."""


@dataclass(frozen=True)
class HuggingFaceSettings(ModelSettings):
    """Settings of a model from Hugging Face, built from a checkpoint or from an architecture with random weights.

    Args:
        labels: Emotions in the order of the logits. Default: the labels of the checkpoint; for other labels the
            classification head is initialised anew.
        seconds: Trained length in seconds, to which every clip is repeated or cut. None: each clip is classified at its
            own length, as `transformers` does.
        sample_rate: Sampling rate of the input in Hz. Default: the rate of the checkpoint's processor, otherwise 16000.
        checkpoint: Folder or hub id (`owner/name` or `owner/name@revision`). Default: the model's published checkpoint.
        activation_checkpointing: Recompute the activations of the encoder layers in the backward pass instead of
            storing them, which saves memory and takes longer. Gradients stay the same.
        architecture: Configuration of the network, as in `config.json`, instead of a checkpoint. Missing keys take the
            defaults of `transformers`. A built model always contains its complete architecture here.
        normalise: Whether the front end normalises: waveforms to mean 0 and variance 1, spectrograms of AST by
            constants; only together with `architecture`. Default: as the checkpoint's processor does, otherwise true.
            Whisper and w2v-BERT leave no choice.
        front_end: Further settings of the front end, as in `preprocessor_config.json`; only together with
            `architecture`. Default: as the checkpoint's processor, otherwise those of `transformers` that fit the
            architecture. A built model always contains its complete front end here; that of waveforms has none.
        frozen: Whether training keeps the weights of the convolutional feature encoder. Default: true with a
            checkpoint, false with random weights. Networks on spectrograms have no such encoder and are trained whole.
        dimensions: Not for these models.
    """

    labels: tuple[str, ...] = ()
    seconds: float | None = None
    sample_rate: int = None  # type: ignore[assignment]  # an int in a built model
    checkpoint: str | None = None
    activation_checkpointing: bool = False
    architecture: dict[str, Any] | None = None
    normalise: bool | None = None
    front_end: dict[str, Any] | None = None
    frozen: bool | None = None

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.dimensions:
            raise StaanetError(
                "expected labels for this architecture, got dimensions, which emo18, zhao19, cnn_lstm, transformer and "
                "whisper have; a checkpoint with a head for regression is loaded by load_model"
            )
        if self.labels:
            check_labels(self.labels)
        if self.seconds is not None:
            check_seconds(self.seconds, self.sample_rate or DEFAULT_RATE)
        if self.architecture is not None and self.checkpoint is not None:
            raise StaanetError("expected a checkpoint or an architecture, got both; the checkpoint brings its own")
        if self.architecture is None and self.normalise is not None:
            raise StaanetError("expected normalise together with an architecture only; a checkpoint brings its own")
        if self.architecture is None and self.front_end is not None:
            raise StaanetError("expected front_end together with an architecture only; a checkpoint brings its own")
