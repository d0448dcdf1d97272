"""Checkpoint folders of this library, and folders and ids of Hugging Face."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.signature import LATER
from staanet.models.base import Model, check_dimensions
from staanet.models.hugging_face.dimensional import load_dimensional
from staanet.models.hugging_face.files import is_hugging_face
from staanet.models.loaders.base import Loader, named
from staanet.models.registry import MODELS, create_model, settings_of
from staanet.models.wrappers import RenamedView

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


def relabelled(model: Model, loader: Loader, reference: str) -> Model:
    """Return a model whose labels have the names that the user gives them."""
    if model.dimensions and loader.labels:
        raise StaanetError(f"{loader.title(reference)}: expected no labels for a model of dimensions; leave them out")
    names = named(model.labels, loader.labels, loader.title(reference)) if loader.labels else model.labels
    return model if names == model.labels else RenamedView(model, names)


@dataclass(frozen=True)
class Checkpoint(Loader):
    """A checkpoint folder that this library wrote (`staanet train`, `staanet import`)."""

    name = "checkpoint"
    form = "a checkpoint folder"

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference is a folder that `transformers` did not write."""
        return reference != "" and Path(reference).is_dir() and not is_hugging_face(Path(reference))

    def load(self, reference: str) -> Model:
        """Return the model of the checkpoint."""
        return relabelled(checkpoints.load("model", MODELS, reference), self, reference)

    def dimensions_of(self, reference: str) -> tuple[str, ...]:
        """Return the dimensions that the checkpoint was trained on."""
        path = Path(reference) / checkpoints.CONFIG
        config = read_json(path) if path.is_file() else {}
        settings = config.get("settings") if isinstance(config, dict) else None
        return tuple(settings.get("dimensions", ())) if isinstance(settings, dict) else ()

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the hash of the weights."""
        return {"weights": checkpoints.digest(reference)}

    def check(self, reference: str) -> None:
        """Check nothing: loading runs no code, and tells what is wrong with a checkpoint."""


@dataclass(frozen=True)
class HuggingFaceCheckpoint(Loader):
    """A folder that `transformers` wrote, or an id of the Hugging Face hub.

    Args:
        seconds: Length in seconds to which every clip is repeated or cut. Default: each clip at its own length.
        activation_checkpointing: Whether gradients take less memory and more time.
        dimensions: Names of the emotional dimensions that a head for regression returns, instead of labels.
        scale: Value of such an output for the lowest and for the highest rating.
        labels: Names of the emotions, as for every loader.
    """

    name = "hugging_face"
    form = "a Hugging Face folder or id (owner/name)"

    seconds: float | None = None
    activation_checkpointing: bool = False
    dimensions: tuple[str, ...] = field(default=(), metadata=LATER)
    scale: tuple[float, float] = field(default=(0.0, 1.0), metadata=LATER)

    def __post_init__(self) -> None:
        """Validate the settings."""
        check_dimensions(self.dimensions, self.scale)
        if self.dimensions and (self.labels or self.activation_checkpointing):
            raise StaanetError("expected dimensions without labels and activation_checkpointing, got both; drop one")

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference is such a folder, or has the form of an id and is no path on this machine."""
        path = Path(reference)
        if path.exists():
            return is_hugging_face(path)
        return HUB_ID.fullmatch(reference) is not None and reference[0] != "." and not path.parent.is_dir()

    def load(self, reference: str) -> Model:
        """Return the model of the checkpoint."""
        if self.dimensions:
            return load_dimensional(reference, self.dimensions, self.scale, self.seconds, self.title(reference))
        return relabelled(create_model("hugging_face", **self._settings(reference)), self, reference)

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the hash of the files of the checkpoint."""
        settings = settings_of("hugging_face", **self._settings(reference))
        identity: Mapping[str, Any] = MODELS["hugging_face"].identity(settings)
        return identity

    def check(self, reference: str) -> None:
        """Check that `transformers` is installed and the files are there, without loading or downloading weights."""
        MODELS["hugging_face"].check(settings_of("hugging_face", **self._settings(reference)))

    def _settings(self, reference: str) -> dict[str, Any]:
        return {
            "checkpoint": reference,
            "seconds": self.seconds,
            "activation_checkpointing": self.activation_checkpointing,
        }
