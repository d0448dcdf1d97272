"""A case, one attack made on one source and evaluated on one target, becomes a record and its per-clip outcomes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from staanet import metrics
from staanet.audio.files import as_saved
from staanet.audio.spectrogram import log_mel_distance
from staanet.core.progress import track
from staanet.data import Batch, Dataset
from staanet.data.dataset import collate
from staanet.evaluation.adversarial import AdversarialSet, Protocol, load_clips
from staanet.evaluation.flags import raised
from staanet.evaluation.perception import averaged
from staanet.metrics import Outcome, beyond_clips, observe, paired, wilson
from staanet.models import CnnLstm, FeatureView, Model

Rows = list[dict[str, Any]]


def clean_logits(
    model: Model | FeatureView,
    dataset: Dataset,
    clips: Sequence[str],
    *,
    protocol: Protocol,
    size: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, Tensor]:
    """Return the model's logits `[K]` on each clean clip, taken once for all attacks."""
    model.to(device).eval()
    logits: dict[str, Tensor] = {}
    for ids in dataset.batches(clips, batch_size):
        batch = load_clips(dataset, ids, protocol, size).to(device)
        with torch.no_grad():
            logits |= dict(zip(ids, model(batch.waveforms, batch.lengths).cpu(), strict=True))
    return logits


def evaluate(
    target: Model | FeatureView,
    dataset: Dataset,
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

    Each adversarial clip is also written as a 24-bit file and read back (`asr_saved`), since that is what anybody else
    will hear; features are no sound and cannot be. Rows of waveforms say how far, in the Euclidean norm, the log-mel
    spectrogram changed (`log_mel_l2`) and, where the target has features, these (`feature_l2`).

    Args:
        target: who decides, or a view of its features.
        dataset: where the clean clips are, or their features.
        clips: ids of the clips.
        adversarial: the same clips attacked.
        clean: the target's logits on the clean clips.
        protocol: how the clips were attacked.
        size: the length to which `paper` fitted them, the source's.
        batch_size: clips at a time.
        seed: of the control.
        device: to decide on.
        perception: how each clip sounds, a row each as `perceive` returns them; not measured where left out.
    """
    target.to(device).eval()
    parts: list[Outcome] = []
    sound: dict[str, dict[str, Any]] = {}
    for ids in track(dataset.batches(clips, batch_size), f"evaluate {target.name}"):
        batch = load_clips(dataset, ids, protocol, size).to(device)
        attacked = adversarial.like(batch)
        logits = torch.stack([clean[clip] for clip in ids]).to(device)
        parts.append(
            observe(
                target, batch.waveforms, attacked, batch.labels, batch.lengths, seed=seed, ids=ids, clean_logits=logits
            )
        )
        if not isinstance(target, FeatureView):
            sound |= dict(zip(ids, _of_sound(target, batch, attacked, dataset.sample_rate), strict=True))
    outcome = Outcome.join(parts)
    heard = {row["id"]: row for row in perception or []}
    rows = [
        {
            **row,
            **sound.get(row["id"], {}),
            "speaker": dataset.utterances[row["id"]].speaker,
            "gender": dataset.utterances[row["id"]].gender,
            **(heard[row["id"]] if perception else {}),
        }
        for row in outcome.rows()
    ]
    return figures(rows, outcome.classes, adversarial.figures), rows


def _of_sound(target: Model, batch: Batch, attacked: Tensor, rate: int) -> Rows:
    """Return what can be said of attacked waveforms only, a row per clip."""
    with torch.no_grad():
        moved = log_mel_distance(batch.waveforms, attacked, batch.lengths, rate).tolist()
    rows: Rows = [
        {"predicted_saved": decided, "log_mel_l2": distance}
        for decided, distance in zip(_decide_saved(target, batch, attacked, rate), moved, strict=True)
    ]
    if isinstance(target, CnnLstm):
        with torch.no_grad():
            changes = target.features(attacked, batch.lengths) - target.features(batch.waveforms, batch.lengths)
        for row, distance in zip(rows, changes.double().norm(dim=1).tolist(), strict=True):
            row["feature_l2"] = distance
    return rows


def _decide_saved(target: Model, batch: Batch, attacked: Tensor, rate: int) -> list[int]:
    clips = [
        torch.from_numpy(as_saved(waveform[:length].cpu().numpy(), rate))
        for waveform, length in zip(attacked, batch.lengths.tolist(), strict=True)
    ]
    again = collate(clips, batch.labels.tolist(), batch.ids).to(attacked.device)
    with torch.no_grad():
        decided: list[int] = target(again.waveforms, again.lengths).argmax(1).tolist()
    return decided


def figures(rows: Rows, classes: int, made: Mapping[str, float | None]) -> dict[str, Any]:
    """Return all that a record says of some outcomes: metrics, counts, intervals, flags, reasons of what is undefined.

    Args:
        rows: of the outcomes.
        classes: how many there are.
        made: what the adversarial set says of itself.
    """
    outcome = Outcome.from_rows(rows, classes)
    saved = np.array([row["predicted_saved"] for row in rows if "predicted_saved" in row])
    speakers = [row["speaker"] for row in rows]
    changed, excess = outcome.fooled.astype(np.float64), outcome.fooled - outcome.control
    n = len(outcome)
    values: dict[str, Any] = metrics.summary(outcome)
    n_correct, n_fooled = int(outcome.correct.sum()), int(outcome.fooled.sum())
    values |= {
        "n": n,
        "n_correct": n_correct,
        "n_fooled": n_fooled,
        "n_unchanged": int((outcome.l0 == 0).sum()),
        "asr_ci": wilson(values["asr"], n),
        "asr_correct_ci": wilson(values["asr_correct"], n_correct) if n_correct else None,
        "asr_control_ci": wilson(values["asr_control"], n),
        "asr_excess_ci": paired(excess),
        "speakers": len(set(speakers)),
        "asr_speaker_ci": beyond_clips(changed, outcome.labels, speakers, wilson(values["asr"], n), low=0.0),
        "asr_excess_speaker_ci": beyond_clips(excess, outcome.labels, speakers, paired(excess), low=-1.0),
        "asr_by_class": metrics.asr_by_class(outcome),
        "asr_by_prediction": metrics.asr_by_prediction(outcome),
        "asr_saved": float((saved != outcome.predicted_clean).mean()) if len(saved) else None,
        "accuracy_clean_ci": wilson(values["accuracy_clean"], n),
        "clips_by_class": metrics.counts(outcome.labels, outcome.classes),
        "predictions_clean": metrics.counts(outcome.predicted_clean, outcome.classes),
        "predictions_adv": metrics.counts(outcome.predicted_adv, outcome.classes),
        **made,
    }
    values["flags"] = raised(values)
    values["notes"] = _reasons(values)
    heard, skipped = averaged(rows)
    values |= heard
    values["notes"] |= skipped
    return values


def _reasons(values: dict[str, Any]) -> dict[str, str]:
    """Say why a figure is undefined."""
    notes = {}
    for name, value in values.items():
        if value is not None:
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
