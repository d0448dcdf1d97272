"""Attack a long recording window by window, without ever holding all of it in memory."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.audio import files as audio
from staanet.audio.lengths import is_silent
from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetError
from staanet.core.files import write_jsonl
from staanet.core.signs import find_signs
from staanet.core.unwrapping import frozen
from staanet.data.dataset import collate
from staanet.evaluation.counter import Counted, Trace
from staanet.metrics.outcome import answer_controls
from staanet.models import Model
from staanet.tasks.answers import Answers, Change, Decisions, File
from staanet.tasks.answers import AttackedFile as AttackedFile

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]

CLIP_SECONDS = 60.0
"""Longer inputs are processed in windows, because models are made to decide on one clip at once."""

WINDOW_SECONDS = 6.0
"""Length of a window in seconds if the model has no trained length."""

SIGN_CLIPS, SIGN_SECONDS = 4, 6.0
"""Signs are looked for on the beginning, of at most this length, of at most so many windows."""

STEP = 1024
"""Windows begin at multiples of this many samples at the model's rate. The strides of all generators divide it, so that
a window has the same frames as the whole recording has there."""


@dataclass(frozen=True)
class Recording:
    """Audio that can be read window by window, from its beginning."""

    path: str
    about: audio.About
    read: Callable[[Sequence[int]], Iterator[Samples]]
    """Yields samples `[t, C]` in full scale, as many at a time as the sizes say."""
    known: Any = None
    """True emotion, if it is known; for a model of dimensions, the ratings that are known by dimension."""

    @classmethod
    def of(cls, path: str, samples: Samples, rate: int, known: Any = None) -> "Recording":
        """Return samples `[T, C]` as a recording."""

        def read(sizes: Sequence[int]) -> Iterator[Samples]:
            return iter(np.split(samples[: sum(sizes)], np.cumsum(sizes)[:-1]))

        return cls(path, audio.About(len(samples), rate, samples.shape[1]), read, known)


def check_window(seconds: float | None, model: Model) -> None:
    """Check, before any work, that windows are long enough for a generator's frames.

    Raises:
        StaanetError: less than `STEP` samples, or without end.
    """
    if seconds is not None and not STEP <= seconds * model.sample_rate < math.inf:
        raise StaanetError(f"expected a window of {STEP / model.sample_rate:g} s or more, got {seconds:g} s")


def window_sizes(frames: int, rate: int, model: Model, seconds: float | None = None) -> list[int]:
    """Return the number of samples of each window of a recording: about equal, and at most `seconds` each.

    Args:
        frames: Number of samples of the recording.
        rate: Sampling rate of the recording in Hz.
        model: The model; windows begin at multiples of `STEP` samples at its own rate.
        seconds: Longest window, and longest recording that is not divided. By default a recording of up to a minute is
            not divided, and the windows of a longer one have at most the model's trained length.
    """
    if frames <= (CLIP_SECONDS if seconds is None else seconds) * rate:
        return [frames]
    if seconds is None:
        longest = model.trained_length or WINDOW_SECONDS * model.sample_rate
    else:
        longest = seconds * model.sample_rate
    step = STEP * rate / model.sample_rate
    steps = math.ceil(frames / step)
    count = math.ceil(steps / max(1, int(longest) // STEP))
    edges = [min(frames, round(steps * window // count * step)) for window in range(count + 1)]
    return [end - start for start, end in pairwise(edges)]


def attack_recording(
    method: Callable[..., Tensor],
    model: Model,
    recording: Recording,
    target: Path,
    *,
    window: float | None,
    seed: int,
    device: torch.device,
    trace: bool,
) -> list[AttackedFile]:
    """Attack the decisions on a recording; see `attack_answers`."""
    answers = Decisions(model)
    return attack_answers(method, answers, recording, target, window=window, seed=seed, device=device, trace=trace)


def attack_answers(
    method: Callable[..., Tensor],
    answers: Answers[File],
    recording: Recording,
    target: Path,
    *,
    window: float | None,
    seed: int,
    device: torch.device,
    trace: bool,
) -> list[File]:
    """Attack a recording, each window as a clip of its own, and write it to `target`; silent windows stay unchanged.

    The attack works on one channel at the model's rate. The change is brought to the recording's own rate and added to
    every channel. The written file is read back in the same windows, and the model answers these.

    Raises:
        StaanetError: nothing but silence, or a place that cannot be written.
    """
    frames, rate, channels = recording.about
    model = answers.model
    audio.check_target(target, frames * channels)
    sizes: list[int] = window_sizes(frames, rate, model, window)
    starts: list[float | None] = [None] if len(sizes) == 1 else [end / rate for end in accumulate([0, *sizes[:-1]])]
    attacked: list[Callable[[Tensor], File] | None] = []
    steps: list[dict[str, Any]] = []
    loudest = 0.0
    with audio.writing(target, rate, channels) as put:
        for start, samples in zip(starts, recording.read(sizes), strict=True):
            waveform = model_input(samples, rate, model, device)
            loudest = max(loudest, float(np.abs(samples).max()))
            if is_silent(waveform[0].cpu().numpy()):
                attacked.append(None)
                put(samples.clip(-1, 1))
                continue
            clean = _answer(waveform, model)
            watch = answers.trace(waveform, clean) if trace else None
            perturbation, facts, controls = _attack_window(method, answers, waveform, clean, watch, seed)
            change = audio.resample(perturbation, model.sample_rate, rate)
            change = np.pad(change, (0, max(0, len(samples) - len(change))))[: len(samples)]
            put((samples + change[:, None]).clip(-1, 1))
            about = Change(recording.path, start, **facts)
            attacked.append(partial(answers.result, about, recording.known, clean, controls))
            if watch is not None:
                steps += watch.steps if start is None else [{"start": start, **step} for step in watch.steps]
        if not any(attacked):
            raise StaanetError("expected speech, got silence")
    if loudest > 1:
        logger.warning("%s: clipped to full scale; its largest peak is %.3g", recording.path, loudest)
    if trace:
        write_jsonl(target.with_name(f"{target.name}.trace.jsonl"), steps)
    again = zip(attacked, audio.read_windows(target, sizes), strict=True)
    return [result(_answer(model_input(samples, rate, model, device), model)) for result, samples in again if result]


def beginnings(
    recording: Recording, model: Model, *, window: float | None, count: int, device: torch.device
) -> list[Tensor]:
    """Return the beginning `[T]` of each of the first windows of a recording as the model receives it, without silence.

    Args:
        recording: The recording.
        model: The model.
        window: Longest window in seconds, as for `window_sizes`.
        count: Number of windows.
        device: Device of the model.
    """
    frames, rate, _ = recording.about
    sizes = window_sizes(frames, rate, model, window)[:count]
    longest = round(SIGN_SECONDS * rate)
    inputs = [model_input(samples[:longest], rate, model, device)[0] for samples in recording.read(sizes)]
    return [waveform for waveform in inputs if not is_silent(waveform.cpu().numpy())]


def find_flags(model: Callable[..., Tensor], waveforms: Sequence[Tensor]) -> dict[str, str]:
    """Return the meaning of each sign that results on a model say little, by its name; see `staanet.core.signs`.

    Args:
        model: The model, or a view of it as a classifier.
        waveforms: Some clips `[T]` on the device of the model. Without any, no sign is looked for.
    """
    if not waveforms:
        return {}
    batch = collate(waveforms, [0] * len(waveforms), [""] * len(waveforms))
    try:
        return dict(find_signs(model, batch.waveforms, batch.lengths.to(batch.waveforms.device)).meanings())
    except StaanetError as error:
        logger.warning("the signs of masked gradients and random answers could not be looked for: %s", error)
        return {}


def _attack_window(
    method: Callable[..., Tensor],
    answers: Answers[File],
    waveform: Tensor,
    clean: Tensor,
    watch: Trace | None,
    seed: int,
) -> tuple[Samples, dict[str, Any], Tensor]:
    """Return the change `[T]` of a waveform `[1, T]`, its figures, and the answers to its controls `[1, draws, K]`."""
    counted = Counted(answers.model, watch)
    with frozen(answers.model):
        change = answers.attacked(method, counted, waveform, clean, seed) - waveform
        with torch.no_grad():
            controls = answer_controls(as_classifier(answers.model), waveform, change, _lengths(waveform), seed)
    perturbation: Samples = change[0].cpu().numpy()
    size = float(np.abs(perturbation).max())
    figures = {
        "linf": size,
        "snr_peak_db": 20 * float(np.log10(float(waveform.abs().max()) / size)) if size else None,
        "sparsity": float((perturbation != 0).mean()),
        "queries": counted.queries,
        "gradients": counted.gradients,
    }
    return perturbation, figures, controls


def model_input(samples: Samples, rate: int, model: Model, device: torch.device) -> Tensor:
    """Return samples `[t, C]` of a file as the model receives them: one channel at its rate, `[1, T]`.

    Args:
        samples: The samples, in full scale.
        rate: Their sampling rate in Hz.
        model: The model.
        device: Device of the result.
    """
    waveform = audio.resample(audio.mono(samples), rate, model.sample_rate).clip(-1, 1)
    return torch.from_numpy(waveform)[None].to(device)


@torch.no_grad()
def _answer(waveform: Tensor, model: Model) -> Tensor:
    return as_classifier(model)(waveform, _lengths(waveform))


def _lengths(waveform: Tensor) -> Tensor:
    return torch.tensor([waveform.shape[1]], device=waveform.device)
