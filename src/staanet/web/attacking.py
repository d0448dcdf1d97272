"""One attack on one clip, carried out as `staanet attack` does it, with everything that the page shows of it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from staanet.attacks import ATTACKS, create_attack
from staanet.audio import files
from staanet.core.classifier import as_classifier
from staanet.core.provenance import device_of
from staanet.core.seeds import derive
from staanet.core.settings import validated
from staanet.core.unwrapping import frozen
from staanet.metrics.outcome import matched_noise
from staanet.models import Model, load_deciding, loader_of
from staanet.tasks.attack import check_access
from staanet.tasks.recording import AttackedFile, Recording, attack_recording, find_flags, model_input
from staanet.web import clips, commands, pictures
from staanet.web.catalogue import files_of
from staanet.web.process import Talk
from staanet.web.settings import AttackRequest, WebSettings

Samples = NDArray[np.float32]

MOST_MODELS = 2
"""Largest number of models that are kept in memory."""

_models: dict[tuple[str, int], Model] = {}


class Watched:
    """An attack that remembers what it was given and what it returned, at the rate of the model.

    Args:
        method: The attack.
    """

    def __init__(self, method: Callable[..., Tensor]) -> None:
        self._method = method
        self.clean = self.adversarial = torch.empty(0)

    def __call__(self, model: Callable[..., Tensor], waveforms: Tensor, labels: Tensor, *, seed: int) -> Tensor:
        """Return the adversarial waveforms `[1, T]`."""
        self.clean, self.adversarial = waveforms, self._method(model, waveforms, labels, seed=seed)
        return self.adversarial


def attack(settings: WebSettings, talk: Talk, request: Mapping[str, Any]) -> dict[str, Any]:
    """Attack a clip and return its figures, and the clips as files.

    Raises:
        StaanetError: If the clip, the model or a setting cannot be used, or the model cannot serve the attack.
    """
    asked = validated(AttackRequest, request, "attack")
    device = device_of(settings.device)
    talk.say("reading the clip")
    samples, rate = clips.read(settings, asked.clip)
    recording = Recording.of(clips.file_name(asked.clip), samples, rate)
    method = create_attack(asked.attack, **attack_settings(asked), **files_of(asked.attack, settings)).prepare(device)
    talk.say("loading the model")
    model = model_of(asked.model, settings).to(device)
    check_access(asked.attack, model)
    talk.say("attacking")
    began = time.monotonic()
    with _interruptible(model, talk), tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        target, watched = Path(folder) / "attacked.wav", Watched(method)
        (file,) = attack_recording(
            watched, model, recording, target, window=None, seed=asked.seed, device=device, trace=False
        )
        seconds = time.monotonic() - began
        wav, (attacked, _) = target.read_bytes(), files.read(target)
        talk.say("measuring")
        noisy = _noise(watched, model, asked.seed)
        heard = {
            "before": watched.clean,
            "after": model_input(attacked, rate, model, device),
            "noise": torch.from_numpy(noisy)[None].to(device),
        }
        decisions = {name: _probabilities(model, waveform) for name, waveform in heard.items()}
        flags = find_flags(model, [watched.clean[0]])
    return {
        **_facts(asked, file, model, decisions, seconds),
        "flags": flags,
        "command": commands.command(asked, settings),
        "toml": (toml := commands.toml(asked, settings)),
        **pictures.pictures(watched.clean, watched.adversarial, model.sample_rate),
        "files": _files(samples, attacked, noisy - _array(watched.clean), rate, model)
        | pictures.samples(watched.clean, watched.adversarial)
        | {"attacked.wav": wav}
        | ({"attack.toml": toml.encode()} if toml else {}),
        "louder_db": louder_db(samples, attacked - samples),
    }


def attack_settings(asked: AttackRequest) -> dict[str, Any]:
    """Return the settings of the attack as `create_attack` takes them."""
    return {"snr_db": asked.snr_db, "sparsity": asked.sparsity, **asked.settings}


def model_of(reference: str, settings: WebSettings) -> Model:
    """Return a model, which stays in memory until others have taken its place or its file has changed.

    Raises:
        StaanetError: If it cannot be loaded, or needs trust that was not given.
    """
    place = reference.rpartition(":")[0] or reference
    path = Path(place if Path(place).exists() else reference)
    key = (reference, path.stat().st_mtime_ns if path.exists() else 0)
    if key not in _models:
        own = settings.model_settings if reference in settings.models else {}
        loaded = load_deciding(reference, trust=settings.trust, **own)
        while len(_models) >= MOST_MODELS:
            _models.pop(next(iter(_models)))
        _models[key] = loaded
    return _models[key]


def louder_db(samples: Samples, change: Samples) -> int:
    """Return by how many whole dB a change can be amplified up to the peak of its clip.

    >>> louder_db(np.array([0.5, -1.0], dtype=np.float32), np.array([0.01, 0.0], dtype=np.float32))
    40
    """
    peak, size = float(np.abs(samples).max()), float(np.abs(change).max())
    return max(0, round(20 * np.log10(peak / size) - 0.5 + 1e-4)) if peak and size else 0


@contextmanager
def _interruptible(model: Model, talk: Talk) -> Iterator[None]:
    """Let the server stop what happens in a block at any pass through the model."""
    hook = model.register_forward_pre_hook(lambda *_: talk.step())
    try:
        yield
    finally:
        hook.remove()


def _noise(watched: Watched, model: Model, seed: int) -> Samples:
    """Return the first control `[T]`: the clip with the sizes of the change, with random signs at random positions."""
    clean = watched.clean
    lengths = torch.tensor([clean.shape[1]], device=clean.device)
    noisy = matched_noise(clean, watched.adversarial - clean, lengths, derive(seed, "control", 0))
    return _array(noisy.clamp(*as_classifier(model).bounds))


@torch.no_grad()
def _probabilities(model: Model, waveform: Tensor) -> list[float]:
    """Return the probability of each class for a waveform `[1, T]`."""
    with frozen(model):
        logits = as_classifier(model)(waveform, torch.tensor([waveform.shape[1]], device=waveform.device))
    return [float(value) for value in logits[0].softmax(0)]


def _facts(
    asked: AttackRequest, file: AttackedFile, model: Model, decisions: Mapping[str, list[float]], seconds: float
) -> dict[str, Any]:
    """Return the figures of an attack."""
    return {
        "name": clips.file_name(asked.clip),
        "model": loader_of(asked.model).title(asked.model),
        "attack": asked.attack,
        "access": ATTACKS[asked.attack].access,
        "labels": list(model.labels),
        "probabilities": decisions,
        "predicted": {name: model.labels[int(np.argmax(values))] for name, values in decisions.items()},
        "fooled": file.fooled,
        "controls": [label != file.predicted_clean for label in file.predicted_control],
        "snr_db": file.snr_peak_db,
        "sparsity": file.sparsity,
        "linf": file.linf,
        "queries": file.queries,
        "gradients": file.gradients,
        "seconds": seconds,
    }


def _files(samples: Samples, attacked: Samples, noise: Samples, rate: int, model: Model) -> dict[str, bytes]:
    """Return the clips to listen to, and the original as a file that holds every bit."""
    change = attacked - samples
    gain = 10 ** (louder_db(samples, change) / 20)
    resampled = files.resample(noise, model.sample_rate, rate)
    resampled = np.pad(resampled, (0, max(0, len(samples) - len(resampled))))[: len(samples)]
    sounds = {
        "original": samples,
        "attacked": attacked,
        "difference": change * np.float32(gain),
        "noise": samples + resampled[:, None],
    }
    played = {f"{name}.flac": clips.played(sound, rate) for name, sound in sounds.items()}
    return {**played, "original.wav": files.encode(samples.clip(-1, 1), rate, ".wav")}


def _array(waveform: Tensor) -> Samples:
    found: Samples = waveform[0].detach().cpu().numpy()
    return found
