"""Bad files that the library itself writes: datasets, checkpoints, adversarial sets, records, runs, HDF5 files."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from core.made_up import ROWS, made_record
from reliability.bad.case import Case, edited, unsealed
from staanet.core import records
from staanet.core.run import Run
from staanet.corpora import Synthetic
from staanet.data import Dataset, prepare
from staanet.evaluation.adversarial import AdversarialSet
from staanet.models import create_model, load_model


@cache
def prepared() -> Path:
    """Return a dataset of 12 clips, of which each case changes a copy."""
    folder = Path(mkdtemp()) / "dataset"
    prepare(Synthetic(speakers=6, sentences=1, seconds=(0.5, 0.6)), Path(), folder)
    return folder


def _read_all(folder: Path) -> object:
    dataset = Dataset(folder)
    return [float(dataset.waveform(clip).sum()) for clip in dataset.utterances]


def datasets() -> Iterator[Case]:
    def with_file(name: str, change: Callable[[Any], Any], folder: Path) -> object:
        shutil.copytree(prepared(), folder / "dataset")
        edited(folder / "dataset" / name, change)
        return _read_all(folder / "dataset")

    for key in ("corpus", "labels", "sample_rate", "digest", "skipped"):
        yield Case("dataset", f"no {key}", partial(with_file, "dataset.json", lambda v, key=key: v.pop(key) and v))
    for key, values in {
        "sample_rate": (0, -16_000, 16_000.5, True, "16000", 2**40, None, [16_000]),
        "labels": ([], "anger", [1, 2], ["anger"], ["anger", "anger"], None, {"anger": 0}, ["x"] * 20_000),
        "corpus": (3, None, "", ["synthetic"]),
        "digest": (3, None, ""),
        "skipped": ("none", [3], None),
    }.items():
        for value in values:
            change = lambda v, key=key, value=value: v.update({key: value})  # noqa: E731
            yield Case("dataset", f"{key} = {str(value)[:30]}", partial(with_file, "dataset.json", change))
    for key, values in {
        "offset": (-1, 10, 2**50, 0.5, True, "0", None, [0]),
        "length": (0, -5, 10**7, 2**62, 1.5, True, "100", None),
        "shard": (-1, 1, 10**6, 0.5, True, "0", "../../evil", None),
    }.items():
        for value in values:
            change = lambda rows, key=key, value=value: rows[3].update({key: value})  # noqa: E731
            yield Case("dataset", f"a clip with {key} = {value}", partial(with_file, "manifest.jsonl", change))
    for key, values in {
        "id": ("", 3, None, "/costs", "x" * 5_000),
        "label": ("bored", "", None, 0),
        "speaker": ("", None, 7),
        "gender": (1, ["female"]),
        "path": (None, 3),
        "age": (30,),
    }.items():
        for value in values:
            change = lambda rows, key=key, value=value: rows[3]["utterance"].update({key: value})  # noqa: E731
            yield Case(
                "dataset", f"a clip with {key} = {str(value)[:30]!r}", partial(with_file, "manifest.jsonl", change)
            )
    for name, change in {
        "an id twice": lambda rows: rows[3]["utterance"].update(id=rows[4]["utterance"]["id"]),
        "a line twice": lambda rows: [*rows, rows[0]],
        "clips that overlap": lambda rows: rows[3].update(length=rows[3]["length"] + 1),
        "a line that is a list": lambda rows: [*rows, []],
        "a key too many": lambda rows: rows[0].update(extra=1),
        "no utterance": lambda rows: rows[0].pop("utterance") and None,
    }.items():
        yield Case("dataset", name, partial(with_file, "manifest.jsonl", change))
    yield from _shards()


def _shards() -> Iterator[Case]:
    def with_tensors(change: Callable[[dict[str, torch.Tensor]], Any], folder: Path) -> object:
        shutil.copytree(prepared(), folder / "dataset")
        path = folder / "dataset" / "shard-00000.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)
        unsealed(path.parent)
        return _read_all(path.parent)

    def with_bytes(change: Callable[[bytearray], bytes | bytearray], folder: Path) -> object:
        shutil.copytree(prepared(), folder / "dataset")
        path = folder / "dataset" / "shard-00000.safetensors"
        path.write_bytes(change(bytearray(path.read_bytes())))
        unsealed(path.parent)
        return _read_all(path.parent)

    for name, change in {
        "samples in float16": lambda t: t.update(samples=t["samples"].half()),
        "samples in float64": lambda t: t.update(samples=t["samples"].double()),
        "samples as integers": lambda t: t.update(samples=(t["samples"] * 32767).to(torch.int16)),
        "samples in two rows": lambda t: t.update(samples=t["samples"].reshape(2, -1)),
        "samples of NaN": lambda t: t["samples"].__setitem__(500, float("nan")),
        "infinite samples": lambda t: t["samples"].__setitem__(500, float("inf")),
        "samples beyond full scale": lambda t: t["samples"].mul_(10),
        "too few samples": lambda t: t.update(samples=t["samples"][:-1].clone()),
        "no samples": lambda t: t.pop("samples"),
    }.items():
        yield Case("dataset", name, partial(with_tensors, change))
    for name, change in {
        "cut off": lambda b: b[:-9],
        "empty": lambda _: b"",
        "seven bytes": lambda b: b[:7],
        "a head of 2**60 bytes": lambda b: struct.pack("<Q", 2**60) + b[8:],
        "a head that is no JSON": lambda b: b[:8] + b"x" * 20 + b[28:],
        "a head that is a list": lambda _: struct.pack("<Q", 2) + b"[]",
        "a head of deep lists": lambda _: struct.pack("<Q", 9998) + b"[" * 4999 + b"]" * 4999,
        "no file": lambda _: b"PK\x03\x04" + b"0" * 500,
        "samples behind the end": lambda _: (
            struct.pack("<Q", 70) + b'{"samples":{"dtype":"F32","shape":[99999],"data_offsets":[0,399996]}}'.ljust(70)
        ),
        "negative offsets": lambda _: (
            struct.pack("<Q", 70)
            + b'{"samples":{"dtype":"F32","shape":[9],"data_offsets":[-36,0]}}'.ljust(70)
            + b"0" * 99
        ),
    }.items():
        yield Case("dataset", f"a shard: {name}", partial(with_bytes, change))


@cache
def checkpoint() -> Path:
    """Return the checkpoint of a small model."""
    from staanet.core import checkpoints

    folder = Path(mkdtemp()) / "model"
    checkpoints.save(create_model("emo18", labels=("a", "b", "c"), seconds=0.1), folder)
    return folder


def models() -> Iterator[Case]:
    def with_config(change: Callable[[Any], Any], folder: Path) -> object:
        shutil.copytree(checkpoint(), folder / "model")
        edited(folder / "model" / "config.json", change)
        return load_model(folder / "model")

    def with_tensors(change: Callable[[dict[str, torch.Tensor]], Any], folder: Path) -> object:
        shutil.copytree(checkpoint(), folder / "model")
        path = folder / "model" / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)
        unsealed(path.parent)
        return load_model(path.parent)

    def with_bytes(name: str, change: Callable[[bytes], bytes], folder: Path) -> object:
        shutil.copytree(checkpoint(), folder / "model")
        path = folder / "model" / name
        path.write_bytes(change(path.read_bytes()))
        unsealed(path.parent)
        return load_model(path.parent)

    for key, values in {
        "labels": ([], ["a"], ["a", "a", "b"], "abc", None, [1, 2, 3], ["a", "", "b"], {"a": 1}),
        "seconds": (0, -1, True, "1", 1e9, None, [1]),
        "sample_rate": (0, -16_000, True, "16000", 1e9, 16_000.5, None),
        "extra": (1,),
    }.items():
        for value in values:
            change = lambda v, key=key, value=value: v["settings"].update({key: value})  # noqa: E731
            yield Case("checkpoint", f"{key} = {value}", partial(with_config, change))
    for key, values in {"name": (3, None, "nosuch", ["emo18"], {}), "settings": (3, None, [], "x")}.items():
        for value in values:
            change = lambda v, key=key, value=value: v.update({key: value})  # noqa: E731
            yield Case("checkpoint", f"{key} = {value}", partial(with_config, change))
    weights = load_file(checkpoint() / "model.safetensors")
    first = next(name for name, tensor in weights.items() if tensor.ndim > 1)
    for name, change in {
        "NaN in a weight": lambda t: t[first].view(-1).__setitem__(0, float("nan")),
        "an infinite weight": lambda t: t[first].view(-1).__setitem__(0, float("inf")),
        "a weight in float16": lambda t: t.update({first: t[first].half()}),
        "a weight in float64": lambda t: t.update({first: t[first].double()}),
        "a weight of integers": lambda t: t.update({first: t[first].to(torch.int32)}),
        "a weight less": lambda t: t.pop(first),
        "a weight more": lambda t: t.update(more=torch.zeros(2)),
        "a weight of another shape": lambda t: t.update({first: t[first][:1].clone()}),
        "no weights": lambda t: t.clear(),
    }.items():
        yield Case("checkpoint", name, partial(with_tensors, change))
    for name, change in {
        "cut off": lambda b: b[: len(b) // 2],
        "empty": lambda _: b"",
        "a pickle": lambda _: b"\x80\x04\x95.",
        "a head of 2**60 bytes": lambda b: struct.pack("<Q", 2**60) + b[8:],
        "random": lambda _: np.random.default_rng(0).bytes(999),
    }.items():
        yield Case("checkpoint", f"weights: {name}", partial(with_bytes, "model.safetensors", change))
        yield Case("checkpoint", f"config: {name}", partial(with_bytes, "config.json", change))
    deep = b'{"a": ' * 5_000 + b"1" + b"}" * 5_000
    yield Case("checkpoint", "config: deep", partial(with_bytes, "config.json", lambda _: deep))
    yield Case("checkpoint", "config: a list", partial(with_bytes, "config.json", lambda _: b"[1, 2]"))
    yield Case("checkpoint", "config: NaN", partial(with_bytes, "config.json", lambda b: b.replace(b"0.1", b"NaN")))
    yield Case("checkpoint", "a name of 300 characters", lambda folder: load_model(folder / ("x" * 300)))


def sets() -> Iterator[Case]:
    def read(change: Callable[[dict[str, Any]], Any], folder: Path) -> object:
        save_file({"a": torch.zeros(10), "b": torch.zeros(5)}, folder / "batch.safetensors")
        save_file({"a": torch.zeros(10)}, folder.parent / f"{folder.name}.safetensors")
        about = {"files": {"a": "batch.safetensors", "b": "batch.safetensors"}, "figures": {"queries": 1.0}}
        change(about)
        (folder / "done.json").write_text(json.dumps(about))
        try:
            return AdversarialSet(folder).waveform("a")
        finally:
            (folder.parent / f"{folder.name}.safetensors").unlink()

    for name, change in {
        "no files": lambda v: v.pop("files"),
        "no figures": lambda v: v.pop("figures"),
        "files as a list": lambda v: v.update(files=["batch.safetensors"]),
        "a file that is a number": lambda v: v["files"].update(a=3),
        "a file above the folder": lambda v: v["files"].update(a="../{}.safetensors"),
        "an absolute file": lambda v: v["files"].update(a="/etc/passwd"),
        "a file with backslashes": lambda v: v["files"].update(a="..\\x"),
        "a file with a zero byte": lambda v: v["files"].update(a="a\0b"),
        "no file": lambda v: v["files"].update(a=""),
        "another file": lambda v: v["files"].update(a="nosuch.safetensors"),
        "figures as text": lambda v: v["figures"].update(queries="many"),
        "figures that are true": lambda v: v["figures"].update(queries=True),
        "a key too many": lambda v: v.update(extra=1),
    }.items():
        yield Case("adversarial set", name, partial(read, change))
    for name, samples in {
        "NaN": torch.full((10,), float("nan")),
        "float16": torch.zeros(10).half(),
        "two channels": torch.zeros(2, 5),
    }.items():

        def with_samples(folder: Path, samples: torch.Tensor = samples) -> object:
            save_file({"a": samples}, folder / "batch.safetensors")
            (folder / "done.json").write_text('{"files": {"a": "batch.safetensors"}, "figures": {}}')
            return AdversarialSet(folder).waveform("a")

        yield Case("adversarial set", f"samples: {name}", with_samples)


def runs() -> Iterator[Case]:
    def with_record(change: Callable[[Any], Any], folder: Path) -> object:
        path = records.write(folder, made_record(), ROWS)
        edited(path, change)
        return records.read(path)

    for field, values in {
        "n": ("4", True, -1, 3, 2.5, 2**70),
        "robust_accuracy": ("0.5", True, 1.5, -0.1, 0.123, None),
        "robust_accuracy_ci": ([0.9, 1.0], [1], "0..1", None, [True, False]),
        "labels": ("ab", [1, 2], []),
        "flags": ("low_asr", [1]),
        "seed": ("0", True, 0.5),
        "nosuch": (1,),
        "asr_control": (2, "0"),
        "outcomes_sha256": ("", 3, "0" * 64),
    }.items():
        for value in values:
            change = lambda v, field=field, value=value: v.update({field: value})  # noqa: E731
            yield Case("record", f"{field} = {value}", partial(with_record, change))
    for key, value in {
        "records": ["../../evil.json"],
        "examples": ["/etc"],
        "splits": ["..", "a"],
        "format": 99,
        "toy": "yes",
        "title": 3,
        "nosuch": 1,
        "selection_folds": ["1"],
    }.items():

        def read_run(folder: Path, key: str = key, value: Any = value) -> object:
            run = Run(folder)
            run.write(run.layout)
            edited(folder / "run.json", lambda v: v.update({key: value}))
            run = Run(folder)
            return run.layout and (run.record_paths, run.examples, run.splits)

        yield Case("record", f"run.json: {key} = {value}", read_run)
