"""Exceptions of Python and of other libraries as errors of this library, in one line that says what to do."""

import errno

from staanet.core.errors import StaanetError
from staanet.core.text import plain

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_MEMORY = ("out of memory", "can't allocate", "cannot allocate", "unable to allocate", "not enough memory")
"""Parts of the messages with which libraries say that memory does not suffice, in lower case."""


def told(error: Exception) -> StaanetError:
    """Return an exception as an error whose message is one line.

    >>> print(told(RecursionError("maximum recursion depth exceeded")))
    expected values that are less deep inside each other, got more; simplify the input
    >>> print(told(TypeError("unhashable")))
    expected no TypeError, got one (unhashable); the same command with --debug shows where; please report it
    """
    if isinstance(error, StaanetError):
        return StaanetError(plain(str(error)))
    text = plain(str(error))
    if isinstance(error, OSError) and error.errno in FULL:
        return StaanetError("expected more room on the disk, got a full one; free some space and run again")
    if isinstance(error, MemoryError) or any(part in text.lower() for part in NO_MEMORY):
        return StaanetError("expected enough memory, got too little; lower batch_size or the sizes in the settings")
    if isinstance(error, RecursionError):
        return StaanetError("expected values that are less deep inside each other, got more; simplify the input")
    if isinstance(error, OSError):
        name = f"{plain(str(error.filename))[:300]}: " if error.filename else ""
        return StaanetError(f"{name}expected a file that can be used, got {error.strerror or text}; check the path")
    if isinstance(error, UnicodeError):
        return StaanetError(f"expected text in UTF-8, got {text[:300]}; save the file as UTF-8")
    kind = type(error).__name__
    return StaanetError(
        f"expected no {kind}, got one ({text[:300]}); the same command with --debug shows where; please report it"
    )
