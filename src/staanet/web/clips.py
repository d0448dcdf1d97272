"""Clips that can be attacked: received ones, built-in synthetic speech, and those of a dataset or folder."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from staanet.audio import files
from staanet.core.errors import StaanetError, unknown_name
from staanet.web.process import Talk
from staanet.web.settings import MOST_SAMPLES, MOST_SECONDS, Clip, WebSettings

Samples = NDArray[np.float32]

SPEAKERS, SENTENCES = 4, 1
"""Size of the built-in corpus of synthetic speech: one sentence per speaker and emotion."""

PLAYED_RATE = 48_000
"""Highest sampling rate in Hz that every browser plays."""

MOST_LISTED = 500
"""Largest number of clips of a dataset that the page offers."""


def listed(settings: WebSettings) -> dict[str, list[str]]:
    """Return the keys of the clips that the page offers, by their kind."""
    offered = {"built-in": list(_built_in())}
    if settings.data is not None:
        offered["dataset"] = list(_in_dataset(settings.data)[:MOST_LISTED])
    return offered


def look(settings: WebSettings, talk: Talk, clip: Clip) -> dict[str, Any]:
    """Return what the page shows of a clip before an attack: its length, rate, channels and samples.

    Raises:
        StaanetError: If it is not audio, too long, or not offered.
    """
    del talk
    samples, rate = read(settings, clip)
    return {
        "name": file_name(clip),
        "seconds": len(samples) / rate,
        "rate": rate,
        "channels": samples.shape[1],
        "files": {
            "clip.f32": files.mono(samples).astype("<f4").tobytes(),
            "clip.flac": played(samples, rate),
        },
    }


def played(samples: Samples, rate: int) -> bytes:
    """Return samples `[T, C]` as a file that every browser plays: FLAC of at most two channels and 48 kHz or less."""
    if samples.shape[1] > 2:
        samples = files.mono(samples)[:, None]
    if rate > PLAYED_RATE:
        samples, rate = files.resample(samples, rate, PLAYED_RATE), PLAYED_RATE
    return files.encode(samples.clip(-1, 1), rate)


def file_name(clip: Clip) -> str:
    """Return the name of the file with a clip, which downloads and commands use.

    >>> file_name(Clip("built-in", "s00-anger-00")), file_name(Clip("upload", "x", "my clip.mp3"))
    ('s00-anger-00.wav', 'my clip.mp3')
    """
    return clip.name if clip.kind == "upload" else f"{clip.key.replace('/', '-').removesuffix('.wav')}.wav"


def read(settings: WebSettings, clip: Clip) -> tuple[Samples, int]:
    """Return the samples `[T, C]` of a clip, and its sampling rate in Hz.

    Raises:
        StaanetError: If it is not audio, too long, or not offered.
    """
    if clip.kind == "upload":
        return _of_file(Path(clip.path), clip.name)
    if clip.kind == "built-in":
        return _spoken(clip.key)
    if clip.kind != "dataset" or settings.data is None:
        raise unknown_name("kind of clip", clip.kind, ("upload", "built-in", "dataset"))
    if (settings.data / "dataset.json").is_file():
        return _of_dataset(settings.data, clip.key)
    if clip.key not in _in_dataset(settings.data):
        raise StaanetError(f"expected a clip of {settings.data.name}, got {clip.key!r}; choose one of the list")
    return _of_file(settings.data / clip.key, clip.key)


def _of_file(path: Path, name: str) -> tuple[Samples, int]:
    """Return the samples of an audio file, whose header is checked before anything is decoded."""
    try:
        _check_amount(files.declared(path), name)
        return files.read(path)
    except StaanetError as error:
        raise StaanetError(str(error).replace(str(path), name)) from None


def _check_amount(about: files.About, name: str) -> None:
    if about.frames > MOST_SECONDS * about.rate:
        raise StaanetError(
            f"{name}: expected a clip of {MOST_SECONDS:g} s or less, got {about.frames / about.rate:.0f} s; cut it, or "
            "use `staanet attack`, which treats long recordings in windows"
        )
    if about.frames * about.channels > MOST_SAMPLES:
        raise StaanetError(
            f"{name}: expected {MOST_SAMPLES:,} samples or fewer over all channels, got "
            f"{about.frames * about.channels:,}; convert it to one channel and 48 kHz or less"
        )


@lru_cache(maxsize=1)
def _built_in() -> Mapping[str, Any]:
    """Return the clips of the built-in corpus by id."""
    from staanet.corpora import Synthetic

    corpus = Synthetic(speakers=SPEAKERS, sentences=SENTENCES)
    return {clip.id: (corpus, clip) for clip in corpus.validate(Path()).utterances}


def _spoken(key: str) -> tuple[Samples, int]:
    if key not in _built_in():
        raise unknown_name("built-in clip", key, _built_in())
    corpus, clip = _built_in()[key]
    spoken: tuple[Samples, int] = corpus.read(Path(), clip)
    return spoken


def _in_dataset(folder: Path) -> Sequence[str]:
    """Return the ids of a prepared dataset, or the paths of the audio files of a folder."""
    from staanet.corpora.base import audio_files
    from staanet.data import Dataset

    if (folder / "dataset.json").is_file():
        return list(Dataset(folder).utterances)
    return list(audio_files(folder))


def _of_dataset(folder: Path, key: str) -> tuple[Samples, int]:
    from staanet.data import Dataset

    dataset = Dataset(folder)
    if key not in dataset.utterances:
        raise StaanetError(f"expected a clip of {folder.name}, got {key!r}; choose one of the list")
    samples = dataset.waveform(key).numpy()[:, None]
    _check_amount(files.About(len(samples), dataset.sample_rate, 1), key)
    return samples, dataset.sample_rate
