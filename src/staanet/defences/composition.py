"""Composition: several input defences in a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.core.settings import validated
from staanet.core.signature import to_jsonable
from staanet.defences.base import Gradient, InputDefence
from staanet.defences.input_defences import INPUT_DEFENCES

Part = str | dict[str, Any]

STRENGTH: tuple[Gradient, ...] = ("exact", "straight_through", "expectation")
"""Gradients from the one that needs least of an attack to the one that needs most."""


@dataclass(frozen=True)
class Composition(InputDefence):
    """Several input defences, one after the other.

    A combination of weak defences is no stronger against an attack that knows all of them (W. He et al., WOOT 2017).
    Its gradient is the product of theirs.

    Args:
        defences: The names of the defences, or tables with the name as `defence` and settings, in their order; two or
            more.

    >>> Composition(defences=("median", {"defence": "mp3", "kbps": 128})).gradient
    'straight_through'
    """

    name = "composition"
    reference = "arXiv 1706.04701"

    defences: tuple[Part, ...] = field(default=("click_removal", "band_limit"))

    def __post_init__(self) -> None:
        """Validate the settings."""
        if len(self.defences) < 2:
            raise StaanetError(f"expected two defences or more, got {len(self.defences)}; use a single one on its own")
        self.build()

    def build(self) -> list[InputDefence]:
        """Build the defences."""
        built = []
        for part in self.defences:
            settings: Mapping[str, Any] = {"defence": part} if isinstance(part, str) else part
            if "defence" not in settings:
                raise StaanetError(f"expected the name of a defence as defence, got {dict(settings)}")
            name = settings["defence"]
            rest = {key: value for key, value in settings.items() if key != "defence"}
            built.append(cast(InputDefence, validated(INPUT_DEFENCES[name], rest, name)))
        return built

    def identity(self) -> dict[str, Any]:
        """Return the name and the defences as they are given, but the identity of those with a trained network."""
        parts = [
            one.identity() if one.checkpoints else part for one, part in zip(self.build(), self.defences, strict=True)
        ]
        return {"name": self.name, "defences": to_jsonable(parts)}

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """Folders of the trained networks that the defences apply."""
        return tuple(folder for defence in self.build() for folder in defence.checkpoints)

    @property
    def gradient(self) -> Gradient:  # type: ignore[override]
        """What an attack that knows the defences uses of them: that of the most demanding one."""
        return max((defence.gradient for defence in self.build()), key=STRENGTH.index)

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the transformed waveforms `[B, T]`."""
        for defence in self.build():
            waveforms = defence(waveforms, lengths, sample_rate)
        return waveforms

    def redrawn(self, waveforms: Tensor, lengths: Tensor, sample_rate: int, seed: int) -> Tensor:
        """Return the waveforms `[B, T]` transformed with the random draws of another seed."""
        for defence in self.build():
            waveforms = defence.redrawn(waveforms, lengths, sample_rate, seed)
        return waveforms
