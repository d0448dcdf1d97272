"""The base class of front ends: they compute the input of a network from waveforms."""

import abc
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.settings import validated

Inputs = dict[str, Tensor]
"""Arguments of a network by name; the first axis of each is the batch."""


@dataclass(frozen=True)
class FrontEnd(abc.ABC):
    """A feature extractor of `transformers` in torch: same numbers, with gradients to the waveform.

    The fields of a subclass are named as in `preprocessor_config.json`.

    Args:
        sample_rate: Sampling rate of the input in Hz.
        normalise: Whether each clip is normalised; None if the extractor leaves no choice.

    Shape: waveforms `[B, T]` of one length -> arguments of the network, each `[B, ...]`.
    """

    sample_rate: int
    normalise: bool | None

    name: ClassVar[str]
    """Class of the feature extractor in `transformers`."""
    switch: ClassVar[str | None] = None
    """Attribute of the feature extractor that says whether it normalises; None if it leaves no choice."""
    fixed: ClassVar[Mapping[str, Any]] = {}
    """Attributes of the feature extractor of which the front end supports one value only."""

    @classmethod
    @abc.abstractmethod
    def serves(cls, architecture: Mapping[str, Any]) -> bool:
        """Return whether a network with this configuration uses the front end."""

    def implied(self, architecture: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Return the settings that follow from the others and the size of the network's input. By default none do."""
        return {}

    @classmethod
    def read(cls, extractor: Any, architecture: Mapping[str, Any], where: str) -> Self:
        """Return the front end with the settings of a feature extractor.

        Args:
            extractor: Feature extractor of `transformers`.
            architecture: Complete configuration of the network.
            where: Checkpoint, with which error messages begin.

        Raises:
            StaanetError: If it is an extractor of another class, has a value that is not supported, or does not fit
                the network.
        """
        if cls.name not in {base.__name__ for base in type(extractor).__mro__}:
            raise StaanetError(
                f"{where}: expected feature_extractor_type = {cls.name} for {architecture['model_type']}, got "
                f"{type(extractor).__name__}; correct it in preprocessor_config.json"
            )
        for key, value in cls.fixed.items():
            found = getattr(extractor, key, value)
            if found != value:
                raise StaanetError(
                    f"{where}: expected {key} = {value} in its preprocessor_config.json, got {found!r}; "
                    f"the {cls.name} is supported with this value only"
                )
        own = {field: getattr(extractor, field) for field in cls.own_fields()}
        normalise = None if cls.switch is None else bool(getattr(extractor, cls.switch))
        return cls.build(own, extractor.sampling_rate, normalise, architecture, where)

    @classmethod
    def build(
        cls,
        given: Mapping[str, Any],
        sample_rate: int,
        normalise: bool | None,
        architecture: Mapping[str, Any],
        where: str,
    ) -> Self:
        """Return the front end of a network, with missing settings filled in.

        Args:
            given: Settings of the front end. Default: those that fit the network, otherwise those of `transformers`.
            sample_rate: Sampling rate of the input in Hz.
            normalise: Whether each clip is normalised. Default: as `transformers` does.
            architecture: Complete configuration of the network.
            where: Checkpoint or model, with which error messages begin.

        Raises:
            StaanetError: If a setting is unknown, invalid, or does not fit the network.
        """
        if cls.switch is None and normalise is not None:
            raise StaanetError(f"{where}: expected no normalise, since the {cls.name} leaves no choice; leave it out")
        chosen = None if cls.switch is None else normalise is not False
        settings = {"sample_rate": sample_rate, "normalise": chosen, **given}
        implied = validated(cls, settings, where).implied(architecture)
        front_end = validated(cls, {**implied, **settings}, where)
        for key, value in implied.items():
            found = getattr(front_end, key)
            if found != value:
                raise StaanetError(
                    f"{where}: expected {key} = {value}, which fits {architecture['model_type']} (config.json), "
                    f"got {found}; feature extractor and network are of different models"
                )
        return front_end

    @classmethod
    def own_fields(cls) -> list[str]:
        """Return the names of the fields that are not those of every front end."""
        shared = {field.name for field in dataclasses.fields(FrontEnd)}
        return [field.name for field in dataclasses.fields(cls) if field.name not in shared]

    def own_settings(self) -> dict[str, Any]:
        """Return the settings that are not those of every front end."""
        return {field: getattr(self, field) for field in self.own_fields()}

    @abc.abstractmethod
    def samples_per_step(self, architecture: Mapping[str, Any]) -> int:
        """Return the number of samples per time step of the encoder."""

    @abc.abstractmethod
    def min_samples(self, architecture: Mapping[str, Any], steps: int) -> int:
        """Return the length in samples of the shortest clip that has this number of time steps or more."""

    @abc.abstractmethod
    def __call__(self, waveforms: Tensor) -> Inputs:
        """Return the arguments of the network for waveforms `[B, T]`, all of one length."""


def check_positive(front_end: FrontEnd, *names: str) -> None:
    """Check that fields of a front end are above 0.

    Raises:
        StaanetError: If one is not.
    """
    for name in names:
        value = getattr(front_end, name)
        if not 0 < value < float("inf"):
            raise StaanetError(f"expected {name} above 0, got {value}")
