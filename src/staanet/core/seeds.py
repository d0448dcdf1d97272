"""Reproducible randomness: one seed for each purpose and one random stream for each clip."""

import contextlib
import copy
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


class ClipRandom:
    """One random stream per clip, which depends only on the seed and on the samples of the clip.

    The composition, order and padding of a batch therefore do not change any draw. Draws are made on the CPU and then
    moved to the device of the clips, so that they are the same on every device.

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
        self._size = waveforms.shape[1]
        self._device = waveforms.device
        self._lengths = lengths.tolist()
        self._streams = []
        for waveform, length in zip(waveforms.detach().cpu(), self._lengths, strict=True):
            content = hashlib.blake2b(waveform[:length].contiguous().numpy().tobytes(), digest_size=16).hexdigest()
            self._streams.append(torch.Generator().manual_seed(derive(seed, content)))

    def select(self, rows: Tensor) -> Self:
        """Return the streams of some clips; they are shared, so that draws from either object advance them.

        Args:
            rows: Numbers of the clips in the batch, `[N]`.

        >>> clips = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
        >>> both, one = (ClipRandom(0, clips, torch.tensor([2, 2])) for _ in range(2))
        >>> bool((one.select(torch.tensor([1])).signs()[0] == both.signs()[1]).all())
        True
        """
        chosen = rows.tolist()
        selected = copy.copy(self)
        selected._lengths = [self._lengths[row] for row in chosen]
        selected._streams = [self._streams[row] for row in chosen]
        return selected

    def _draw(self, one: Callable[[int, torch.Generator], Tensor], dtype: torch.dtype) -> Tensor:
        drawn = torch.zeros(len(self._lengths), self._size, dtype=dtype)
        for row, length, stream in zip(drawn, self._lengths, self._streams, strict=True):
            row[:length] = one(length, stream)
        return drawn.to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform draws from [0, 1): `[B, T]`, zero beyond each clip, or `[B, *shape]` if a shape is given."""
        if shape:
            drawn = torch.empty(len(self._streams), *shape)
            for row, stream in zip(drawn, self._streams, strict=True):
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
        valid = (
            torch.arange(self._size, device=self._device) < torch.tensor(self._lengths, device=self._device)[:, None]
        )
        return values.gather(1, self.orders()) * valid
