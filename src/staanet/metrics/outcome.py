"""The outcome of an attack on each clip: the input of all metrics, and the rows that are stored per clip."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.core.classifier import CheckedClassifier, as_classifier, margin
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.inputs import Numbers, as_labels, as_waveforms, check_classes
from staanet.core.notebook import Shown
from staanet.core.seeds import ClipRandom, derive
from staanet.core.signs import find_signs
from staanet.core.unwrapping import frozen

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

CONTROL_DRAWS = 3
"""Number of random controls per clip."""

LATER = ("l1", "confidence_clean", "confidence_adv")
"""Columns that rows from early versions of this library lack."""


@dataclass(frozen=True, repr=False)
class Outcome(Shown):
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

    def facts(self) -> tuple[str, dict[str, str]]:
        """Return how many clips are correct, robust and fooled, as a session shows them."""
        return "Outcome", {
            "clips": str(len(self)),
            "correct": str(int(self.correct.sum())),
            "robust": str(int(self.robust.sum())),
            "fooled": str(int(self.fooled.sum())),
        }

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
    def robust(self) -> NDArray[np.bool_]:
        """Whether each clip is classified correctly before and under the attack."""
        return self.correct & ~self.fooled

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
    waveforms: Numbers,
    adversarial: Numbers,
    labels: Numbers,
    lengths: Numbers | None = None,
    *,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    clean_logits: Numbers | None = None,
    draws: int = CONTROL_DRAWS,
    inspect: bool = True,
) -> Outcome:
    """Return the outcome of adversarial waveforms on a model, together with that of random controls.

    A warning is given for each sign, found on the first clips, that the numbers say little about the model: see
    `staanet.core.signs`. Arrays, lists and other precisions are converted to float32 tensors.

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
        inspect: Whether to look for the signs (default). Pass False if the model was inspected before.

    Raises:
        StaanetError: If waveforms, lengths, labels or the answers of the model are not valid, or there is no clip.
    """
    classifier = as_classifier(model)
    bounds = classifier.bounds
    clips, sizes = as_waveforms(waveforms, lengths, bounds)
    attacked, _ = as_waveforms(adversarial, sizes, bounds)
    if not len(clips):
        raise StaanetError("expected one clip or more, got an empty batch")
    if attacked.shape != clips.shape:
        raise StaanetError(f"expected adversarial waveforms {list(clips.shape)}, got {list(attacked.shape)}")
    classes = as_labels(labels, len(clips), clips.device)
    names = tuple(f"{i:06d}" for i in range(len(clips))) if ids is None else tuple(ids)
    if len(set(names)) != len(names) or len(names) != len(clips) or draws < 1:
        raise StaanetError(
            f"expected {len(clips)} different ids and one draw or more, got {len(set(names))} and {draws}"
        )
    if inspect:
        for sign, meaning in find_signs(classifier, clips, sizes).meanings():
            warnings.warn(f"{classifier.name}: {sign}: {meaning}", StaanetWarning, stacklevel=2)
    perturbations = attacked - clips
    with frozen(classifier), torch.no_grad():
        answers = classifier(attacked, sizes)
        clean = classifier(clips, sizes) if clean_logits is None else _given(clean_logits, answers)
        controls = predict_controls(classifier, clips, perturbations, sizes, seed, draws)
    check_classes(classes, clean.shape[1])
    predicted, size = clean.argmax(1), perturbations.abs().double()
    return Outcome(
        ids=names,
        labels=_integers(classes),
        predicted_clean=_integers(predicted),
        predicted_adv=_integers(answers.argmax(1)),
        predicted_control=_integers(controls),
        margin_clean=_floats(margin(clean, predicted)),
        margin_adv=_floats(margin(answers, predicted)),
        length=_integers(sizes),
        l0=_integers((size > 0).sum(1)),
        linf=_floats(size.amax(1)),
        l2=_floats(size.square().sum(1).sqrt()),
        l1=_floats(size.sum(1)),
        confidence_clean=_floats(clean.softmax(1).amax(1)),
        confidence_adv=_floats(answers.softmax(1).amax(1)),
        **_snr(clips, size),
        classes=clean.shape[1],
    )


def _given(clean_logits: Numbers, like: Tensor) -> Tensor:
    """Return logits on the clean clips that the caller computed, as a tensor like other logits."""
    logits = torch.as_tensor(clean_logits).detach().to(like)
    if logits.shape != like.shape or not torch.isfinite(logits).all():
        raise StaanetError(
            f"expected finite clean_logits {list(like.shape)}, got {list(logits.shape)}; compute them with this model"
        )
    return logits


def _snr(waveforms: Tensor, size: Tensor) -> dict[str, Floats]:
    """Return the peak and the energy signal-to-noise ratios of changes of absolute size `[B, T]` in dB."""
    peak, energy = waveforms.abs().amax(1).double(), waveforms.double().square().sum(1)
    return {
        "snr_peak_db": _floats(decibels(peak / size.amax(1)) * 2),
        "snr_energy_db": _floats(decibels(energy / size.square().sum(1))),
    }


def predict_controls(
    classifier: CheckedClassifier,
    waveforms: Tensor,
    perturbations: Tensor,
    lengths: Tensor,
    seed: int,
    draws: int = CONTROL_DRAWS,
) -> Tensor:
    """Return the classes `[B, draws]` that a model predicts on the controls; see `answer_controls`."""
    return answer_controls(classifier, waveforms, perturbations, lengths, seed, draws).argmax(2)


def answer_controls(
    classifier: CheckedClassifier,
    waveforms: Tensor,
    perturbations: Tensor,
    lengths: Tensor,
    seed: int,
    draws: int = CONTROL_DRAWS,
) -> Tensor:
    """Return the answers `[B, draws, K]` of a model to the controls: clips with noise like a perturbation.

    Args:
        classifier: The model, frozen and without gradients.
        waveforms: Clean clips, `[B, T]`.
        perturbations: Adversarial minus clean clips, `[B, T]`.
        lengths: Number of valid samples of each clip, `[B]`.
        seed: Seed of the noise.
        draws: Number of controls per clip.
    """
    seeds = [derive(seed, "control", draw) for draw in range(draws)]
    noisy = (matched_noise(waveforms, perturbations, lengths, one).clamp(*classifier.bounds) for one in seeds)
    return torch.stack([classifier(noise, lengths) for noise in noisy], dim=1)


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
