"""The contract of loaders, which turn a reference to a model into the model."""

import abc
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.models.base import Model, check_labels
from staanet.models.external import Framing

Labels = dict[str, str] | tuple[str, ...]


@dataclass(frozen=True)
class Loader(abc.ABC):
    """Base class of loaders: a frozen dataclass whose fields are the settings of the model that it loads.

    Args:
        labels: Names of the emotions: a table from the model's own names to those of the corpus
            (`{ ang = "anger" }`; other names are kept), or all names in the order of the outputs.
    """

    name: ClassVar[str]
    """Registry name."""
    form: ClassVar[str]
    """How its references look, for messages and help."""
    runs_code: ClassVar[bool] = False
    """Whether loading runs code that comes with the model or unpickles a file, so that it needs trust."""

    packages: ClassVar[tuple[str, ...]] = ()
    """Optional packages that affect the answers; runs record their versions."""

    labels: Labels = field(default_factory=dict, kw_only=True)

    @classmethod
    @abc.abstractmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference has the form of this loader. Nothing is loaded or downloaded."""

    @abc.abstractmethod
    def load(self, reference: str) -> Model:
        """Return the model in eval mode.

        Raises:
            StaanetError: If there is no such model, or if it cannot be used.
        """

    @abc.abstractmethod
    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return what decides the answers of the model, such as the hash of a file, without any path.

        Raises:
            StaanetError: If there is no such model.
        """

    def check(self, reference: str) -> None:
        """Check what can be checked before the model is loaded. By default, that it has an identity.

        Raises:
            StaanetError: If there is no such model.
        """
        self.identity(reference)

    def dimensions_of(self, reference: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the emotional dimensions that a model returns instead of deciding between emotions; none by default.

        Loading the model tells for sure; this is what is known before.
        """
        return tuple(getattr(self, "dimensions", ()))

    @property
    def deciding(self) -> dict[str, Any]:
        """Its name and the settings that decide the answers: all fields but those declared with `compare=False`."""
        decide = {
            setting.name: value
            for setting in fields(self)
            if setting.compare
            and not ((value := getattr(self, setting.name)) == setting.default and setting.metadata.get("later"))
        }
        return {"name": self.name, **decide}

    @classmethod
    def title(cls, reference: str) -> str:
        """Return the name of a model in messages and records, without any path."""
        name = reference.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return name if name.strip(".") else Path(reference).resolve().name


@dataclass(frozen=True)
class ExternalLoader(Loader, Framing):
    """Base class of loaders of models from elsewhere.

    Args:
        seconds: Length of the input in seconds. Default: that of the model, otherwise each clip at its own length.
        offset: Seconds that are skipped at the beginning of each clip.
        crop: Part of a longer clip that is used: `start` or `centre`.
        fill: How a shorter clip is filled: `repeat` or `zeros`.
        outputs: What the model returns: `logits` or `probabilities`.
        dimensions: Names of the emotional dimensions that a model with real outputs returns, instead of labels.
        scale: Value of such an output for the lowest and for the highest rating; 0 and 1 by default.
        labels: Names of the emotions, as for every loader; all names if the model has none.
        sample_rate: Sampling rate of the input in Hz. Default: that of the model, otherwise 16000.
    """

    sample_rate: int | None = field(default=None, kw_only=True)

    @property
    def framing(self) -> Framing:
        """The settings of the framing."""
        return Framing(**{setting.name: getattr(self, setting.name) for setting in fields(Framing)})

    def names(self, own: Sequence[str], where: str) -> tuple[str, ...]:
        """Return the labels of a model as the user names them; none if its outputs are dimensions.

        Args:
            own: The model's own labels; empty if it has none.
            where: The model, with which error messages begin.

        Raises:
            StaanetError: If the labels do not fit the model, or the user gives labels and dimensions.
        """
        if not self.dimensions:
            return named(own, self.labels, where)
        if self.labels:
            raise StaanetError(f"{where}: expected either labels or dimensions, got both; drop one")
        return ()


def named(own: Sequence[str], labels: Labels, where: str) -> tuple[str, ...]:
    """Return the labels of a model as the user names them.

    Args:
        own: The model's own labels; empty if it has none.
        labels: A table from own labels to other names, or all names in the order of the outputs.
        where: The model, with which error messages begin.

    Raises:
        StaanetError: If there are no labels, a label in the table is not the model's, the numbers of labels differ, or
            two labels are equal.

    >>> named(("ang", "neu"), {"ang": "anger"}, "model")
    ('anger', 'neu')
    """
    if not isinstance(labels, Mapping):
        if own and len(own) != len(labels):
            raise StaanetError(
                f"{where}: expected {len(own)} labels, one for each of {', '.join(own)}, got {len(labels)}: "
                f"{', '.join(labels)}"
            )
        names = tuple(labels)
    elif not own:
        raise StaanetError(
            f"{where}: expected the labels of the model, found none; give labels as a list in the order of the "
            "outputs, or add labels to the model (an attribute, or an entry of the file)"
        )
    elif unknown := [label for label in labels if label not in own]:
        raise StaanetError(f"{where}: expected labels of the model ({', '.join(own)}), got {', '.join(unknown)}")
    else:
        names = tuple(labels.get(label, label) for label in own)
    try:
        check_labels(names)
    except StaanetError as error:
        raise StaanetError(f"{where}: {error}") from None
    return names


def weights_digest(model: Model) -> str:
    """Return a hash of all weights and buffers of a model, which a hash of its source code does not cover."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
