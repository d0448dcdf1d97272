"""Attack audio files on one model and write adversarial files."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import torch
from torch import Tensor

from staanet.attacks import ATTACKS, Attack, create_attack
from staanet.attacks.base import ACCESS
from staanet.audio import files as audio
from staanet.core.budget import Budget
from staanet.core.errors import PersistentError, StaanetError
from staanet.core.files import check_writable
from staanet.core.memory import keep_freed_memory
from staanet.core.paths import FilePlaces
from staanet.core.progress import track
from staanet.corpora.base import audio_files, unusable_files
from staanet.data import Dataset
from staanet.models import Model, load_deciding
from staanet.tasks.recording import (
    SIGN_CLIPS,
    AttackedFile,
    Recording,
    attack_recording,
    beginnings,
    check_window,
    find_flags,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackResult:
    """The result of an attack on audio files.

    Args:
        files: Results of the files, or of the windows of long recordings, in the order of the audio.
        budget: The budget of the attack.
        labels: Emotions of the clips if these are known, as in a prepared dataset; empty otherwise.
        flags: Meaning of each sign that the numbers say little, by its name.
    """

    files: list[AttackedFile]
    budget: Budget
    labels: tuple[str, ...]
    flags: Mapping[str, str]


def attack(
    name: str,
    source: str | Path,
    inputs: Path,
    out: Path,
    *,
    settings: Mapping[str, Any],
    source_settings: Mapping[str, Any] | None = None,
    trust: bool = False,
    seed: int,
    device: torch.device,
    window: float | None = None,
    trace: bool = False,
) -> AttackResult:
    """Attack a file, a folder of files or a dataset; each adversarial clip keeps its file's length, rate and channels.

    A recording longer than a minute, or than `window` seconds if given, is attacked in windows: see `attack_recording`.
    Files are written in 32-bit float (WAV) or 24 bits (FLAC).

    Args:
        name: Name of the attack (`staanet list attacks`).
        source: Reference to the model that is attacked (`staanet.load_model`).
        inputs: An audio file, a folder of audio files, or a prepared dataset.
        out: File or folder for the adversarial audio.
        settings: The attack's settings.
        source_settings: Settings of the loader of the model, such as its labels.
        trust: Whether code that comes with the model may run.
        seed: Random seed.
        device: Device to compute on.
        window: Longest clip in seconds.
        trace: Whether to write a line per pass of the attack through the model next to each file (`.trace.jsonl`).

    Raises:
        StaanetError: there is nothing to attack, the place cannot be written, or the model does not answer anymore.
            Files that cannot be used are reported and skipped.
    """
    keep_freed_memory()
    # Everything that can be wrong with attack, input and output is checked before the model is loaded.
    method = create_attack(name, **settings).prepare(device)
    _check_places(inputs, out)
    dataset = Dataset(inputs) if (inputs / "dataset.json").is_file() else None
    targets = _targets(inputs, out, dataset)
    model = load_deciding(source, trust=trust, **(source_settings or {})).to(device)
    check_access(name, model)
    check_window(window, model)
    _check_budget(method, model, device)
    labels = () if dataset is None else _shared_labels(dataset, model)
    recordings = _files(inputs) if dataset is None else _clips(dataset, labelled=bool(labels))
    done: list[AttackedFile] = []
    clips: list[Tensor] = []
    for recording in recordings:
        target = targets[recording.path]
        if dataset is None:
            _check_kept(target, inputs if inputs.is_file() else inputs / recording.path)
        with _skipping(recording.path, inputs, done):
            done += attack_recording(
                method, model, recording, target, window=window, seed=seed, device=device, trace=trace
            )
            if count := SIGN_CLIPS - len(clips):
                clips += beginnings(recording, model, window=window, count=count, device=device)
    if not done:
        raise _nothing(inputs, len(audio_files(inputs) if dataset is None else dataset))
    return AttackResult(done, method.budget, labels, find_flags(model, clips))


@contextlib.contextmanager
def _skipping(path: str, inputs: Path, done: Sequence[AttackedFile]) -> Iterator[None]:
    """Skip a file of a folder or dataset that cannot be attacked, but stop at what would fail for all others too."""
    try:
        yield
    except PersistentError as error:
        files = len({file.path for file in done})
        raise PersistentError(f"{path}: {error}; stopped with {files} files written") from error
    except StaanetError as error:
        if inputs.is_file():
            raise StaanetError(f"{path}: {error}") from error
        logger.warning("%s: %s; skipped", path, error)


def check_access(attack: str, model: Model) -> None:
    """Check, before any work, that a model gives what an attack needs.

    Raises:
        StaanetError: it does not; the message names attacks that need less.
    """
    needs = ATTACKS[attack].access
    if ATTACKS[attack].needs_representation and not model.has_representation:
        raise StaanetError(
            f"{model.name}: expected a model with a representation, which {attack} needs, got one without; give it a "
            "method represent, or use another attack (staanet list attacks)"
        )
    if ACCESS.index(needs) <= ACCESS.index(model.access):
        return
    others = [
        name
        for name, one in ATTACKS.items()
        if one.access != "none" and ACCESS.index(one.access) <= ACCESS.index(model.access)
    ]
    raise StaanetError(
        f"{model.name}: expected a model that gives what {attack} needs ({needs}), got one that gives no more than "
        f"{model.access}; use {', '.join(others)}"
    )


def _check_budget(method: Attack, model: Model, device: torch.device) -> None:
    """Check, before any work, that the budget fits the range of the model, as the attack does for every batch."""
    method(model, torch.zeros(0, 1, device=device), torch.zeros(0, dtype=torch.int64, device=device))


def _check_places(inputs: Path, out: Path) -> None:
    """Check, before any work, that there is an input, and that the output can be written and is another place."""
    if not inputs.exists():
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a dataset, found nothing")
    if inputs.is_file():
        target = _targets(inputs, out, None)[inputs.name]
        audio.check_target(target)
        _check_kept(target, inputs)
        check_writable(target.parent)
    else:
        if out.resolve() in (inputs.resolve(), *inputs.resolve().parents):
            raise StaanetError(f"{out}: expected another place than the input, which would be overwritten; change OUT")
        check_writable(out)


def _check_kept(target: Path, source: Path) -> None:
    if target.exists() and target.resolve() == source.resolve():
        raise StaanetError(f"{target}: expected another place than the input, which would be overwritten; change OUT")


def _shared_labels(dataset: Dataset, model: Model) -> tuple[str, ...]:
    """Return the emotions of a dataset if the model knows any of them, with a warning of those that it does not."""
    unknown = [label for label in dataset.labels if label not in model.labels]
    if not unknown:
        return dataset.labels
    result = "no robust accuracy is computed" if len(unknown) == len(dataset.labels) else "their clips count as wrong"
    logger.warning(
        "%s: expected emotions that the model knows (%s), got others (%s); %s; rename the model's labels, such as "
        "--source-set labels.ang=anger",
        dataset.folder,
        ", ".join(model.labels),
        ", ".join(unknown),
        result,
    )
    return () if len(unknown) == len(dataset.labels) else dataset.labels


def _nothing(inputs: Path, tried: int) -> StaanetError:
    """Return the error for an input of which nothing was attacked, though so many files or clips were tried."""
    if tried:
        return StaanetError(f"{inputs}: expected a file that can be attacked, got {tried}, all of which were skipped")
    return StaanetError(f"{inputs}: expected an audio file, a folder of them or a dataset, found nothing to attack")


def _clips(dataset: Dataset, *, labelled: bool) -> Iterator[Recording]:
    """Yield the clips of a dataset, with their true emotions if `labelled`."""
    for clip in track(list(dataset.utterances), "attack"):
        label = dataset.utterances[clip].label if labelled else None
        yield Recording.of(f"{clip}.flac", dataset.waveform(clip).numpy()[:, None], dataset.sample_rate, label)


def _files(inputs: Path) -> Iterator[Recording]:
    """Yield a file, or the files of a folder that can be read."""
    if inputs.is_file():
        about = audio.measure(inputs)
        yield Recording(
            inputs.name, about, lambda sizes: track(audio.read_windows(inputs, sizes), "attack", len(sizes))
        )
        return
    for line in unusable_files(inputs).values():
        logger.warning("%s", line)
    for path in track(audio_files(inputs), "attack"):
        try:
            about = audio.measure(inputs / path)
        except StaanetError as error:
            logger.warning("%s; skipped", error)
        else:
            yield Recording(path, about, partial(audio.read_windows, inputs / path))


def _targets(inputs: Path, out: Path, dataset: Dataset | None) -> dict[str, Path]:
    """Return the files that receive the adversarial audio, by the path of the recording, none of them twice.

    Raises:
        StaanetError: If two recordings would be written to one file.
    """
    if inputs.is_file():
        return {inputs.name: _named(FilePlaces(out), inputs.name) if out.is_dir() else out}
    places = FilePlaces(out)
    paths = audio_files(inputs) if dataset is None else [f"{clip}.flac" for clip in dataset.utterances]
    return {path: _named(places, path) for path in paths}


def _named(places: FilePlaces, path: str) -> Path:
    return places.place(path, "" if PurePath(path).suffix.lower() in audio.SUBTYPES else ".flac")
