"""The outcome of an attack on each clip: the input of all metrics, and the rows that are stored per clip."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.core.classifier import as_classifier, bounds_of, frozen, margin
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom, derive
from staanet.core.waveforms import check_waveforms

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CONTROL_DRAWS = 3
"""Number of random controls per clip."""

LATER = ("l1", "confidence_clean", "confidence_adv")
"""Columns that rows from early versions of this library lack."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one attack on one model; every field except `classes` has one entry per clip.

    NaN marks values that are undefined, such as the SNR of an unchanged clip.

    Args:
        ids: Id of each clip.
        labels: True class.
        predicted_clean: Class predicted on the clean clip.
        predicted_adv: Class predicted on the attacked clip.
        predicted_control: Classes predicted on the controls, `[N, draws]`.
        margin_clean: Logit of the class predicted on the clean clip minus the highest other logit, on the clean clip.
        margin_adv: The same on the attacked clip: negative if the clip is fooled.
        length: Number of samples (or features).
        l0: Number of samples that changed.
        linf: Largest absolute change of a sample.
        l2: Euclidean norm of the change.
        l1: Sum of the absolute changes.
        confidence_clean: Largest softmax of the logits on the clean clip.
        confidence_adv: Largest softmax of the logits on the attacked clip.
        snr_peak_db: Peak signal-to-noise ratio in dB.
        snr_energy_db: Energy signal-to-noise ratio in dB.
        classes: Number of classes.
    """

    ids: tuple[str, ...]
    labels: Integers
    predicted_clean: Integers
    predicted_adv: Integers
    predicted_control: Integers
    margin_clean: Floats
    margin_adv: Floats
    length: Integers
    l0: Integers
    linf: Floats
    l2: Floats
    l1: Floats
    confidence_clean: Floats
    confidence_adv: Floats
    snr_peak_db: Floats
    snr_energy_db: Floats
    classes: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fooled(self) -> NDArray[np.bool_]:
        """Whether the prediction of each clip changed."""
        changed: NDArray[np.bool_] = self.predicted_adv != self.predicted_clean
        return changed

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the prediction on each clean clip is the true class."""
        right: NDArray[np.bool_] = self.predicted_clean == self.labels
        return right

    @property
    def control(self) -> Floats:
        """Share of the controls of each clip that changed its prediction."""
        changed: Floats = (self.predicted_control != self.predicted_clean[:, None]).mean(1)
        return changed

    def rows(self) -> list[dict[str, Any]]:
        """Return one JSON object per clip, with None for NaN."""
        columns = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        columns["id"], columns["label"] = columns.pop("ids"), columns.pop("labels")
        del columns["classes"]
        return [{name: _json(column[i]) for name, column in columns.items()} for i in range(len(self))]

    @classmethod
    def from_rows(cls, rows: Sequence[dict[str, Any]], classes: int) -> "Outcome":
        """Return the outcome from which `rows` were made."""
        columns: dict[str, Any] = {"ids": tuple(row["id"] for row in rows)}
        for field in dataclasses.fields(cls):
            if field.name in ("ids", "classes"):
                continue
            name = "label" if field.name == "labels" else field.name
            values = [row.get(name) if field.name in LATER else row[name] for row in rows]
            columns[field.name] = np.array(
                [np.nan if value is None else value for value in values],
                dtype=np.float64 if field.type is Floats else np.int64,
            )
        return cls(**columns, classes=classes)

    @classmethod
    def join(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """Return the outcomes of several batches as one, with clips in the order of their ids."""
        ids = [clip for outcome in outcomes for clip in outcome.ids]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        columns: dict[str, Any] = {"ids": tuple(ids[i] for i in order)}
        for field in dataclasses.fields(cls):
            if field.name not in ("ids", "classes"):
                columns[field.name] = np.concatenate([getattr(outcome, field.name) for outcome in outcomes])[order]
        return cls(**columns, classes=outcomes[0].classes)


def _json(value: Any) -> Any:
    number = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return None if isinstance(number, float) and not np.isfinite(number) else number


def observe(
    model: Callable[..., Tensor],
    waveforms: Tensor,
    adversarial: Tensor,
    labels: Tensor,
    lengths: Tensor | None = None,
    *,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    clean_logits: Tensor | None = None,
    draws: int = CONTROL_DRAWS,
) -> Outcome:
    """Return the outcome of adversarial waveforms on a model, together with that of random controls.

    Args:
        model: Anything that maps waveforms (and lengths) to logits `[B, K]`.
        waveforms: Samples of the clean clips, `[B, T]`.
        adversarial: Samples of the attacked clips, `[B, T]`.
        labels: True classes, `[B]`.
        lengths: Number of valid samples of each clip, `[B]` (default: T for every clip).
        seed: Seed of the controls.
        ids: Id of each clip (default: its number in the batch).
        clean_logits: Logits of the model on the clean clips, `[B, K]` (default: the model computes them).
        draws: Number of controls per clip, 1 or more. A control is noise with the sizes of the perturbation, but with
            random signs and at random positions.

    Raises:
        StaanetError: If waveforms, lengths or labels are not valid.
    """
    bounds = bounds_of(model)
    lengths = check_waveforms(waveforms, lengths, bounds)
    check_waveforms(adversarial, lengths, bounds)
    classifier = as_classifier(model)
    perturbations = adversarial - waveforms
    with frozen(classifier), torch.no_grad():
        clean = classifier(waveforms, lengths) if clean_logits is None else clean_logits
        attacked = classifier(adversarial, lengths)
        seeds = [derive(seed, "control", draw) for draw in range(draws)]
        noisy = (matched_noise(waveforms, perturbations, lengths, one).clamp(*bounds) for one in seeds)
        controls = torch.stack([classifier(clips, lengths).argmax(1) for clips in noisy], dim=1)
    _check_labels(labels, lengths, clean.shape[1])
    predicted, size = clean.argmax(1), perturbations.abs().double()
    return Outcome(
        ids=tuple(ids) if ids is not None else tuple(f"{i:06d}" for i in range(len(labels))),
        labels=_integers(labels),
        predicted_clean=_integers(predicted),
        predicted_adv=_integers(attacked.argmax(1)),
        predicted_control=_integers(controls),
        margin_clean=_floats(margin(clean, predicted)),
        margin_adv=_floats(margin(attacked, predicted)),
        length=_integers(lengths),
        l0=_integers((size > 0).sum(1)),
        linf=_floats(size.amax(1)),
        l2=_floats(size.square().sum(1).sqrt()),
        l1=_floats(size.sum(1)),
        confidence_clean=_floats(clean.softmax(1).amax(1)),
        confidence_adv=_floats(attacked.softmax(1).amax(1)),
        **_snr(waveforms, size),
        classes=clean.shape[1],
    )


def _snr(waveforms: Tensor, size: Tensor) -> dict[str, Floats]:
    """Return the peak and the energy signal-to-noise ratios of changes of absolute size `[B, T]` in dB."""
    peak, energy = waveforms.abs().amax(1).double(), waveforms.double().square().sum(1)
    return {
        "snr_peak_db": _floats(decibels(peak / size.amax(1)) * 2),
        "snr_energy_db": _floats(decibels(energy / size.square().sum(1))),
    }


def _check_labels(labels: Tensor, lengths: Tensor, classes: int) -> None:
    if (
        labels.shape != lengths.shape
        or labels.is_floating_point()
        or not 0 <= int(labels.min()) <= int(labels.max()) < classes
    ):
        raise StaanetError(
            f"expected labels [{len(lengths)}] in 0..{classes - 1}, got {labels.tolist()}; check their order"
        )


def matched_noise(waveforms: Tensor, perturbations: Tensor, lengths: Tensor, seed: int) -> Tensor:
    """Return the clean clips `[B, T]` plus the absolute perturbations with random signs at random positions.

    The caller clips the result to the range of the model's input, as attacks do.
    """
    random = ClipRandom(seed, waveforms, lengths)
    return waveforms + random.shuffle(perturbations.abs()) * random.signs()


def decibels(ratio: Tensor) -> Tensor:
    """Return 10 log10 of a ratio, NaN if the ratio is not a finite number above 0."""
    return torch.where(torch.isfinite(ratio) & (ratio > 0), 10 * ratio.log10(), torch.nan)


def _integers(values: Tensor) -> Integers:
    return values.cpu().numpy().astype(np.int64)


def _floats(values: Tensor) -> Floats:
    return values.cpu().numpy().astype(np.float64)
