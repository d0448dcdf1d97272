"""Bad HDF5 files."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from reliability.bad.case import Case
from staanet.corpora import Hdf5
from staanet.data import prepare

CLIPS = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 400)).astype(np.float32)


def replaced(file: h5py.File, name: str, value: Any, **settings: Any) -> None:
    del file[name]
    file.create_dataset(name, data=value, **settings)


def linked(file: h5py.File, link: Any) -> None:
    other = Path(file.filename).with_name("other.bin")
    with h5py.File(other, "w") as target:
        target["x_org"] = CLIPS
    del file["x_org"]
    file["x_org"] = link(other)


def virtual(file: h5py.File) -> None:
    other = Path(file.filename).with_name("other.bin")
    with h5py.File(other, "w") as target:
        target["x"] = CLIPS
    layout = h5py.VirtualLayout(CLIPS.shape, CLIPS.dtype)
    layout[:] = h5py.VirtualSource(str(other), "x", CLIPS.shape)
    del file["x_org"]
    file.create_virtual_dataset("x_org", layout)


def external(file: h5py.File) -> None:
    other = Path(file.filename).with_name("other.bin")
    other.write_bytes(CLIPS.tobytes())
    del file["x_org"]
    file.create_dataset("x_org", CLIPS.shape, CLIPS.dtype, external=[(str(other), 0, CLIPS.nbytes)])


def rows(*clips: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file["x_org"]
        members = file.create_dataset("x_org", (4,), dtype=h5py.vlen_dtype(np.float32))
        for row, clip in enumerate(clips):
            members[row] = clip

    return change


CHANGES: dict[str, Callable[[h5py.File], Any]] = {
    "no clips": lambda f: f.__delitem__("x_org"),
    "no class numbers": lambda f: f.__delitem__("y"),
    "nothing": lambda f: f.clear(),
    "clips as a group": lambda f: (f.__delitem__("x_org"), f.create_group("x_org")),
    "class numbers as a group": lambda f: (f.__delitem__("y"), f.create_group("y")),
    "too few class numbers": lambda f: replaced(f, "y", [0, 1]),
    "negative class numbers": lambda f: replaced(f, "y", [0, 1, -1, 0]),
    "large class numbers": lambda f: replaced(f, "y", [0, 1, 2**40, 0]),
    "class numbers of 2**64": lambda f: replaced(f, "y", np.array([0, 1, 2**64 - 1, 0], np.uint64)),
    "class numbers as fractions": lambda f: replaced(f, "y", [0.0, 0.5, 1.0, 0.0]),
    "class numbers as texts": lambda f: replaced(f, "y", ["a", "b", "c", "d"]),
    "one class number": lambda f: replaced(f, "y", 3),
    "clips as integers": lambda f: replaced(f, "x_org", (CLIPS * 32767).astype(np.int16)),
    "clips as texts": lambda f: replaced(f, "x_org", ["a", "b", "c", "d"]),
    "clips as complex numbers": lambda f: replaced(f, "x_org", CLIPS.astype(np.complex64)),
    "clips of two channels": lambda f: replaced(f, "x_org", np.stack([CLIPS, CLIPS], 2)),
    "one number as clips": lambda f: replaced(f, "x_org", 0.5),
    "one row of samples": lambda f: replaced(f, "x_org", CLIPS[0, :4]),
    "a clip of NaN": lambda f: replaced(f, "x_org", np.where(np.arange(4)[:, None] == 1, np.nan, CLIPS)),
    "an infinite clip": lambda f: replaced(f, "x_org", np.where(np.arange(4)[:, None] == 1, np.inf, CLIPS)),
    "clips in integer scale": lambda f: replaced(f, "x_org", CLIPS * 32768),
    "a silent clip": lambda f: replaced(f, "x_org", CLIPS * (np.arange(4) != 1)[:, None]),
    "an empty clip": rows(CLIPS[0], [], CLIPS[1], CLIPS[2]),
    "a single sample": rows(CLIPS[0], [0.5], CLIPS[1], CLIPS[2]),
    "no row was written": rows(),
    "a soft link": lambda f: linked(f, lambda _: h5py.SoftLink("/y")),
    "a soft link to nothing": lambda f: linked(f, lambda _: h5py.SoftLink("/nosuch")),
    "a soft link to itself": lambda f: linked(f, lambda _: h5py.SoftLink("/x_org")),
    "an external link": lambda f: linked(f, lambda other: h5py.ExternalLink(str(other), "/x_org")),
    "an external link to /etc": lambda f: linked(f, lambda _: h5py.ExternalLink("/etc/passwd", "/x_org")),
    "an external link of class numbers": lambda f: (
        f.__delitem__("y"),
        f.__setitem__("y", h5py.ExternalLink("/a", "y")),
    ),
    "a virtual dataset": virtual,
    "external storage": external,
    "clips of 2**40 samples": lambda f: (
        f.__delitem__("x_org"),
        f.create_dataset("x_org", (4, 2**40), np.float32, chunks=(1, 1024)),
    ),
    "2**40 clips": lambda f: (
        f.__delitem__("x_org"),
        f.create_dataset("x_org", (2**40, 4), np.float32, chunks=(1, 4)),
    ),
    "2 000 members": lambda f: [f.create_group(str(number)) for number in range(2_000)],
    "a rate of 0": lambda f: f.attrs.__setitem__("sample_rate", 0),
    "a negative rate": lambda f: f.attrs.__setitem__("sample_rate", -16_000),
    "a rate of NaN": lambda f: f.attrs.__setitem__("sample_rate", float("nan")),
    "a rate as text": lambda f: f.attrs.__setitem__("sample_rate", "16000"),
    "two rates": lambda f: f.attrs.__setitem__("sample_rate", [16_000, 8_000]),
    "a rate of 2**62": lambda f: f.attrs.__setitem__("sample_rate", 2**62),
    "labels as numbers": lambda f: f.attrs.__setitem__("labels", [1, 2]),
    "labels twice": lambda f: f.attrs.__setitem__("labels", ["joy", "joy"]),
    "one label for two classes": lambda f: f.attrs.__setitem__("labels", ["joy"]),
    "an empty label": lambda f: f.attrs.__setitem__("labels", ["joy", ""]),
    "labels as one text": lambda f: f.attrs.__setitem__("labels", "joy"),
    "speakers as numbers": lambda f: f.create_dataset("speaker", data=[1, 2, 3, 4]),
}

BYTES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda b: b[: len(b) // 2],
    "its first bytes": lambda b: b[:64],
    "empty": lambda _: b"",
    "text": lambda _: b"not HDF5" * 99,
    "zeros in the middle": lambda b: b[:700] + bytes(600) + b[1300:],
    "zeros behind the head": lambda b: b[:96] + bytes(400) + b[496:],
    "random": lambda _: np.random.default_rng(0).bytes(2000),
}


def files() -> Iterator[Case]:
    def good(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["x_org"], file["y"] = CLIPS, [0, 1, 0, 1]

    def read(path: Path) -> object:
        dataset = prepare(Hdf5(), path, path.parent / "dataset")
        return [*dataset.skipped, *dataset.overview["warnings"]] if len(dataset) < 4 else None

    def with_change(change: Callable[[h5py.File], Any], folder: Path) -> object:
        good(folder / "bad.h5")
        with h5py.File(folder / "bad.h5", "r+") as file:
            change(file)
        return read(folder / "bad.h5")

    def with_bytes(change: Callable[[bytes], bytes], folder: Path) -> object:
        good(folder / "bad.h5")
        (folder / "bad.h5").write_bytes(change((folder / "bad.h5").read_bytes()))
        return read(folder / "bad.h5")

    for name, change in CHANGES.items():
        yield Case("HDF5", name, partial(with_change, change))
    for name, damage in BYTES.items():
        yield Case("HDF5", name, partial(with_bytes, damage))
    yield Case("HDF5", "no file", lambda folder: read(folder / "nosuch.h5"))
    yield Case("HDF5", "an empty folder", read)
