"""Bad audio files, each among good ones: it is left out with a line, and the others are used."""

import os
import struct
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from reliability.bad.case import Case
from staanet.corpora import Folder
from staanet.data.reading import Reader

RATE = 16_000
SPEECH = np.random.default_rng(0).uniform(-0.4, 0.4, 8_000).astype(np.float32)


def _wav(samples: Any = SPEECH, rate: int = RATE, subtype: str = "PCM_16") -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, samples, rate, subtype=subtype, format="WAV")


def _patched(place: int, form: str, value: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _wav()(path)
        content = bytearray(path.read_bytes())
        struct.pack_into(form, content, place, value)
        path.write_bytes(content)

    return make


def _cut(kind: str, share: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        soundfile.write(path, SPEECH, RATE, format=kind)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return make


def _flac(samples: int = 8_000, rate: int = RATE) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        soundfile.write(path, SPEECH, RATE, format="FLAC")
        content = bytearray(path.read_bytes())
        packed = int.from_bytes(content[18:26], "big")
        packed = packed & ~(0xFFFFF << 44) & ~0xFFFFFFFFF | rate << 44 | samples
        content[18:26] = packed.to_bytes(8, "big")
        path.write_bytes(content)

    return make


def _flipped(kind: str, seed: int) -> Callable[[Path], None]:
    """Overwrite a quarter of a file of which the head stays as it is."""

    def make(path: Path) -> None:
        soundfile.write(path, SPEECH, RATE, format=kind)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + len(content) // 4] = (b"\0" if seed else b"\xff") * (len(content) // 4)
        path.write_bytes(content)

    return make


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def _made(change: Callable[[np.ndarray], Any], subtype: str = "FLOAT") -> Callable[[Path], None]:
    samples = SPEECH.copy()
    changed = change(samples)
    return _wav(samples if changed is None else changed, subtype=subtype)


FILES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "empty": ("wav", _bytes(b"")),
    "text": ("wav", _bytes(b"no audio" * 99)),
    "a head without samples": ("wav", _wav(SPEECH[:0])),
    "random bytes": ("wav", _bytes(np.random.default_rng(0).bytes(4_000))),
    "random bytes as MP3": ("mp3", _bytes(np.random.default_rng(1).bytes(4_000))),
    "random bytes as FLAC": ("flac", _bytes(b"fLaC" + np.random.default_rng(1).bytes(4_000))),
    "random bytes as Ogg": ("ogg", _bytes(b"OggS" + np.random.default_rng(1).bytes(4_000))),
    "a page of HTML": ("mp3", _bytes(b"<!DOCTYPE html><html><body>404</body></html>" * 50)),
    "a video": ("mp4", _bytes(b"\0\0\0\x18ftypmp42" + bytes(500))),
    "a note of Git LFS": ("wav", _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")),
    "silence": ("wav", _wav(np.zeros(8_000))),
    "a constant": ("wav", _wav(np.full(8_000, 0.3))),
    "an offset with tiny noise": ("wav", _made(lambda s: s * 1e-6 + 0.3)),
    "a single sample": ("wav", _wav(SPEECH[:1])),
    "NaN": ("wav", _made(lambda s: s.__setitem__(4_000, np.nan))),
    "infinite": ("wav", _made(lambda s: s.__setitem__(4_000, np.inf))),
    "integer scale of 16 bits": ("wav", _made(lambda s: s * 32_768)),
    "integer scale of 32 bits": ("wav", _made(lambda s: s * 2**31)),
    "integer scale in double precision": ("wav", _made(lambda s: s * 32_768, "DOUBLE")),
    "quiet integer scale": ("wav", _made(lambda s: np.round(s * 8))),
    "1e30 at one sample": ("wav", _made(lambda s: s.__setitem__(9, 1e30))),
    "a little beyond full scale": ("wav", _made(lambda s: s * 4)),
    "65 channels": ("wav", _wav(np.tile(SPEECH[:500, None], (1, 65)))),
    "1 000 channels": ("wav", _wav(np.tile(SPEECH[:50, None], (1, 1_000)))),
    **{f"a rate of {rate} Hz": ("wav", _patched(24, "<I", rate)) for rate in (0, 1, 8, 999, 10**6, 2**31, 2**32 - 1)},
    **{f"{number} channels in the head": ("wav", _patched(22, "<H", number)) for number in (0, 700, 65_535)},
    **{f"{size} bytes in the head": ("wav", _patched(40, "<I", size)) for size in (0, 2, 1_000, 17_000, 2**30)},
    "bits per sample of 1": ("wav", _patched(34, "<H", 1)),
    "bits per sample of 64": ("wav", _patched(34, "<H", 64)),
    "an unknown coding": ("wav", _patched(20, "<H", 9_999)),
    **{f"FLAC of {size} samples": ("flac", _flac(size)) for size in (0, 8_001, 10**6, 2**36 - 1)},
    **{f"FLAC at {rate} Hz": ("flac", _flac(rate=rate)) for rate in (0, 1, 999)},
    **{
        f"{kind} cut at {share}": (kind.lower(), _cut(kind, share))
        for kind in ("WAV", "FLAC", "AIFF", "AU", "W64", "CAF", "OGG", "MP3")
        for share in (0.01, 0.4, 0.9)
    },
    **{f"FLAC with a damaged middle {seed}": ("flac", _flipped("FLAC", seed)) for seed in range(2)},
    "a name that is not UTF-8": ("wav", _bytes(b"RIFF")),
    "a name with a line break": ("wav", _wav(np.zeros(800))),
    "a name with an escape": ("wav", _wav(np.zeros(800))),
    "a link to nothing": ("wav", lambda path: path.symlink_to("nosuch.wav")),
    "a link to itself": ("wav", lambda path: path.symlink_to(path.name)),
    "a folder": ("wav", Path.mkdir),
    "a pipe": ("wav", os.mkfifo),
    "nobody's file": ("wav", lambda path: (_wav(np.zeros(9))(path), path.chmod(0))),
}

NAMES = {
    "a name that is not UTF-8": os.fsdecode(b"caf\xe9"),
    "a name with a line break": "two\nlines",
    "a name with an escape": "red\x1b[31m",
}


def files() -> Iterator[Case]:
    def read(name: str, ending: str, make: Callable[[Path], Any], folder: Path) -> object:
        for emotion in ("anger", "joy"):
            (folder / "in" / emotion).mkdir(parents=True)
            for number, speaker in enumerate("abc"):
                samples = np.random.default_rng(number).uniform(-0.4, 0.4, 2_000)
                soundfile.write(folder / "in" / emotion / f"{speaker}_1.wav", samples, RATE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make(folder / "in" / "joy" / f"{NAMES.get(name, 'bad')}.{ending}")
        reader = Reader(Folder(), folder / "in", RATE, None, None)
        findings = reader.find()
        clips = [about.path for about, _ in reader.read(findings)]
        assert len(clips) in (6, 7)
        lines = [*findings.skipped, *findings.remarks]
        return lines if len(clips) == 6 or any("clipped" in line for line in lines) else None

    for name, (ending, make) in FILES.items():
        yield Case("audio", name, partial(read, name, ending, make))
