"""Attack audio files on one model and write adversarial files."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import torch

from staanet.attacks import ATTACKS, create_attack
from staanet.attacks.base import ACCESS
from staanet.audio import files as audio
from staanet.core.errors import StaanetError
from staanet.core.files import check_writable
from staanet.core.memory import keep_freed_memory
from staanet.core.progress import track
from staanet.corpora.base import audio_files, unusable_files
from staanet.data import Dataset
from staanet.models import Model, load_model
from staanet.tasks.recording import AttackedFile, Recording, attack_recording, check_window

logger = logging.getLogger(__name__)


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
) -> list[AttackedFile]:
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
        StaanetError: there is nothing to attack, or the place cannot be written. Unreadable files are reported and
            skipped.
    """
    keep_freed_memory()
    if not inputs.exists():
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a dataset, found nothing")
    model = load_model(source, trust=trust, **(source_settings or {})).to(device)
    check_access(name, model)
    check_window(window, model)
    # Prepared here, so that a missing or wrong generator is reported once, not for every file.
    method = create_attack(name, **settings).prepare(device)
    single = inputs.is_file()
    check_writable(out.parent if single else out)
    if inputs.is_dir() and (out.resolve() in (inputs.resolve(), *inputs.resolve().parents)):
        raise StaanetError(f"{out}: expected another place than the input, which would be overwritten; change OUT")
    done: list[AttackedFile] = []
    for recording in _recordings(inputs):
        path = recording.path
        target = _named(out, path, single)
        _check_target(target, inputs if single else inputs / path)
        try:
            done += attack_recording(
                method, model, recording, target, window=window, seed=seed, device=device, trace=trace
            )
        except StaanetError as error:
            if single:
                raise StaanetError(f"{path}: {error}") from error
            logger.warning("%s: %s; skipped", path, error)
    if not done:
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a dataset, found nothing to attack")
    return done


def check_access(attack: str, model: Model) -> None:
    """Check, before any work, that a model gives what an attack needs.

    Raises:
        StaanetError: it does not; the message names attacks that need less.
    """
    needs = ATTACKS[attack].access
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


def _check_target(target: Path, source: Path) -> None:
    if target.exists() and target.resolve() == source.resolve():
        raise StaanetError(f"{target}: expected another place than the input, which would be overwritten; change OUT")


def _recordings(inputs: Path) -> Iterator[Recording]:
    if (inputs / "dataset.json").is_file():
        dataset = Dataset(inputs)
        for clip in track(list(dataset.utterances), "attack"):
            yield Recording.of(f"{clip}.flac", dataset.waveform(clip).numpy()[:, None], dataset.sample_rate)
    elif inputs.is_dir():
        for line in unusable_files(inputs).values():
            logger.warning("%s", line)
        for path in track(audio_files(inputs), "attack"):
            try:
                about = audio.measure(inputs / path)
            except StaanetError as error:
                logger.warning("%s; skipped", error)
            else:
                yield Recording(path, about, partial(audio.read_windows, inputs / path))
    else:
        about = audio.measure(inputs)
        yield Recording(
            inputs.name, about, lambda sizes: track(audio.read_windows(inputs, sizes), "attack", len(sizes))
        )


def _named(out: Path, path: str, single: bool) -> Path:
    if single and not out.is_dir():
        return out
    name = PurePath(path)
    return out / (name if name.suffix.lower() in audio.SUBTYPES else name.with_name(f"{name.name}.flac"))
