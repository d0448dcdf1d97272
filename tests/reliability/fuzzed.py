"""The readers that are fuzzed, each a function of a content and a folder, and the seeds of the contents."""

import io
import json
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import soundfile
import torch
from safetensors.torch import save

from reliability.bad import hdf5, served, sounds, stored, texts
from staanet.assessment import verdict
from staanet.assessment.settings import Curves
from staanet.audio.reading import measure
from staanet.core.checkpoints import load_tensors
from staanet.corpora import Hdf5
from staanet.corpora.label_maps import read_label_map
from staanet.corpora.tables import described, read_table
from staanet.data.manifest import read_manifest
from staanet.study import load

SEEDS = Path(__file__).with_name("seeds")
PIECES = (
    *(b"\0", b"\xff\xff\xff\xff", b"nan", b"1e999", b"-1", b"9" * 30, b"[" * 60),
    *(b'"', b"\n", b"\\ud800", b"true", b"../"),
)
"""What is inserted into a seed."""


def mutated(content: bytes, others: list[bytes], drawn: random.Random) -> bytes:
    """Return a content with one to eight random changes."""
    data = bytearray(content)
    for _ in range(drawn.randint(1, 8)):
        place = drawn.randrange(len(data) + 1)
        end = min(len(data), place + drawn.randint(1, 40))
        kind = drawn.randrange(6)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << drawn.randrange(8)
        elif kind == 1:
            del data[place:end]
        elif kind == 2:
            data[place:place] = data[place:end]
        elif kind == 3:
            data[place:place] = drawn.choice(PIECES)
        elif kind == 4:
            data[place:end] = drawn.randbytes(end - place)
        else:
            other = drawn.choice(others)
            start = drawn.randrange(len(other) + 1)
            data[place:end] = other[start : start + drawn.randint(1, 60)]
    return bytes(data)


def written(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Return a reader of the content of a file."""

    def of_content(content: bytes, folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return of_content


def _manifest(content: bytes, folder: Path) -> object:
    shutil.copytree(stored.prepared(), folder, dirs_exist_ok=True)
    (folder / "manifest.jsonl").write_bytes(content)
    return read_manifest(folder, ("anger", "happiness", "neutral", "sadness"))


def _shard(content: bytes, folder: Path) -> object:
    shutil.copytree(stored.prepared(), folder, dirs_exist_ok=True)
    (folder / "shard-00000.safetensors").write_bytes(content)
    stored.unsealed(folder)
    return stored._read_all(folder)


def _hdf5(path: Path) -> object:
    corpus = Hdf5()
    return [corpus.read(path, clip)[1] for clip in corpus.validate(path).utterances]


def _answer(content: bytes, _: Path) -> object:
    client = served.Client(served.Terms("http://127.0.0.1:9/x", 1.0, 0, None, 1, None, None, None))
    return client._understood(content, lambda answer: served.logits_of(answer, 1, served.LABELS))


READERS: dict[str, Callable[[bytes, Path], object]] = {
    "toml": written("fuzzed.toml", lambda path: load(path)[1].attack_plans),
    "thresholds": written("fuzzed.toml", lambda path: verdict.parsed([], path, Curves())),
    "csv": written("fuzzed.csv", lambda path: described(read_table(path, {}))),
    "jsonl": written("fuzzed.jsonl", lambda path: described(read_table(path, {}))),
    "labels": written("fuzzed.csv", lambda path: read_label_map(str(path))),
    "manifest": _manifest,
    "shard": _shard,
    "weights": written("fuzzed.safetensors", load_tensors),
    "hdf5": written("fuzzed.h5", _hdf5),
    "wav": written("fuzzed.wav", measure),
    "flac": written("fuzzed.flac", measure),
    "answer": _answer,
}
"""The readers by name."""


def seeds_of(name: str) -> list[bytes]:
    """Return the good contents of a reader, and those that once went wrong."""
    kept = [path.read_bytes() for path in sorted((SEEDS / name).glob("*"))]
    return [*_good(name), *kept]


def _good(name: str) -> list[bytes]:
    if name in ("wav", "flac"):
        buffers = []
        for rate in (8_000, 44_100):
            buffers.append(io.BytesIO())
            soundfile.write(buffers[-1], sounds.SPEECH[:1_000], rate, format=name.upper())
        return [buffer.getvalue() for buffer in buffers]
    if name == "hdf5":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "good.h5"
            with h5py.File(path, "w") as file:
                file["x_org"], file["y"] = hdf5.CLIPS[:, :40], [0, 1, 0, 1]
            return [path.read_bytes()]
    if name in ("manifest", "shard"):
        return [(stored.prepared() / {"manifest": "manifest.jsonl"}.get(name, "shard-00000.safetensors")).read_bytes()]
    if name == "weights":
        return [save({"weight": torch.zeros(3, 4), "steps": torch.tensor(7)})]
    return [
        text.encode()
        for text in {
            "toml": [texts.EXPERIMENT],
            "thresholds": ['[accuracy_robust]\nleast = 0.5\nreason = "agreed"\n'],
            "csv": [texts.GOOD],
            "jsonl": ["".join(json.dumps(row) + "\n" for row in texts.ROWS)],
            "labels": ["label,emotion\nang,anger\n"],
            "answer": [json.dumps({"logits": [[1, 2, 3]]}), json.dumps({"labels": ["joy"]})],
        }[name]
    ]
