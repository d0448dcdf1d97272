"""Evaluation of a case: one attack, made on one source model, evaluated on one target model."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet import metrics
from staanet.audio.files import as_saved
from staanet.audio.spectrogram import log_mel_distance
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError
from staanet.core.progress import track
from staanet.core.records import Record, Rows
from staanet.data import Batch
from staanet.data.dataset import collate
from staanet.evaluation.adversarial import AdversarialSet, Protocol, load_clips
from staanet.evaluation.features import ClipDataset
from staanet.evaluation.flags import SIGNS
from staanet.evaluation.perception import averaged
from staanet.metrics import Outcome, beyond_clips, observe, paired, wilson
from staanet.models import FeatureView, HasFeatures, Model

"""One row of a table per clip, by the names of the columns."""


def check_record_fields(metrics: Iterable[str]) -> None:
    """Check that records have a field for each metric, so that a missing one is noticed before any attack has run.

    Raises:
        StaanetError: If a metric has no field of the same name in `core.records.Record`.
    """
    fields = {field.name for field in dataclasses.fields(Record)}
    if missing := sorted(set(metrics) - fields):
        raise StaanetError(
            f"expected a field of staanet.core.records.Record for each metric, found none for {', '.join(missing)}; "
            "add it to Record"
        )


check_record_fields(metrics.METRICS)


def clean_logits(
    model: Model | FeatureView,
    dataset: ClipDataset,
    clips: Sequence[str],
    *,
    protocol: Protocol,
    size: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, Tensor]:
    """Return the logits `[K]` of a model on each clean clip by its id; they are the same for all attacks.

    Args:
        model: The model, or a view of its features.
        dataset: Dataset of the clips, or of their features.
        clips: Ids of the clips.
        protocol: How the clips are attacked.
        size: Trained length of the source model in samples, to which `paper` repeats or cuts the clips.
        batch_size: Number of clips that are evaluated at the same time.
        device: Device on which the model runs.
    """
    classifier = as_classifier(model.to(device).eval())
    logits: dict[str, Tensor] = {}
    for ids in dataset.batches(clips, batch_size):
        batch = load_clips(dataset, ids, protocol, size).to(device)
        with torch.no_grad():
            logits |= dict(zip(ids, classifier(batch.waveforms, batch.lengths).cpu(), strict=True))
    return logits


def evaluate(
    target: Model | FeatureView,
    dataset: ClipDataset,
    clips: Sequence[str],
    adversarial: AdversarialSet,
    clean: dict[str, Tensor],
    *,
    protocol: Protocol,
    size: int,
    batch_size: int,
    seed: int,
    device: torch.device,
    perception: Rows | None = None,
) -> tuple[dict[str, Any], Rows]:
    """Return the figures of a record and the rows of its outcomes.

    Attacked waveforms are also evaluated after they were converted to a 24-bit file and back (`predicted_saved`), since
    a file is what others receive; this is not possible for features. The rows of waveforms contain the Euclidean norm
    of the change of the log-mel spectrogram (`log_mel_l2`), the number of changed samples in the part of the clip that
    the target model uses (`l0_used`) and, if the target model has features, the norm of their change (`feature_l2`).

    Args:
        target: Target model, or a view of its features.
        dataset: Dataset of the clean clips, or of their features.
        clips: Ids of the clips.
        adversarial: Adversarial set with the attacked clips.
        clean: Logits of the target model on the clean clips, from `clean_logits`.
        protocol: How the clips were attacked.
        size: Trained length of the source model in samples, to which `paper` repeats or cuts the clips.
        batch_size: Number of clips that are evaluated at the same time.
        seed: Seed of the controls.
        device: Device on which the target model runs.
        perception: One row per clip from `perceive` (default: None, perception was not measured).
    """
    target.to(device).eval()
    outcomes: list[Outcome] = []
    sound: dict[str, dict[str, Any]] = {}
    for ids in track(dataset.batches(clips, batch_size), f"evaluate {target.name}"):
        batch = load_clips(dataset, ids, protocol, size).to(device)
        attacked = adversarial.like(batch)
        logits = torch.stack([clean[clip] for clip in ids]).to(device)
        given = (batch.waveforms, attacked, batch.labels, batch.lengths)
        outcomes.append(observe(target, *given, seed=seed, ids=ids, clean_logits=logits, inspect=False))
        if not isinstance(target, FeatureView):
            sound |= dict(zip(ids, _of_sound(target, batch, attacked, dataset.sample_rate), strict=True))
    outcome = Outcome.join(outcomes)
    perceived = {row["id"]: row for row in perception or []}
    rows = [
        {
            **row,
            **sound.get(row["id"], {}),
            "speaker": dataset.utterances[row["id"]].speaker,
            "gender": dataset.utterances[row["id"]].gender,
            **(perceived[row["id"]] if perception else {}),
        }
        for row in outcome.rows()
    ]
    return figures(rows, outcome.classes, adversarial.figures), rows


def _of_sound(target: Model, batch: Batch, attacked: Tensor, rate: int) -> Rows:
    """Return the columns that only attacked waveforms have, one row per clip."""
    with torch.no_grad():
        moved = log_mel_distance(batch.waveforms, attacked, batch.lengths, rate).tolist()
    used = (attacked != batch.waveforms)[:, : target.trained_length].sum(1).tolist()
    rows: Rows = [
        {"predicted_saved": predicted, "log_mel_l2": distance, "l0_used": count}
        for predicted, distance, count in zip(_predict_saved(target, batch, attacked, rate), moved, used, strict=True)
    ]
    if isinstance(target, HasFeatures):
        with torch.no_grad():
            changes = target.features(attacked, batch.lengths) - target.features(batch.waveforms, batch.lengths)
        for row, distance in zip(rows, changes.double().norm(dim=1).tolist(), strict=True):
            row["feature_l2"] = distance
    return rows


def _predict_saved(target: Model, batch: Batch, attacked: Tensor, rate: int) -> list[int]:
    clips = [
        torch.from_numpy(as_saved(waveform[:length].cpu().numpy(), rate))
        for waveform, length in zip(attacked, batch.lengths.tolist(), strict=True)
    ]
    again = collate(clips, batch.labels.tolist(), batch.ids).to(attacked.device)
    with torch.no_grad():
        predicted: list[int] = as_classifier(target)(again.waveforms, again.lengths).argmax(1).tolist()
    return predicted


def figures(rows: Rows, classes: int, set_figures: Mapping[str, float | None]) -> dict[str, Any]:
    """Return the figures of a record: metrics, counts, intervals, and notes on undefined values.

    Args:
        rows: The outcome of each clip.
        classes: Number of classes.
        set_figures: Figures of the adversarial set.
    """
    outcome = Outcome.from_rows(rows, classes)
    saved = np.array([row["predicted_saved"] for row in rows if "predicted_saved" in row])
    speakers = [row["speaker"] for row in rows]
    n, n_correct = len(outcome), int(outcome.correct.sum())
    predictions_adv = metrics.counts(outcome.predicted_adv, outcome.classes)
    values: dict[str, Any] = metrics.summary(outcome)
    values |= {
        "n": n,
        "n_correct": n_correct,
        "n_robust": int(outcome.robust.sum()),
        "n_fooled": int(outcome.fooled.sum()),
        "n_unchanged": int((outcome.l0 == 0).sum()),
        "robust_accuracy_ci": wilson(values["robust_accuracy"], n),
        "asr_ci": wilson(values["asr"], n),
        "asr_correct_ci": wilson(values["asr_correct"], n_correct) if n_correct else None,
        "asr_control_ci": wilson(values["asr_control"], n),
        "asr_excess_ci": paired(outcome.fooled - outcome.control),
        "speakers": len(set(speakers)),
        **_speaker_intervals(outcome, speakers),
        "asr_by_class": metrics.asr_by_class(outcome),
        "asr_by_prediction": metrics.asr_by_prediction(outcome),
        "asr_saved": float((saved != outcome.predicted_clean).mean()) if len(saved) else None,
        "accuracy_clean_ci": wilson(values["accuracy_clean"], n),
        "clips_by_class": metrics.counts(outcome.labels, outcome.classes),
        "predictions_clean": metrics.counts(outcome.predicted_clean, outcome.classes),
        "predictions_adv": predictions_adv,
        "one_class_share": max(predictions_adv) / n,
        **set_figures,
    }
    values["notes"] = _reasons(values)
    perceived, notes = averaged(rows)
    values |= perceived
    values["notes"] |= notes
    return values


def _speaker_intervals(outcome: Outcome, speakers: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the intervals that allow for clips of one speaker to be correlated."""
    robust, changed = outcome.robust.astype(np.float64), outcome.fooled.astype(np.float64)
    excess = outcome.fooled - outcome.control
    shares = {"robust_accuracy": robust, "asr": changed}
    intervals = {
        f"{name}_speaker_ci": beyond_clips(
            values, outcome.labels, speakers, wilson(float(values.mean()), len(values)), low=0.0
        )
        for name, values in shares.items()
    }
    return intervals | {
        "asr_excess_speaker_ci": beyond_clips(excess, outcome.labels, speakers, paired(excess), low=-1.0)
    }


def _reasons(values: dict[str, Any]) -> dict[str, str]:
    """Return the reason why a figure is undefined, for each undefined figure."""
    notes = {}
    for name, value in values.items():
        if value is not None or name in SIGNS:
            continue
        if name.endswith("_fooled"):
            notes[name] = "no clip was fooled"
        elif name.startswith("snr"):
            notes[name] = "no clip was changed"
        elif name.startswith("asr_correct"):
            notes[name] = "no clip was classified correctly"
        elif name == "asr_saved":
            notes[name] = "features are no sound that could be saved"
        elif name in ("l1", "mean_change") or name.startswith("confidence"):
            notes[name] = "the outcomes are older than this figure"
        elif name == "comb_share":
            notes[name] = "no generator made the positions, or they are all alike"
        else:
            notes[name] = "no source was asked, or all positions are alike"
    if values["n_unchanged"] and values["snr_peak_db"] is not None:
        notes["snr_peak_db"] = f"mean over the {values['n'] - values['n_unchanged']} clips that changed"
    return notes
