"""The shards of a dataset: which clips each of them holds, and how it is written."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from staanet.core.checkpoints import save_tensors
from staanet.corpora.base import Utterance
from staanet.data.manifest import shard_name

Content = TypeVar("Content")

SHARD_SAMPLES = 64 * 1024 * 1024
"""Number of samples (256 MB of them) from which a shard is full and the next one begins."""


def shards_of(
    clips: Iterable[tuple[Utterance, Content]], length: Callable[[Content], int]
) -> Iterator[list[tuple[Utterance, Content]]]:
    """Yield the clips of one shard after the other; each list is emptied when the next one is asked for.

    Args:
        clips: The clips of the dataset, each with its samples or where these are.
        length: Returns the number of samples.
    """
    shard: list[tuple[Utterance, Content]] = []
    size = 0
    for clip in clips:
        shard.append(clip)
        size += length(clip[1])
        if size >= SHARD_SAMPLES:
            yield shard
            shard.clear()
            size = 0
    if shard:
        yield shard


def manifest_rows(number: int, utterances: Sequence[Utterance], lengths: Sequence[int]) -> list[dict[str, Any]]:
    """Return the lines of the manifest for the clips of a shard.

    Args:
        number: Number of the shard.
        utterances: The clips.
        lengths: Number of samples of each clip.
    """
    return [
        {"utterance": dataclasses.asdict(utterance), "shard": number, "offset": int(offset), "length": length}
        for utterance, offset, length in zip(utterances, _offsets(lengths), lengths, strict=False)
    ]


def save_shard(folder: Path, number: int, samples: Tensor, lengths: Sequence[int], labels: Sequence[int]) -> None:
    """Write a shard.

    Args:
        folder: Folder of the dataset.
        number: Number of the shard.
        samples: Samples of all its clips, one after the other, `[T]`.
        lengths: Number of samples of each clip.
        labels: Class number of each clip.
    """
    tensors = {"samples": samples, "offsets": torch.from_numpy(_offsets(lengths)), "labels": torch.tensor(labels)}
    save_tensors(folder / shard_name(number), tensors)


def _offsets(lengths: Sequence[int]) -> Any:
    return np.concatenate([[0], np.cumsum(lengths)])
