"""The figures of a record, computed from the outcomes of its clips."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from verify.formulae import Array, beyond_clips, paired, wilson
from verify.study import Row

PERCEPTION = ("pesq", "stoi", "si_sdr_db", "snr_segmental_db", "log_spectral_distance_db")

MODEL_FLAGS = (
    *("one_class", "comb", "zero_gradients", "randomised", "probabilities"),
    *("batch_dependent", "padding_dependent", "training_mode", "nonfinite_gradients"),
)
"""Flags that belong to one model, so that a flag of any fold is a flag of the pooled record."""

FLAGS = {
    *MODEL_FLAGS,
    *("no_excess", "noise_sensitive", "chance_model", "empty_perturbation", "few_speakers", "black_box_ahead"),
}

CONTROLS = ("babble", "best_of_noise", "comb", "held_noise", "hum", "noise", "shuffled_staa_net")
"""Attacks that are controls themselves, from which no excess is expected."""


@dataclass(frozen=True)
class Clips:
    """The outcomes of an attack as arrays.

    Args:
        rows: One dictionary per clip.
        classes: Number of classes.
    """

    rows: list[Row]
    classes: int

    def of(self, name: str) -> Array:
        """Return a column as numbers, NaN where it is undefined."""
        return np.array([np.nan if row.get(name) is None else row[name] for row in self.rows], float)

    @cached_property
    def label(self) -> Array:
        """True class of each clip."""
        return np.array([row["label"] for row in self.rows])

    @cached_property
    def before(self) -> Array:
        """Class predicted on each clean clip."""
        return np.array([row["predicted_clean"] for row in self.rows])

    @cached_property
    def under(self) -> Array:
        """Class predicted on each attacked clip."""
        return np.array([row["predicted_adv"] for row in self.rows])

    @cached_property
    def fooled(self) -> Array:
        """1 for each clip whose prediction changed, else 0."""
        return (self.under != self.before).astype(float)

    @cached_property
    def robust(self) -> Array:
        """1 for each clip that is classified correctly before and under the attack, else 0."""
        return ((self.before == self.label) & (self.under == self.label)).astype(float)

    @cached_property
    def control(self) -> Array:
        """Share of the controls of each clip that changed its prediction."""
        drawn = np.array([row["predicted_control"] for row in self.rows])
        return (drawn != self.before[:, None]).mean(axis=1)

    @cached_property
    def speaker(self) -> Array:
        """Speaker of each clip."""
        return np.array([row["speaker"] for row in self.rows])

    def interval(self, values: Array, *, difference: bool = False) -> tuple[float, float]:
        """Return the interval over clips of a share or of a difference of shares."""
        return paired(values) if difference else wilson(float(values.mean()), len(values))

    def speaker_interval(self, values: Array, *, difference: bool = False) -> tuple[float, float]:
        """Return the interval of a mean that allows for correlation between the clips of a speaker."""
        independent = self.interval(values, difference=difference)
        return beyond_clips(values, self.label, self.speaker, independent, -1.0 if difference else 0.0)


def figures(clips: Clips) -> dict[str, Any]:
    """Return the figures of a record by the names of its fields."""
    return {**_counts(clips), **_success(clips), **_recognition(clips), **_sizes(clips), **_perception(clips)}


def _counts(clips: Clips) -> dict[str, Any]:
    under, n = _histogram(clips.under, clips.classes), len(clips.rows)
    return {
        "n": n,
        "n_correct": int((clips.before == clips.label).sum()),
        "n_robust": int(clips.robust.sum()),
        "n_fooled": int(clips.fooled.sum()),
        "n_unchanged": int((clips.of("l0") == 0).sum()),
        "speakers": len(set(clips.speaker.tolist())),
        "clips_by_class": _histogram(clips.label, clips.classes),
        "predictions_clean": _histogram(clips.before, clips.classes),
        "predictions_adv": under,
        "one_class_share": max(under) / n,
    }


def _histogram(values: Array, classes: int) -> list[int]:
    return [int((values == number).sum()) for number in range(classes)]


def _success(clips: Clips) -> dict[str, Any]:
    fooled, excess, right = clips.fooled, clips.fooled - clips.control, clips.before == clips.label
    saved = [row["predicted_saved"] != row["predicted_clean"] for row in clips.rows if "predicted_saved" in row]
    return {
        "asr": float(fooled.mean()),
        "asr_ci": clips.interval(fooled),
        "asr_speaker_ci": clips.speaker_interval(fooled),
        "asr_correct": mean(fooled[right]),
        "asr_correct_ci": clips.interval(fooled[right]) if right.any() else None,
        "asr_by_class": [mean(fooled[clips.label == number]) for number in range(clips.classes)],
        "asr_by_prediction": [mean(fooled[clips.before == number]) for number in range(clips.classes)],
        "asr_saved": mean(np.array(saved, float)),
        "asr_control": float(clips.control.mean()),
        "asr_control_ci": clips.interval(clips.control),
        "asr_excess": float(excess.mean()),
        "asr_excess_ci": clips.interval(excess, difference=True),
        "asr_excess_speaker_ci": clips.speaker_interval(excess, difference=True),
    }


def _recognition(clips: Clips) -> dict[str, Any]:
    right = (clips.before == clips.label).astype(float)
    still = (clips.under == clips.label).astype(float)
    return {
        "robust_accuracy": float(clips.robust.mean()),
        "robust_accuracy_ci": clips.interval(clips.robust),
        "robust_accuracy_speaker_ci": clips.speaker_interval(clips.robust),
        "robust_uar": recall(clips.robust, clips.label),
        "chance": 1 / clips.classes,
        "accuracy_clean": float(right.mean()),
        "accuracy_clean_ci": clips.interval(right),
        "accuracy_adv": float(still.mean()),
        "uar_clean": recall(right, clips.label),
        "uar_adv": recall(still, clips.label),
        "confidence_clean": complete_mean(clips.of("confidence_clean")),
        "confidence_adv": complete_mean(clips.of("confidence_adv")),
    }


def recall(hits: Array, label: Array) -> float:
    """Return the share of hits per class that occurs, averaged over these classes."""
    return float(np.mean([hits[label == number].mean() for number in np.unique(label)]))


def _sizes(clips: Clips) -> dict[str, Any]:
    share, fooled = clips.of("l0") / clips.of("length"), clips.fooled == 1
    peak, energy = clips.of("snr_peak_db"), clips.of("snr_energy_db")
    return {
        "snr_peak_db": mean(peak),
        "snr_energy_db": mean(energy),
        "snr_peak_db_fooled": mean(peak[fooled]),
        "snr_energy_db_fooled": mean(energy[fooled]),
        "sparsity": mean(share),
        "sparsity_fooled": mean(share[fooled]),
        "mean_change": mean(clips.of("l1") / clips.of("length")),
        **{name: mean(clips.of(name)) for name in ("l0", "l1", "l2", "linf")},
    }


def mean(values: Array) -> float | None:
    """Return the mean of the values that are defined; None if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def complete_mean(values: Array) -> float | None:
    """Return a mean, None if a value is not defined."""
    return None if np.isnan(values).any() else float(values.mean())


