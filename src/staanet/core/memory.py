"""Letting the C library keep the memory that tensors give back."""

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""The parameters' numbers in glibc's malloc.h."""


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed memory instead of returning it, for this whole process; False on another C library.

    Training on waveforms allocates and frees large tensors in each step. By default each is mapped and unmapped,
    and the page faults take up to half of a step on a CPU.

    >>> keep_freed_memory() in (True, False)
    True
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 256 * 1024 * 1024))
    accepted = [mallopt(parameter, value) == 1 for parameter, value in settings]
    return all(accepted)
