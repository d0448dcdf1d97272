"""Records: the result of one attack on one model, and the outcomes of all clips, as files."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl, write_json, write_jsonl
from staanet.core.settings import validated

FORMAT = 2
"""Version of the format of runs and records, raised with every incompatible change."""

Interval = tuple[float, float]

Rows = list[dict[str, Any]]
"""The outcomes of a record, a dictionary per clip."""

NO_SOURCE = "none"
"""Source of an attack that needs no source model."""


@dataclass(frozen=True)
class Record:
    """The result of one attack, computed on a source model and evaluated on a target model, with all its settings.

    A record covers one fold, or several folds that were pooled; `pooled` then lists the signatures of their records.
    Rates are fractions. A field that ends in `_ci` is a 95 % confidence interval (low, high) that treats clips as
    independent; `_speaker_ci` is at least as wide, and allows for clips of one speaker to be correlated. A mean whose
    name ends in `_fooled` is over the fooled clips only; SNRs are averaged over the clips that were changed, and all
    other means over all clips. An undefined value is None, and `notes` holds the reason under the name of the field.
    """

    signature: str
    experiment: str
    corpus: str
    split: str
    fold: int | None
    folds: tuple[int, ...]
    folds_planned: int
    source: str
    target: str
    attack: str
    generator: str | None
    defence: str | None
    protocol: str
    labels_from: str
    seed: int
    budget_epsilon: float | None
    budget_snr_db: float | None
    budget_sparsity: float
    labels: list[str]
    n: int
    n_correct: int
    n_fooled: int
    n_unchanged: int
    asr: float
    asr_ci: Interval
    asr_correct: float | None
    asr_correct_ci: Interval | None
    asr_by_class: list[float | None]
    asr_by_prediction: list[float | None]
    asr_saved: float | None
    asr_control: float
    asr_control_ci: Interval
    asr_excess: float
    asr_excess_ci: Interval
    speakers: int
    asr_speaker_ci: Interval
    asr_excess_speaker_ci: Interval
    accuracy_clean: float
    accuracy_clean_ci: Interval
    accuracy_adv: float
    uar_clean: float
    uar_adv: float
    snr_peak_db: float | None
    snr_energy_db: float | None
    sparsity: float
    linf: float
    l2: float
    snr_peak_db_fooled: float | None
    snr_energy_db_fooled: float | None
    sparsity_fooled: float | None
    clips_by_class: list[int]
    predictions_clean: list[int]
    predictions_adv: list[int]
    comb_share: float | None
    comb_share_model: float | None
    seconds_per_clip: float | None
    queries: float | None
    gradients: float | None
    flags: list[str]
    settings: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    tree_clean: bool | None
    device: str
    notes: dict[str, str] = field(default_factory=dict)
    outcomes_sha256: str = ""
    pooled: list[str] = field(default_factory=list)
    found_by: dict[str, int] | None = None
    black_box_lead: float | None = None
    zero_gradients: float | None = None
    randomised: bool | None = None
    probabilities: bool | None = None
    pesq: float | None = None
    stoi: float | None = None
    si_sdr_db: float | None = None
    snr_segmental_db: float | None = None
    log_spectral_distance_db: float | None = None
    pesq_fooled: float | None = None
    stoi_fooled: float | None = None
    si_sdr_db_fooled: float | None = None
    snr_segmental_db_fooled: float | None = None
    log_spectral_distance_db_fooled: float | None = None
    subset: str = "test"
    stands_for: str | None = None
    domain: str = "waveform"
    l0: float | None = None
    l1: float | None = None
    mean_change: float | None = None
    confidence_clean: float | None = None
    confidence_adv: float | None = None

    @property
    def partial(self) -> bool:
        """Whether some folds of the experiment are still missing."""
        return len(self.folds) < self.folds_planned

    @property
    def toy(self) -> bool:
        """Whether synthetic speech replaced the corpus, so that the numbers say nothing about real speech."""
        return self.stands_for is not None


PROVENANCE = ("seconds_per_clip", "commit", "tree_clean", "versions", "device")
"""Fields that may differ when a run is repeated."""


def record_path(folder: Path, record_signature: str, source: str, target: str, attack: str) -> Path:
    """Return the path of the record of an attack, a source model and a target model."""
    return folder / f"{attack}-{source}-{target}-{record_signature}.json"


def write(folder: Path, record: Record, outcomes: list[dict[str, Any]]) -> Path:
    """Write a record and the outcomes of its clips, and return the record's path.

    The record is written last and holds the hash of the outcomes, so that an interrupted run leaves no record without
    its outcomes.
    """
    path = record_path(folder, record.signature, record.source, record.target, record.attack)
    write_jsonl(path.with_suffix(".jsonl"), outcomes)
    write_json(path, dataclasses.asdict(dataclasses.replace(record, outcomes_sha256=outcomes_hash(outcomes))))
    return path


def outcomes_hash(outcomes: Iterable[dict[str, Any]]) -> str:
    """Return the SHA-256 of per-clip outcomes.

    It is computed from the rows and not from the bytes of a file, so that outcomes keep their hash whatever the format
    of the file that holds them and whatever the order of the keys.

    >>> outcomes_hash([{"id": "a", "label": 1}]) == outcomes_hash([{"label": 1, "id": "a"}])
    True
    """
    digest = hashlib.sha256()
    for row in outcomes:
        digest.update(json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n")
    return digest.hexdigest()


def read(path: Path) -> Record:
    """Read a record and check its outcomes.

    Raises:
        StaanetError: The file is not a record, or the outcomes do not match the hash in the record.
    """
    return read_with_outcomes(path)[0]


def read_with_outcomes(path: Path) -> tuple[Record, list[dict[str, Any]]]:
    """Read a record and the outcomes of its clips.

    Raises:
        StaanetError: The file is not a record, or the outcomes do not match the hash in the record.
    """
    record = validated(Record, read_json(path), str(path))
    file = path.with_suffix(".jsonl")
    problem = StaanetError(
        f"{file}: expected the outcomes from which {path.name} was computed, got others; run again with --fresh"
    )
    try:
        outcomes = read_outcomes(path)
    except StaanetError:
        raise problem from None
    if outcomes_hash(outcomes) != record.outcomes_sha256:
        raise problem
    return record, outcomes


def read_outcomes(path: Path) -> list[dict[str, Any]]:
    """Read the per-clip outcomes that belong to the record at `path`."""
    return read_jsonl(path.with_suffix(".jsonl"))
