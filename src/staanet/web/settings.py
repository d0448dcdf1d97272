"""What a workbench is started with, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES = 32 * 2**20
"""Largest clip that is received, in bytes."""

MOST_SECONDS = 60.0
"""Longest clip; `staanet attack` treats longer recordings in windows."""

MOST_SAMPLES = 24_000_000
"""Largest number of samples of a clip over all channels, so that a small file cannot fill the memory."""


@dataclass(frozen=True)
class WebSettings:
    """What a workbench is started with.

    Args:
        folder: Folder for clips while they are in use, which is removed at the end.
        models: References to the models that the page offers.
        model_settings: Settings of the loaders of these models.
        generator: Folder of a trained generator, for the attacks that apply one.
        data: Prepared dataset or folder of audio files whose clips the page offers.
        runs: Folder of experiments and evaluations.
        trust: Whether code that comes with a model may run.
        device: Device to compute on; a GPU by default if there is one.
    """

    folder: Path
    models: tuple[str, ...] = ()
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    generator: Path | None = None
    data: Path | None = None
    runs: Path | None = None
    trust: bool = False
    device: str | None = None


@dataclass(frozen=True)
class Clip:
    """A clip that the page names.

    Args:
        kind: `upload`, or a `built-in` clip of synthetic speech, or a clip of the `dataset`.
        key: Id of the clip among those of its kind.
        name: Name of the file that was received.
        path: Where the file that was received lies; the server fills it in.
    """

    kind: str
    key: str
    name: str = ""
    path: str = ""


@dataclass(frozen=True)
class AttackRequest:
    """An attack as the page asks for it.

    Args:
        clip: The clip.
        model: Reference to the model.
        attack: Name of the attack.
        snr_db: Largest change of a sample, in dB below the peak of the clip.
        sparsity: Largest share of the samples that may change.
        settings: Further settings of the attack, such as its steps.
        seed: Random seed.
    """

    clip: Clip
    model: str
    attack: str
    snr_db: float
    sparsity: float
    settings: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
