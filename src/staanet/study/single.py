"""One step by itself: a victim, a generator, adversarial files; what the verbs train, fit and attack do."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.attacks import Attack, create_attack
from staanet.attacks.generator import create_generator
from staanet.attacks.staa_net import GeneratorAttack
from staanet.audio import files as audio
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.files import check_replaceable, check_writable, discard, read_json, write_jsonl
from staanet.core.memory import keep_freed_memory
from staanet.core.progress import track
from staanet.core.seeds import seeded
from staanet.core.settings import from_preset, validated
from staanet.core.signature import signature
from staanet.core.types import frozen
from staanet.corpora import Split, Store, by_parts, by_speaker
from staanet.corpora.base import audio_files
from staanet.corpora.splits import OWN
from staanet.evaluation.counter import Counted, Trace
from staanet.models import VICTIMS, Victim, load_victim, settings_of
from staanet.training.classifier import train_victim, victim_training
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, train_generator
from staanet.training.loop import History

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]


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


@dataclass(frozen=True)
class AttackedFile:
    """What became of one file: predictions on the clean clip, and on the adversarial one as read back from its file."""

    path: str
    predicted_clean: str
    predicted_adv: str
    snr_peak_db: float | None
    sparsity: float
    queries: int
    gradients: int


def attack(
    name: str,
    source: Path,
    inputs: Path,
    out: Path,
    *,
    settings: Mapping[str, Any],
    seed: int,
    device: torch.device,
    trace: bool = False,
) -> list[AttackedFile]:
    """Attack a file, a folder of files or a store; each adversarial clip keeps its file's length, rate and channels.

    The attack works on one channel at the victim's rate. The change is brought to the file's own rate and added to
    every channel, and the file is written in 32-bit float (WAV) or 24 bits (FLAC) and read back before it is judged.
    A trace, a line per pass of the attack through the victim, goes beside each file (`.trace.jsonl`) where asked.

    Raises:
        StaanetError: nothing to attack, or a place that cannot be written. Unreadable files are told and left out.
    """
    keep_freed_memory()
    if not inputs.exists():
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a store, found nothing")
    victim = load_victim(source).to(device)
    method = create_attack(name, **settings)
    if isinstance(method, GeneratorAttack):
        method.network()  # a missing or wrong generator is told once, not for every file
    single = inputs.is_file()
    check_writable(out.parent if single else out)
    if inputs.is_dir() and (out.resolve() in (inputs.resolve(), *inputs.resolve().parents)):
        raise StaanetError(f"{out}: expected another place than the input, which would be lost; change OUT")
    done = []
    for path, samples, rate in _readable(inputs):
        target = _named(out, path, single)
        if target.exists() and target.resolve() == (inputs if single else inputs / path).resolve():
            raise StaanetError(f"{target}: expected another place than the input, which would be lost; change OUT")
        try:
            done.append(_attack_file(method, victim, path, target, samples, rate, seed, device, trace))
        except StaanetError as error:
            if single:
                raise StaanetError(f"{path}: {error}") from error
            logger.warning("%s: %s; left out", path, error)
    if not done:
        raise StaanetError(f"{inputs}: expected an audio file, a folder of them or a store, found nothing to attack")
    return done


def _readable(inputs: Path) -> Iterator[tuple[str, Samples, int]]:
    if (inputs / "store.json").is_file():
        store = Store(inputs)
        for clip in track(list(store.utterances), "attack"):
            yield f"{clip}.flac", store.waveform(clip).numpy()[:, None], store.sample_rate
    elif inputs.is_dir():
        for path in track(audio_files(inputs), "attack"):
            try:
                samples, rate = audio.read(inputs / path)
            except StaanetError as error:
                logger.warning("%s; left out", error)
            else:
                yield path, samples, rate
    else:
        yield (inputs.name, *audio.read(inputs))


def _named(out: Path, path: str, single: bool) -> Path:
    if single and not out.is_dir():
        return out
    name = PurePath(path)
    return out / (name if name.suffix.lower() in audio.SUBTYPES else name.with_name(f"{name.name}.flac"))


def _attack_file(
    method: Attack,
    victim: Victim,
    path: str,
    target: Path,
    samples: Samples,
    rate: int,
    seed: int,
    device: torch.device,
    trace: bool,
) -> AttackedFile:
    def heard(channels: Samples) -> Tensor:
        waveform = audio.resample(audio.mono(channels), rate, victim.sample_rate).clip(-1, 1)
        return torch.from_numpy(waveform)[None].to(device)

    waveform = heard(samples)
    if not waveform.any():
        raise StaanetError("expected speech, got silence")
    with torch.no_grad():
        clean = victim(waveform).argmax(1)
    watch = Trace(waveform, clean) if trace else None
    counted = Counted(victim, watch)
    with frozen(victim):
        perturbation = (method(counted, waveform, clean, seed=seed) - waveform)[0].cpu().numpy()
    if watch is not None:
        write_jsonl(target.with_name(f"{target.name}.trace.jsonl"), watch.steps)
    change = audio.resample(perturbation, victim.sample_rate, rate)
    change = np.pad(change, (0, max(0, len(samples) - len(change))))[: len(samples)]
    audio.write(target, (samples + change[:, None]).clip(-1, 1), rate)
    again, _ = audio.read(target)
    with torch.no_grad():
        decided = victim(heard(again)).argmax(1)
    size = float(np.abs(perturbation).max())
    return AttackedFile(
        path=path,
        predicted_clean=victim.labels[int(clean)],
        predicted_adv=victim.labels[int(decided)],
        snr_peak_db=20 * float(np.log10(float(waveform.abs().max()) / size)) if size else None,
        sparsity=float((perturbation != 0).mean()),
        queries=counted.queries,
        gradients=counted.gradients,
    )
