"""Reuse of freed memory by the C library, which makes training on the CPU faster."""

import ctypes
import functools
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Numbers of the parameters in malloc.h of glibc."""


@functools.cache
def keep_freed_memory() -> bool:
    """Make glibc reuse freed memory in this process instead of returning it to the operating system.

    Training on waveforms allocates and frees large tensors in each step. By default glibc maps and unmaps each of them,
    and the page faults take up to half of the time of a step on a CPU. Returns whether glibc accepted the settings;
    False with another C library.

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
