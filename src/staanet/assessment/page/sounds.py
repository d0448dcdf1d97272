"""Clips to hear: a few that the attacks fooled, with the change amplified and noise of the same size."""

import io
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.assessment.measurement import Row, adversarial_clips
from staanet.assessment.search import Saved, quietly
from staanet.assessment.settings import Curves
from staanet.attacks import create_attack
from staanet.audio import files
from staanet.core.budget import Budget
from staanet.core.files import write_json
from staanet.data import Dataset
from staanet.report.examples import data_uri

MOST = {"dense": 4, "sparse": 2}
"""Largest number of clips of each kind of budgets."""

SECONDS = 4.0
"""Length of what the page plays; the folder holds whole clips."""

BYTES = 1_000_000
"""Largest number of bytes of audio on the page."""

SUBTYPES = {8: "PCM_S8", 16: "PCM_16"}
"""Names of sample formats by their bits, as libsndfile calls them."""


@dataclass(frozen=True)
class Sound:
    """A clip that an attack fooled, as the page plays it.

    Args:
        id: Id of the clip.
        label: Its emotion.
        decided: The emotion that the model decides on when it is attacked; None if it is not known.
        attack: The attack.
        kind: `dense` or `sparse`.
        number: Number of the smallest budget that fools it among those of its kind.
        noise_right: Whether the model is right under noise of that budget.
        gain_db: How much louder the change is played.
        seconds: Length of the excerpt; None if the whole clip is played.
        original: The clip, as a data URI like the following.
        attacked: The attacked clip.
        change: The difference of both, amplified and rounded to 8 bits.
        noise: The clip with noise of the same size.
    """

    id: str
    label: str
    decided: str | None
    attack: str | None
    kind: str
    number: int
    noise_right: bool
    gain_db: int
    seconds: float | None
    original: str
    attacked: str
    change: str
    noise: str

    @property
    def bytes(self) -> int:
        """Number of bytes that it adds to the page."""
        return sum(map(len, (self.original, self.attacked, self.change, self.noise)))


def keep(
    rows: Sequence[Row], dataset: Dataset, curves: Curves, saved: Saved, seed: int, *, parts: Path, folder: Path
) -> list[Sound]:
    """Write a few clips that the attacks fooled to `examples`, and return those that the page plays.

    Args:
        rows: Results of the clips.
        dataset: Dataset of the clips.
        curves: The budgets.
        saved: How clips are saved.
        seed: Seed of the noise, that of the evaluation.
        parts: Folder with the attacked clips.
        folder: Folder of the evaluation.
    """
    target = folder / "examples"
    shutil.rmtree(target, ignore_errors=True)
    sounds: list[Sound] = []
    for kind, points in (("dense", curves.dense_points), ("sparse", curves.sparse_points)):
        attacked = adversarial_clips(parts, kind)
        for number, row in enumerate(chosen(rows, kind, attacked)[: MOST[kind]], 1):
            place = f"{kind}-{number}"
            point = points[getattr(row, kind).smallest]
            clips = _clips(dataset.waveform(row.id), attacked[row.id], point, saved, seed)
            for name, clip in clips.items():
                files.write(target / place / f"{name}.flac", clip, dataset.sample_rate)
            write_json(target / place / "example.json", _facts(row, kind, point))
            sound = _sound(row, kind, clips, dataset.sample_rate)
            if sound.bytes + sum(one.bytes for one in sounds) <= BYTES:
                sounds.append(sound)
    return sorted(sounds, key=lambda sound: (sound.kind, sound.number))


def chosen(rows: Sequence[Row], kind: str, attacked: Mapping[str, Any]) -> list[Row]:
    """Return the clips to hear, best first: those that the strongest attack fooled, of each budget in turn.

    Args:
        rows: Results of the clips.
        kind: `dense` or `sparse`.
        attacked: The attacked clips, by id.
    """
    fooled = [row for row in rows if row.id in attacked]
    names = [getattr(row, kind).attack for row in fooled]
    strongest = max(sorted(set(map(str, names))), key=list(map(str, names)).count, default=None)
    fooled.sort(key=lambda row: (getattr(row, kind).attack != strongest, len(attacked[row.id]), row.id))
    turn: dict[str, int] = {}
    for budget in {getattr(row, kind).smallest for row in fooled}:
        own = [row for row in fooled if getattr(row, kind).smallest == budget]
        turn |= {row.id: number for number, row in enumerate(own)}
    return sorted(fooled, key=lambda row: (turn[row.id], getattr(row, kind).smallest))


def _clips(clip: Tensor, attacked: Tensor, point: Budget, saved: Saved, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return the clip, the attacked clip and the clip with noise, all as they are saved, `[T]`."""
    clean = saved.clean(clip)[None]  # [1, T]
    length = torch.tensor([clean.shape[1]])
    with quietly():
        epsilon, _ = point.resolve(clean, length)
        noise = create_attack("noise", budget=point)(
            lambda _: torch.zeros(1, 2), clean, torch.tensor([0]), length, seed=seed
        )
    noisy = saved.perturbed(clean, noise, epsilon)
    return {"original": clean[0].numpy(), "attacked": attacked.float().numpy(), "noise": noisy[0].numpy()}


def _sound(row: Row, kind: str, clips: Mapping[str, NDArray[np.float32]], rate: int) -> Sound:
    original, attacked, noise = (clips[name] for name in ("original", "attacked", "noise"))
    whole = len(original) <= SECONDS * rate
    change = attacked - original
    largest, peak = float(np.abs(change).max()), float(np.abs(original).max())
    gain_db = max(0, math.floor(20 * math.log10(peak / largest))) if largest and peak else 0
    change = change * np.float32(10 ** (gain_db / 20))
    uris = [
        data_uri(_flac(samples[: int(SECONDS * rate)], rate, bits))
        for samples, bits in ((original, 16), (attacked, 16), (change, 8), (noise, 16))
    ]
    found = getattr(row, kind)
    return Sound(
        id=row.id,
        label=row.label,
        decided=found.decided,
        attack=found.attack,
        kind=kind,
        number=found.smallest,
        noise_right=found.noise[found.smallest],
        gain_db=gain_db,
        seconds=None if whole else SECONDS,
        original=uris[0],
        attacked=uris[1],
        change=uris[2],
        noise=uris[3],
    )


def _flac(samples: NDArray[np.float32], rate: int, bits: int) -> bytes:
    """Return samples `[T]` as FLAC with 8 or 16 bits; clips that are saved with 16 bits stay what they are."""
    scale = 2 ** (bits - 1)
    steps = np.round(samples.astype(np.float64) * scale).clip(-scale, scale - 1)
    buffer = io.BytesIO()
    soundfile.write(buffer, (steps * 2 ** (16 - bits)).astype(np.int16), rate, format="FLAC", subtype=SUBTYPES[bits])
    return buffer.getvalue()


def _facts(row: Row, kind: str, point: Budget) -> dict[str, Any]:
    """Return what `example.json` says of a clip."""
    found = getattr(row, kind)
    return {
        "id": row.id,
        "label": row.label,
        "attack": found.attack,
        "decision": {"original": row.predicted, "attacked": found.decided},
        "right_under_noise": found.noise[found.smallest],
        "snr_db": point.snr_db,
        "sparsity": point.sparsity,
    }
