"""What an attack did to each clip: all that any metric needs, and all that is written down per clip."""

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

LATER = ("l1", "confidence_clean", "confidence_adv")
"""What the rows of the first versions lack."""


@dataclass(frozen=True)
class Outcome:
    """One attack on one model, clip by clip; every field but `classes` has a row per clip.

    Predictions are class numbers. A margin is the logit of the class predicted on the clean clip less the highest other
    one: negative once the clip is fooled. A confidence is the largest softmax of the logits. NaN stands for what is
    undefined, such as the SNR of an unchanged clip.
    """

    ids: tuple[str, ...]
    labels: Integers
    predicted_clean: Integers
    predicted_adv: Integers
    predicted_control: Integers  # [N, draws]
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
        """Whether each prediction changed."""
        changed: NDArray[np.bool_] = self.predicted_adv != self.predicted_clean
        return changed

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each clean prediction is the label."""
        right: NDArray[np.bool_] = self.predicted_clean == self.labels
        return right

    @property
    def control(self) -> Floats:
        """The share of the control's draws that changed each prediction."""
        changed: Floats = (self.predicted_control != self.predicted_clean[:, None]).mean(1)
        return changed

    def rows(self) -> list[dict[str, Any]]:
        """Return a JSON object per clip; NaN becomes null."""
        columns = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        columns["id"], columns["label"] = columns.pop("ids"), columns.pop("labels")
        del columns["classes"]
        return [{name: _json(column[i]) for name, column in columns.items()} for i in range(len(self))]

    @classmethod
    def from_rows(cls, rows: Sequence[dict[str, Any]], classes: int) -> "Outcome":
        """Return the outcome that `rows` were written from."""
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
    def join(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Return the outcomes of several batches as one, clips in the order of their ids."""
        ids = [clip for part in parts for clip in part.ids]
        order = sorted(range(len(ids)), key=ids.__getitem__)
        columns: dict[str, Any] = {"ids": tuple(ids[i] for i in order)}
        for field in dataclasses.fields(cls):
            if field.name not in ("ids", "classes"):
                columns[field.name] = np.concatenate([getattr(part, field.name) for part in parts])[order]
        return cls(**columns, classes=parts[0].classes)


def _json(value: Any) -> Any:
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain


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
    """Return what adversarial waveforms do to a model, beside the control: noise of the same sizes at random places.

    Args:
        model: anything that maps waveforms (and lengths) to logits `[B, K]`.
        waveforms: `[B, T]`, the clean clips.
        adversarial: `[B, T]`, the same clips attacked.
        labels: `[B]`, the true classes.
        lengths: `[B]`, valid samples; all of T where left out.
        seed: of the control.
        ids: a name per clip; their numbers where left out.
        clean_logits: `[B, K]`, taken from the model where left out.
        draws: of the control, one or more.

    Raises:
        StaanetError: input that breaks the terms of waveforms.
    """
    bounds = bounds_of(model)
    lengths = check_waveforms(waveforms, lengths, bounds)
    check_waveforms(adversarial, lengths, bounds)
    classifier = as_classifier(model)
    perturbations = adversarial - waveforms
    with frozen(classifier), torch.no_grad():
        clean = classifier(waveforms, lengths) if clean_logits is None else clean_logits
        attacked = classifier(adversarial, lengths)
        noisy = [
            classifier(
                matched_noise(waveforms, perturbations, lengths, derive(seed, "control", draw)).clamp(*bounds), lengths
            )
            for draw in range(draws)
        ]
    if (
        labels.shape != lengths.shape
        or labels.is_floating_point()
        or not 0 <= int(labels.min()) <= int(labels.max()) < clean.shape[1]
    ):
        raise StaanetError(
            f"expected labels [{len(lengths)}] in 0..{clean.shape[1] - 1}, got {labels.tolist()}; check their order"
        )
    predicted = clean.argmax(1)
    size = perturbations.abs().double()
    peak = waveforms.abs().amax(1).double()
    energy = waveforms.double().square().sum(1)
    return Outcome(
        ids=tuple(ids) if ids is not None else tuple(f"{i:06d}" for i in range(len(labels))),
        labels=_integers(labels),
        predicted_clean=_integers(predicted),
        predicted_adv=_integers(attacked.argmax(1)),
        predicted_control=_integers(torch.stack([logits.argmax(1) for logits in noisy], dim=1)),
        margin_clean=_floats(margin(clean, predicted)),
        margin_adv=_floats(margin(attacked, predicted)),
        length=_integers(lengths),
        l0=_integers((size > 0).sum(1)),
        linf=_floats(size.amax(1)),
        l2=_floats(size.square().sum(1).sqrt()),
        l1=_floats(size.sum(1)),
        confidence_clean=_floats(clean.softmax(1).amax(1)),
        confidence_adv=_floats(attacked.softmax(1).amax(1)),
        snr_peak_db=_floats(decibels(peak / size.amax(1)) * 2),
        snr_energy_db=_floats(decibels(energy / size.square().sum(1))),
        classes=clean.shape[1],
    )


def matched_noise(waveforms: Tensor, perturbations: Tensor, lengths: Tensor, seed: int) -> Tensor:
    """Return waveforms `[B, T]` with noise as large as the perturbations: their own sizes, random signs and places.

    Like the attacked clips, it is cut to the clips' bounds by the caller.
    """
    random = ClipRandom(seed, waveforms, lengths)
    return waveforms + random.shuffle(perturbations.abs()) * random.signs()


def decibels(ratio: Tensor) -> Tensor:
    """Return 10 log10 of a ratio; infinite and undefined ratios become NaN."""
    return torch.where(torch.isfinite(ratio) & (ratio > 0), 10 * ratio.log10(), torch.nan)


def _integers(values: Tensor) -> Integers:
    return values.cpu().numpy().astype(np.int64)


def _floats(values: Tensor) -> Floats:
    return values.cpu().numpy().astype(np.float64)