def _perception(clips: Clips) -> dict[str, Any]:
    measured = all(name in row for name in PERCEPTION for row in clips.rows)
    values = {name: clips.of(name) if measured else np.array([]) for name in PERCEPTION}
    return {
        **{name: mean(own) for name, own in values.items()},
        **{f"{name}_fooled": mean(own[clips.fooled == 1]) if measured else None for name, own in values.items()},
    }


def flags(values: dict[str, Any], attack: str) -> set[str]:
    """Return the flags that follow from the figures of a record.

    Args:
        values: Its figures and the measured signs of its target model.
        attack: Registry name of the attack.
    """
    at_least = {name: values.get(name) or 0.0 for name in ("comb_share", "comb_share_model", "zero_gradients")}
    raised = {
        "one_class": values["one_class_share"] > 0.6,
        "comb": max(at_least["comb_share"], at_least["comb_share_model"]) > 0.9,
        "no_excess": values["asr"] <= values["asr_control_ci"][1] and attack not in CONTROLS,
        "noise_sensitive": values["asr_control"] > 0.25,
        "chance_model": values["accuracy_clean_ci"][0] <= max(values["clips_by_class"]) / values["n"],
        "empty_perturbation": values["n_unchanged"] > 0,
        "few_speakers": values["speakers"] < 8,
        "zero_gradients": at_least["zero_gradients"] > 0.1,
        "black_box_ahead": (values.get("black_box_lead") or 0.0) > 0,
        "nonfinite_gradients": (values.get("nonfinite_gradients") or 0.0) > 0,
        **{
            name: bool(values.get(name))
            for name in ("randomised", "probabilities", "batch_dependent", "padding_dependent", "training_mode")
        },
    }
    return {name for name, holds in raised.items() if holds}
