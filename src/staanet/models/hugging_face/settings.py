"""What a model from Hugging Face is built from."""

from dataclasses import dataclass
from typing import Any

from staanet.core.errors import StaanetError
from staanet.models.base import ModelSettings, check_labels, check_seconds

DEFAULT_RATE = 16_000


@dataclass(frozen=True)
class HuggingFaceSettings(ModelSettings):
    """What a model from Hugging Face is built from.

    Args:
        labels: the emotions, in the order of the logits; the checkpoint's own where left out. Others get a new head.
        seconds: the length to which every clip is repeated or cut; where left out each is heard as long as it is.
        sample_rate: of its input, in Hz; what its processor says where left out.
        checkpoint: a folder, or a hub id (`owner/name`, or `owner/name@revision`); the model's own where left out.
        activation_checkpointing: for gradients, compute layers again instead of keeping what they gave.
        architecture: the network's configuration, as `config.json` has it; read from the checkpoint, kept by a saved
            model. Given instead of a checkpoint, what it leaves out is the default and all weights are random.
        normalise: bring each clip to mean 0 and variance 1; what its processor says, true without one.
        frozen: whether training leaves the feature encoder as it is; where left out it does if there was a checkpoint.
    """

    labels: tuple[str, ...] = ()
    seconds: float | None = None
    sample_rate: int = None  # type: ignore[assignment]  # a number once a model is built
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
