"""Reproducible randomness: one seed for each purpose and one random stream for each clip."""

import contextlib
import copy
import functools
import hashlib
from collections.abc import Callable, Iterator
from typing import Self

import torch
from torch import Tensor


def derive(*parts: object) -> int:
    """Return a seed that depends on all `parts`, so that each purpose has an independent random stream.

    >>> derive(0, "fold", 1) == derive(0, "fold", 1), derive(0, "fold", 1) == derive(0, "fold", 2)
    (True, False)
    """
    digest = hashlib.blake2b("\x1f".join(map(repr, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@contextlib.contextmanager
def seeded(*parts: object) -> Iterator[None]:
    """Seed torch's global generators within a block and restore their state afterwards.

    >>> def draw():
    ...     with seeded(0, "weights"):
    ...         return torch.rand(1)
    >>> bool(draw() == draw())
    True
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(derive(*parts))
        yield


class _Streams:
    """The random streams of a batch, made when the first number is drawn: to hash the clips copies them to the CPU."""

    def __init__(self, seed: int, waveforms: Tensor, lengths: Tensor) -> None:
        self._seed, self._waveforms, self._lengths = seed, waveforms.detach(), lengths

    @functools.cached_property
    def streams(self) -> list[tuple[int, torch.Generator]]:
        """The length and the random stream of each clip."""
        made = []
        for waveform, length in zip(self._waveforms.cpu(), self._lengths.tolist(), strict=True):
            content = hashlib.blake2b(waveform[:length].contiguous().numpy().tobytes(), digest_size=16).hexdigest()
            made.append((length, torch.Generator().manual_seed(derive(self._seed, content))))
        return made


class ClipRandom:
    """One random stream per clip, which depends only on the seed and on the samples of the clip.

    The composition, order and padding of a batch therefore do not change any draw. Draws are made on the CPU and then
    moved to the device of the clips, so that they are the same on every device. Nothing is copied before the first
    draw, so the clips must not change until then.

    Args:
        seed: Any integer.
        waveforms: Samples of the clips, `[B, T]`.
        lengths: Number of valid samples of each clip, `[B]`.

    >>> clips = torch.tensor([[0.1, 0.2, 0.0], [0.3, 0.4, 0.5]])
    >>> draw = lambda rows, lengths: ClipRandom(0, clips[rows], torch.tensor(lengths)).signs()
    >>> bool((draw([0, 1], [2, 3])[1] == draw([1], [3])[0]).all())
    True
    """

    def __init__(self, seed: int, waveforms: Tensor, lengths: Tensor) -> None:
        self._size, self._device = waveforms.shape[1], waveforms.device
        self._all = _Streams(seed, waveforms, lengths)
        self._rows: list[int] | None = None

    @property
    def _streams(self) -> list[tuple[int, torch.Generator]]:
        """The length and the random stream of each clip."""
        every = self._all.streams
        return every if self._rows is None else [every[row] for row in self._rows]

    def select(self, rows: Tensor) -> Self:
        """Return the streams of some clips; they are shared, so that draws from either object advance them.

        Args:
            rows: Numbers of the clips in the batch, `[N]`.

        >>> clips = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
        >>> both, one = (ClipRandom(0, clips, torch.tensor([2, 2])) for _ in range(2))
        >>> bool((one.select(torch.tensor([1])).signs()[0] == both.signs()[1]).all())
        True
        """
        chosen: list[int] = rows.tolist()
        selected = copy.copy(self)
        selected._rows = chosen if self._rows is None else [self._rows[row] for row in chosen]
        return selected

    def _draw(self, one: Callable[[int, torch.Generator], Tensor], dtype: torch.dtype) -> Tensor:
        streams = self._streams
        drawn = torch.zeros(len(streams), self._size, dtype=dtype)
        for row, (length, stream) in zip(drawn, streams, strict=True):
            row[:length] = one(length, stream)
        return drawn.to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform draws from [0, 1): `[B, T]`, zero beyond each clip, or `[B, *shape]` if a shape is given."""
        if shape:
            streams = self._streams
            drawn = torch.empty(len(streams), *shape)
            for row, (_, stream) in zip(drawn, streams, strict=True):
                torch.rand(shape, generator=stream, out=row)
            return drawn.to(self._device)
        return self._draw(lambda length, stream: torch.rand(length, generator=stream), torch.float32)

    def normal(self) -> Tensor:
        """Return draws from the standard normal distribution, `[B, T]`, zero beyond each clip."""
        return self._draw(lambda length, stream: torch.randn(length, generator=stream), torch.float32)

    def signs(self) -> Tensor:
        """Return random signs, -1 or 1 with equal probability, `[B, T]`, zero beyond each clip."""
        return self._draw(
            lambda length, stream: torch.randint(2, (length,), generator=stream) * 2.0 - 1.0, torch.float32
        )

    def orders(self) -> Tensor:
        """Return a random permutation of the sample indices of each clip, `[B, T]`, zero beyond each clip."""
        return self._draw(lambda length, stream: torch.randperm(length, generator=stream), torch.int64)

    def shuffle(self, values: Tensor) -> Tensor:
        """Return the values `[B, T]` of each clip, moved to random positions within the same clip."""
        lengths = torch.tensor([length for length, _ in self._streams], device=self._device)
        valid = torch.arange(self._size, device=self._device) < lengths[:, None]
        return values.gather(1, self.orders()) * valid
