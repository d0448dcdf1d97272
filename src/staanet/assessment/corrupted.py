"""Corruptions that nobody intends: what they do to a model's decisions, and whether attacked clips survive them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from staanet.assessment.measurement import BATCH, Row
from staanet.assessment.result import Interval, interval
from staanet.assessment.search import Saved
from staanet.audio.corruptions import CORRUPTIONS, Babble, Corruption, create_corruption
from staanet.core import checksums
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.progress import track
from staanet.data import Dataset
from staanet.data.dataset import collate
from staanet.models import Model

logger = logging.getLogger(__name__)

SPEECH_CLIPS = 16
"""Largest number of other clips of which babble is mixed."""

VOICES = 4
"""Largest number of voices in babble."""


def part_name(name: str, severity: int) -> str:
    """Return the name of the file with the results of a corruption at a severity."""
    return f"corruption-{name}-{severity}.json"


@dataclass(frozen=True)
class Corrupted:
    """Figures under one corruption.

    Args:
        corruption: Name of the corruption.
        severity: Its severity, from 1 to 5.
        level: Its parameter with the unit, such as `20 dB SNR`.
        accuracy: Share of the clips that the model classifies correctly under it.
        accuracy_ci: Its 95 % interval.
        survives: Share of the attacked clips that the model still gets wrong after it; None if no clip was fooled.
        attacked: Number of attacked clips.
    """

    corruption: str
    severity: int
    level: str
    accuracy: float
    accuracy_ci: Interval
    survives: float | None
    attacked: int


@dataclass(frozen=True)
class CorruptionTest:
    """A test of a model on corrupted clips, one corruption after the other.

    Args:
        model: The model.
        dataset: Dataset of the clips.
        rows: Results of the clips.
        adversarial: Attacked clips `[T]` by their ids.
        saved: How clips are saved after a corruption.
        seed: Random seed of the corruptions.
        device: Device to compute on.
        parts: Folder with the results of each corruption; those that exist are read.
    """

    model: Model
    dataset: Dataset
    rows: Sequence[Row]
    adversarial: Mapping[str, Tensor]
    saved: Saved
    seed: int
    device: torch.device
    parts: Path

    def run(self, severities: Sequence[int]) -> list[Corrupted]:
        """Return the figures under every corruption at severities from 1 to 5.

        A corruption that changes the length of clips is left out, with a warning, if the model refuses other lengths.
        """
        found = []
        for name, severity in track([(name, one) for name in CORRUPTIONS for one in severities], "corruptions"):
            try:
                found.append(self._figures(name, severity))
            except StaanetError as error:
                if CORRUPTIONS[name].keeps_length:
                    raise
                logger.warning("%s, severity %d, was left out: %s", name, severity, error)
        return found

    def make(self, name: str, severity: int) -> None:
        """Write the results of one corruption, unless the model refuses the lengths that it gives clips."""
        try:
            self._decided(self._corruption(name, severity))
        except StaanetError:
            if CORRUPTIONS[name].keeps_length:
                raise

    def _figures(self, name: str, severity: int) -> Corrupted:
        corruption = self._corruption(name, severity)
        found = self._decided(corruption)
        right = np.array([found["right"][row.id] for row in self.rows], dtype=np.float64)
        wrong = [not one for one in found["adversarial_right"].values()]
        return Corrupted(
            corruption=name,
            severity=severity,
            level=f"{corruption.level:g} {corruption.unit}",
            accuracy=float(right.mean()),
            accuracy_ci=interval(right, self.rows),
            survives=float(np.mean(wrong)) if wrong else None,
            attacked=len(wrong),
        )

    def _decided(self, corruption: Corruption) -> dict[str, dict[str, bool]]:
        """Return which clips, and which attacked clips, are classified correctly under a corruption."""
        path = self.parts / part_name(corruption.name, corruption.severity)
        if not checksums.intact(self.parts, [path.name]):
            clean = {row.id: self.dataset.waveform(row.id) for row in self.rows}
            right, adversarial = self._right(clean, corruption), self._right(self.adversarial, corruption)
            write_json(path, {"right": right, "adversarial_right": adversarial})
            checksums.add(self.parts, [path])
        found: dict[str, dict[str, bool]] = read_json(path)
        return found

    def _corruption(self, name: str, severity: int) -> Corruption:
        """Return a corruption; babble is mixed of clips that are not evaluated, as far as there are such."""
        if not issubclass(CORRUPTIONS[name], Babble):
            return create_corruption(name, severity=severity)
        evaluated = {row.id for row in self.rows}
        others = [clip for clip in sorted(self.dataset.utterances) if clip not in evaluated] or sorted(evaluated)
        places = np.unique(np.linspace(0, len(others) - 1, SPEECH_CLIPS).round().astype(int))
        speech = tuple(self.dataset.waveform(others[place]).numpy() for place in places)
        return Babble(speech, voices=min(VOICES, len(speech)), severity=severity)

    def _right(self, clips: Mapping[str, Tensor], corruption: Corruption) -> dict[str, bool]:
        """Return whether each clip `[T]` is classified correctly under a corruption."""
        classifier, rate = as_classifier(self.model), self.dataset.sample_rate
        found: dict[str, bool] = {}
        ordered = sorted(clips, key=lambda clip: (len(clips[clip]), clip))
        for start in range(0, len(ordered), BATCH):
            ids = ordered[start : start + BATCH]
            changed = [torch.from_numpy(corruption(clips[clip].cpu().numpy(), rate, self.seed)) for clip in ids]
            batch = collate(changed, [self.dataset.label(clip) for clip in ids], ids).to(self.device)
            with torch.no_grad():
                received = self.saved.received(self.saved.clean(batch.waveforms), batch.lengths)
                decided = classifier(received, batch.lengths).argmax(1)
            found |= dict(zip(ids, (decided == batch.labels).tolist(), strict=True))
        return found
