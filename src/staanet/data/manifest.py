"""The files of a prepared dataset, each checked before anything is used: description, manifest and heads of shards."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

import numpy as np
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from staanet.audio.files import HIGHEST_RATE, LOWEST_RATE
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, read_jsonl
from staanet.core.settings import checked

MOST_HEADER = 1_000_000
"""Largest number of bytes of the head of a shard, which lists three tensors."""

Name = Annotated[str, Field(min_length=1, max_length=4_000)]
"""A text that identifies something."""

Count = Annotated[int, Field(ge=0, lt=2**48)]
"""A number of samples."""


class Description(TypedDict):
    """What `dataset.json` must hold; further keys are allowed."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    corpus: Name
    labels: Annotated[list[Name], Field(min_length=1, max_length=10_000)]
    sample_rate: Annotated[int, Field(ge=LOWEST_RATE, le=HIGHEST_RATE)]
    digest: Name
    skipped: list[str]
    overview: NotRequired[dict[str, Any]]


class Described(TypedDict):
    """The description of a clip or segment in a line of the manifest."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]

    id: Annotated[Name, Field(pattern="^[^/]")]
    path: str
    label: Name
    speaker: Name
    gender: NotRequired[str | None]
    language: NotRequired[str | None]
    session: NotRequired[str | None]
    statement: NotRequired[str | None]
    intensity: NotRequired[str | None]
    dimensions: NotRequired[dict[Name, Annotated[float, Field(ge=0, le=1)]]]
    clip: NotRequired[str]
    augmentation: NotRequired[str]


class Row(TypedDict):
    """A line of the manifest: a clip, and the samples of its shard that it consists of."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]

    utterance: Described
    shard: Annotated[int, Field(ge=0, le=99_999)]
    offset: Count
    length: Annotated[int, Field(ge=1, lt=2**40)]


def read_description(folder: Path) -> Description:
    """Return the content of `dataset.json`.

    Raises:
        StaanetError: If the file is missing or damaged, or has a label twice.
    """
    path = folder / "dataset.json"
    about: Description = checked(Description, read_json(path), f"{path}: expected the description of a dataset")
    if len(set(about["labels"])) < len(about["labels"]):
        raise StaanetError(f"{path}: expected each label once, got {', '.join(about['labels'])}; prepare again")
    return about


def read_manifest(folder: Path, labels: Sequence[str]) -> list[Row]:
    """Return the lines of `manifest.jsonl`.

    Args:
        folder: Folder of the dataset.
        labels: The emotions of the dataset.

    Raises:
        StaanetError: If the file is missing or damaged, has an id twice or an unknown label, or if clips overlap or lie
            outside their shard.
    """
    path = folder / "manifest.jsonl"
    rows: list[Row] = checked(list[Row], read_jsonl(path), f"{path}: expected the clips of a dataset")
    ids: set[str] = set()
    for line, row in enumerate(rows, 1):
        about = row["utterance"]
        if about["id"] in ids:
            raise StaanetError(f"{path}, line {line}: expected each id once, got {about['id']!r} again; prepare again")
        if about["label"] not in labels:
            raise StaanetError(
                f"{path}, line {line}: expected a label from {', '.join(labels)}, got {about['label']!r}; prepare again"
            )
        ids.add(about["id"])
    _check_places(folder, rows)
    return rows


def _check_places(folder: Path, rows: Sequence[Row]) -> None:
    places = np.array([(row["shard"], row["offset"], row["length"]) for row in rows], dtype=np.int64).reshape(-1, 3)
    for number in np.unique(places[:, 0]):
        path = folder / shard_name(int(number))
        starts, lengths = places[places[:, 0] == number][:, 1:].T
        order = starts.argsort(kind="stable")
        ends = (starts + lengths)[order]
        size, _ = read_head(path)
        if (starts[order][1:] < ends[:-1]).any():
            raise StaanetError(f"{path}: expected clips that do not overlap, got some that do; prepare again")
        if ends[-1] > size:
            raise StaanetError(f"{path}: expected {ends[-1]} samples or more, got {size}; prepare again")


def read_head(path: Path) -> tuple[int, int]:
    """Return the number of samples of a shard, and the byte of the file at which they begin.

    Raises:
        StaanetError: If the file is missing or damaged, or its samples are not one row of float32.
    """
    wanted = f"{path}: expected a shard with float32 samples"
    try:
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > MOST_HEADER:
                raise StaanetError(f"{wanted}, got a damaged file (a head of {size} bytes); prepare again")
            tensors = json.loads(file.read(size))
        present = path.stat().st_size - 8 - size
        about: Mapping[str, Any] = tensors["samples"]
        (length,), (start, end) = about["shape"], about["data_offsets"]
        whole = all(type(number) is int for number in (length, start, end)) and 0 <= start <= end <= present
        kind = about["dtype"]
    except StaanetError:
        raise
    except OSError as error:
        raise StaanetError(f"{wanted}, got a damaged file ({error.strerror}); prepare again") from None
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StaanetError(f"{wanted}, got a damaged file ({type(error).__name__}: {error}); prepare again") from None
    if kind != "F32" or not whole or end - start != 4 * length:
        got = kind if kind != "F32" else "truncated"
        raise StaanetError(f"{wanted}, got a damaged file ({got}); prepare again")
    return length, 8 + size + start


def shard_name(number: int) -> str:
    """Return the file name of a shard.

    >>> shard_name(3)
    'shard-00003.safetensors'
    """
    return f"shard-{number:05d}.safetensors"
