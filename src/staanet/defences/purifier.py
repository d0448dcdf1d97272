"""A learnt purifier: a small network that was trained to remove what attacks add to clips."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.defences.base import InputDefence
from staanet.defences.denoiser import DENOISERS, Denoiser


@lru_cache(maxsize=8)
def _loaded(folder: str, _modified: int) -> tuple[Denoiser, str]:
    """Load a network and hash its weights once, and again when the file has been modified."""
    network = cast(Denoiser, checkpoints.load("purifier", DENOISERS, folder))
    return network.requires_grad_(False), checkpoints.digest(folder)


@dataclass(frozen=True)
class Purifier(InputDefence):
    """A small convolutional network that removes what it has learnt to tell from speech.

    Source: a denoiser in front of a classifier, F. Liao et al., CVPR 2018, here on waveforms. `staanet fit-purifier`
    trains it on noise, on sparse noise and on attacks. Its gradient is exact, and an attack that uses it undoes most of
    what a denoiser gains (A. Athalye, N. Carlini, arXiv 1804.03286).

    Args:
        checkpoint: Folder of the trained network, which knows the sampling rate of its clips.
    """

    name = "purifier"
    reference = "arXiv 1712.02976"

    checkpoint: str | Path

    def __post_init__(self) -> None:
        """Check that the folder holds a trained network."""
        self._loaded()

    @property
    def network(self) -> Denoiser:
        """The trained network."""
        return self._loaded()[0]

    def identity(self) -> dict[str, Any]:
        """Return the name and the SHA-256 of the weights."""
        return {"name": self.name, "weights": self._loaded()[1]}

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """The folder of the trained network."""
        return (Path(self.checkpoint),)

    def transform(self, waveforms: Tensor, lengths: Tensor, sample_rate: int) -> Tensor:
        """Return the purified waveforms `[B, T]`."""
        expected = self.network.settings.sample_rate
        if sample_rate != expected:
            raise StaanetError(
                f"{self.checkpoint}: expected clips at the purifier's {expected} Hz, got {sample_rate} Hz; fit one on "
                "clips at that rate"
            )
        return self.network(waveforms, lengths)  # type: ignore[no-any-return]

    def _loaded(self) -> tuple[Denoiser, str]:
        weights = Path(self.checkpoint) / checkpoints.WEIGHTS
        return _loaded(str(self.checkpoint), weights.stat().st_mtime_ns if weights.is_file() else 0)
