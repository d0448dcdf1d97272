"""One step by itself: a victim, a generator, adversarial files; what the verbs train, fit and attack do."""

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import torch

from staanet.attacks import create_attack
from staanet.attacks.generator import create_generator
from staanet.attacks.staa_net import GeneratorAttack
from staanet.audio import files as audio
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, check_writable, discard, read_json
from staanet.core.memory import keep_freed_memory
from staanet.core.progress import track
from staanet.core.seeds import seeded
from staanet.core.settings import from_preset, validated
from staanet.core.signature import signature
from staanet.corpora import Split, Store, by_parts, by_speaker
from staanet.corpora.base import audio_files
from staanet.corpora.splits import OWN
from staanet.models import VICTIMS, Victim, load_victim, settings_of
from staanet.study.recording import AttackedFile, Recording, attack_recording, check_window
from staanet.training.classifier import train_victim, victim_training
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, train_generator
from staanet.training.loop import History

logger = logging.getLogger(__name__)


def train(
    model: str,
    store: Path,
    out: Path,
    *,
    seconds: float | None,
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
    checkpoint: str | None = None,
) -> History:
    """Train a victim on a prepared store, speakers held out, and write its checkpoint to `out`.

    Args:
        model: its name.
        store: where the clips are.
        out: where it goes.
        seconds: its trained length; the model's own where left out.
        training: changes to a preset.
        seed: of everything random.
        device: to train on.
        checkpoint: what a model from Hugging Face starts from, a folder or a hub id; the model's own where left out.
    """
    clips = Store(store)
    split = dealt(clips, seed)
    settings = victim_training(model, training, model)
    given = {"sample_rate": clips.sample_rate, "seconds": seconds, "checkpoint": checkpoint}
    asked = settings_of(model, clips.labels, **{key: value for key, value in given.items() if value is not None})
    check_replaceable(out, checkpoints.CONFIG)
    with seeded(seed, "weights", model):
        victim: Victim = VICTIMS[model](asked)
    made_from = {"model": model, "settings": victim.settings, "training": settings, **victim.origin(asked)}
    made_from |= {"store": clips.digest, "split": split.digest(), "seed": seed}
    progress = out.with_name(f"{out.name}-{signature(made_from)}.progress")
    history = train_victim(victim, clips, split.train, split.val, settings, progress, seed, device)
    checkpoints.save(victim, out, made_from=made_from, split=split, history=history)
    discard(progress)
    return history


def fit(
    generator: str,
    source: Path,
    store: Path,
    out: Path,
    *,
    sizes: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    device: torch.device,
) -> History:
    """Train a generator against a trained victim, on the victim's own training clips where the store is its own.

    On another store the speakers are dealt by `seed`.
    """
    clips = Store(store)
    victim = load_victim(source)
    about = read_json(source / checkpoints.CONFIG)
    if about.get("made_from", {}).get("store") == clips.digest:
        split = validated(Split, about["split"], str(source))
    else:
        split = dealt(clips, seed)
    if victim.sample_rate != clips.sample_rate:
        raise StaanetError(
            f"{store}: expected a store at {source}'s {victim.sample_rate} Hz, got {clips.sample_rate} Hz; "
            f"prepare one with --sample-rate {victim.sample_rate}"
        )
    settings = from_preset(GeneratorTraining, GENERATOR_PRESETS, training, generator)
    check_replaceable(out, checkpoints.CONFIG)
    with seeded(seed, "weights", generator):
        network = create_generator(generator, **sizes)
    made_from = {"generator": generator, "sizes": network.settings, "training": settings}
    made_from |= {"source": checkpoints.digest(source), "store": clips.digest, "split": split.digest(), "seed": seed}
    progress = out.with_name(f"{out.name}-{signature(made_from)}.progress")
    history = train_generator(network, victim, clips, split.train, split.val, settings, progress, seed, device)
    checkpoints.save(network, out, made_from=made_from, history=history)
    discard(progress)
    return history


def dealt(store: Store, seed: int) -> Split:
    """Return the split of a store: the corpus' own parts where its sessions are these, else by speaker.

    Raises:
        StaanetError: the clips cannot be dealt so.
    """
    utterances = list(store.utterances.values())
    try:
        if {utterance.session for utterance in utterances} == set(OWN):
            return by_parts(utterances)
        return by_speaker(utterances, seed=seed)
    except StaanetError as error:
        raise StaanetError(f"{store.folder}: {error}") from error


def attack(
    name: str,
    source: Path,
    inputs: Path,
    out: Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    device: torch.device,
    window: float | None = None,
    trace: bool = False,
) -> list[AttackedFile]:
    """Attack a file, a folder of files or a store; each adversarial clip keeps its file's length, rate and channels.

    A recording longer than a minute, or than `window` seconds where given, is attacked in windows: see
    `attack_recording`. Files are written in 32-bit float (WAV) or 24 bits (FLAC). A trace, a line per pass of the
    attack through the victim, goes beside each file (`.trace.jsonl`) where asked.

    Raises:
        StaanetError: nothing to attack, or a place that cannot be written. Unreadable files are told and left out.
    """
    keep_freed_memory()
    if not inputs.exists():
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a store, found nothing")
    victim = load_victim(source).to(device)
    check_window(window, victim)
    method = create_attack(name, **settings)
    if isinstance(method, GeneratorAttack):
        method.network()  # a missing or wrong generator is told once, not for every file
    single = inputs.is_file()
    check_writable(out.parent if single else out)
    if inputs.is_dir() and (out.resolve() in (inputs.resolve(), *inputs.resolve().parents)):
        raise StaanetError(f"{out}: expected another place than the input, which would be lost; change OUT")
    done: list[AttackedFile] = []
    for recording in _recordings(inputs):
        path = recording.path
        target = _named(out, path, single)
        if target.exists() and target.resolve() == (inputs if single else inputs / path).resolve():
            raise StaanetError(f"{target}: expected another place than the input, which would be lost; change OUT")
        try:
            done += attack_recording(
                method, victim, recording, target, window=window, seed=seed, device=device, trace=trace
            )
        except StaanetError as error:
            if single:
                raise StaanetError(f"{path}: {error}") from error
            logger.warning("%s: %s; left out", path, error)
    if not done:
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a store, found nothing to attack")
    return done


def _recordings(inputs: Path) -> Iterator[Recording]:
    if (inputs / "store.json").is_file():
        store = Store(inputs)
        for clip in track(list(store.utterances), "attack"):
            yield Recording.of(f"{clip}.flac", store.waveform(clip).numpy()[:, None], store.sample_rate)
    elif inputs.is_dir():
        for path in track(audio_files(inputs), "attack"):
            try:
                about = audio.measure(inputs / path)
            except StaanetError as error:
                logger.warning("%s; left out", error)
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
