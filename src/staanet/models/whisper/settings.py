"""Settings of the Whisper model."""

from dataclasses import dataclass
from typing import Any

from staanet.audio.whisper_mel import SAMPLE_RATE
from staanet.core.errors import StaanetError
from staanet.models.base import ModelSettings, check_outputs, check_seconds


@dataclass(frozen=True)
class WhisperSettings(ModelSettings):
    """Settings of Whisper, built from a checkpoint or from an architecture with random weights.

    Args:
        labels: Emotions in the order of the logits; two or more, all different.
        seconds: Trained length in seconds, to which every clip is repeated or cut. None: each clip is classified at its
            own length.
        sample_rate: Sampling rate of the input in Hz; Whisper is defined for 16000 only.
        checkpoint: Folder or hub id (`owner/name` or `owner/name@revision`) of a Whisper model.
        architecture: Configuration of the encoder, as in `config.json`, instead of a checkpoint. Missing keys take the
            defaults of `transformers`. A built model always contains its complete architecture here.
        layers: Number of encoder layers that are used, from the first; 1 or more. The default is 4, because the later
            layers describe the words rather than the voice. Models with fewer layers use all of them.
        frozen: Whether training keeps the weights of the encoder. Default: true with a checkpoint, false with random
            weights.
        dimensions: Names of the emotional dimensions, instead of labels, that a model with real outputs returns.
    """

    seconds: float | None = None
    sample_rate: int = SAMPLE_RATE
    checkpoint: str | None = None
    architecture: dict[str, Any] | None = None
    layers: int = 4
    frozen: bool | None = None

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_outputs(self.labels, self.dimensions)
        if self.seconds is not None:
            check_seconds(self.seconds, self.sample_rate)
        if self.sample_rate != SAMPLE_RATE:
            raise StaanetError(
                f"expected clips at {SAMPLE_RATE} Hz for Whisper, got {self.sample_rate} Hz; prepare a dataset at its "
                "rate"
            )
        if self.architecture is not None and self.checkpoint is not None:
            raise StaanetError("expected a checkpoint or an architecture, got both; the checkpoint brings its own")
        if self.layers < 1:
            raise StaanetError(f"expected layers of 1 or more, got {self.layers}")
