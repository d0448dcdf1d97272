"""The record: the result of one attack on one model, with all its settings."""

from dataclasses import dataclass, field
from typing import Any

from staanet.core.notebook import Shown, few

FORMAT = 3
"""Version of the format of runs and records, raised with every incompatible change."""

Interval = tuple[float, float]

Rows = list[dict[str, Any]]
"""The outcomes of a record, a dictionary per clip."""

NO_SOURCE = "none"
"""Source of an attack that needs no source model."""


@dataclass(frozen=True, repr=False)
class Record(Shown):
    """The result of one attack, computed on a source model and evaluated on a target model, with all its settings.

    A record covers one fold, or several folds that were pooled; `pooled` then lists the signatures of their records.
    Rates are fractions. A field that ends in `_ci` is a 95 % confidence interval (low, high) that treats clips as
    independent; `_speaker_ci` is at least as wide, and allows for clips of one speaker to be correlated; `_fold_ci`,
    which only pooled records have, treats folds as the unit, each of which trained models and generators of its own. A
    mean whose name ends in `_fooled` is over the fooled clips only; SNRs are averaged over the clips that were changed,
    and all other means over all clips. An undefined value is None, and `notes` holds the reason under the name of the
    field.

    A clip counts as robust if it is classified correctly before and under the attack. `one_class_share`, the comb
    shares and the signs of the target model (from `zero_gradients` to `nonfinite_gradients`) belong to one model: a
    pooled record has their mean over the folds, weighted by clips, or whether any fold shows the sign. `folds_flagged`
    lists for each flag that belongs to one model the folds that raised it.
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
    n_robust: int
    n_fooled: int
    n_unchanged: int
    robust_accuracy: float
    robust_accuracy_ci: Interval
    robust_accuracy_speaker_ci: Interval
    robust_uar: float
    chance: float
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
    one_class_share: float
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
    folds_flagged: dict[str, list[int]] = field(default_factory=dict)
    robust_accuracy_fold_ci: Interval | None = None
    asr_fold_ci: Interval | None = None
    asr_excess_fold_ci: Interval | None = None
    found_by: dict[str, int] | None = None
    black_box_lead: float | None = None
    zero_gradients: float | None = None
    randomised: bool | None = None
    probabilities: bool | None = None
    batch_dependent: bool | None = None
    padding_dependent: bool | None = None
    training_mode: bool | None = None
    nonfinite_gradients: float | None = None
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

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return the case and its main figures, as a session shows them."""
        figures = {
            "robust accuracy": self.robust_accuracy,
            "chance": self.chance,
            "clean accuracy": self.accuracy_clean,
            "ASR": self.asr,
            "control": self.asr_control,
        }
        return f"Record {self.attack}: {self.source} → {self.target}", {
            "corpus": self.corpus,
            "clips": str(self.n),
            **{name: f"{100 * value:.1f} %" for name, value in figures.items()},
            **({"flags": few(self.flags)} if self.flags else {}),
        }

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
