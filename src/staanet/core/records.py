"""One result, one file: the record of a case and, beside it, what happened to every clip."""

import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl, write_json, write_jsonl
from staanet.core.settings import validated

Interval = tuple[float, float]

NO_SOURCE = "none"
"""The source of an attack that does the same whatever the source."""

CONTENTS = "run.json"
"""The file of a run that lists its records and examples."""


@dataclass(frozen=True)
class Record:
    """The outcome of one attack, made on one source, evaluated on one target, with all that it took to get it.

    A record holds one fold, or several `pooled`, whose records it then names. Rates are fractions; `_ci` is (low, high)
    at 95 %, clips taken as independent; `_speaker_ci` spans that and an interval in which clips of one speaker may
    resemble each other; `_fooled` averages over the fooled clips only, SNRs over those that changed, other means over
    all; what is undefined is None, with the reason under its name in `notes`.
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
        """Whether folds of the experiment are still missing."""
        return len(self.folds) < self.folds_planned

    @property
    def toy(self) -> bool:
        """Whether synthetic speech stands for a corpus, so that its figures are about nothing."""
        return self.stands_for is not None


PROVENANCE = ("seconds_per_clip", "commit", "tree_clean", "versions", "device")
"""The fields in which a repeated run may differ."""


def record_path(folder: Path, record_signature: str, source: str, target: str, attack: str) -> Path:
    """Return where the record of a case stands."""
    return folder / f"{attack}-{source}-{target}-{record_signature}.json"


def write(folder: Path, record: Record, outcomes: list[dict[str, Any]]) -> Path:
    """Write a record and its per-clip outcomes; the record comes last and names the outcomes' hash."""
    path = record_path(folder, record.signature, record.source, record.target, record.attack)
    write_jsonl(path.with_suffix(".jsonl"), outcomes)
    sha = hashlib.sha256(path.with_suffix(".jsonl").read_bytes()).hexdigest()
    write_json(path, dataclasses.asdict(dataclasses.replace(record, outcomes_sha256=sha)))
    return path


def read(path: Path) -> Record:
    """Read a record.

    Raises:
        StaanetError: the file is not a record, or its outcomes are not the ones it was made from.
    """
    record = validated(Record, read_json(path), str(path))
    outcomes = path.with_suffix(".jsonl")
    if not outcomes.is_file() or hashlib.sha256(outcomes.read_bytes()).hexdigest() != record.outcomes_sha256:
        raise StaanetError(f"{outcomes}: expected the outcomes that {path.name} was made from; run again with --fresh")
    return record


def outcomes(run: Path, record: Record) -> list[dict[str, Any]]:
    """Read the per-clip outcomes of a record of a run."""
    return read_outcomes(record_path(run / "records", record.signature, record.source, record.target, record.attack))


def read_outcomes(path: Path) -> list[dict[str, Any]]:
    """Read the per-clip outcomes of the record at `path`."""
    return read_jsonl(path.with_suffix(".jsonl"))


def write_contents(
    run: Path,
    title: str,
    published: str = "",
    toy: bool = False,
    by_gender: bool = False,
    pairwise: Iterable[str] = (),
    equal_distortion: bool = False,
    **paths: Iterable[Path],
) -> None:
    """Write down what belongs to a run as its settings are now; what earlier settings made stays, unread.

    Args:
        run: the run's folder.
        title: of its page.
        published: the published table that stands beside its own, such as `staanet.table4`; empty for none.
        toy: whether synthetic speech stands for its corpora.
        by_gender: whether its tables tell the genders apart.
        pairwise: the attacks that it compares pair by pair.
        equal_distortion: whether it compares its models where clips were moved equally far.
        paths: by the name of their folder, such as `records`, in the order in which they are to be read.
    """
    listed = {name: [path.name for path in group] for name, group in paths.items()}
    said = {"title": title, "published": published, "toy": toy, "by_gender": by_gender}
    write_json(run / CONTENTS, {**said, "pairwise": list(pairwise), "equal_distortion": equal_distortion, **listed})


def title(run: Path) -> str | None:
    """Return the title of a run, None where it is not written down."""
    return cast(str | None, _said(run, "title", None))


def published(run: Path) -> str:
    """Return the name of the published table that stands beside a run's own, empty for none."""
    return str(_said(run, "published", ""))


def toy(run: Path) -> bool:
    """Return whether a run is a toy, about nothing and not to be published."""
    return bool(_said(run, "toy", False))


def by_gender(run: Path) -> bool:
    """Return whether a run's tables tell the genders apart."""
    return bool(_said(run, "by_gender", False))


def pairwise(run: Path) -> list[str]:
    """Return the attacks that a run compares pair by pair."""
    return list(_said(run, "pairwise", []))


def equal_distortion(run: Path) -> bool:
    """Return whether a run compares its models where clips were moved equally far."""
    return bool(_said(run, "equal_distortion", False))


def contents(run: Path, name: str, pattern: str) -> list[Path]:
    """Return what belongs to a run in its folder `name`, or all that fits `pattern` where nothing is written down."""
    entries = _said(run, name, [])
    return (
        [run / name / entry for entry in entries] if (run / CONTENTS).is_file() else sorted((run / name).glob(pattern))
    )


def _said(run: Path, key: str, default: Any) -> Any:
    """Return what a run's list of contents says under a key."""
    return read_json(run / CONTENTS).get(key, default) if (run / CONTENTS).is_file() else default


def read_all(run: Path) -> list[Record]:
    """Read the records of a run, in the order of its experiment; one that only counts clips has none.

    Raises:
        StaanetError: nothing says that there are none.
    """
    paths = contents(run, "records", "*.json")
    if not paths and not (run / CONTENTS).is_file():
        raise StaanetError(
            f"{run / 'records'}: expected records (*.json), found none; give the folder that `staanet run` wrote"
        )
    return [read(path) for path in paths]
