"""Provenance of a result: versions of the packages, commit of the source, and device."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

from staanet.core.errors import StaanetError
from staanet.core.version import __version__


@cache
def versions(*more: str) -> dict[str, str]:
    """Return the versions of the packages that affect numerical results, and of the packages named in `more`."""
    libraries = {name: metadata.version(name) for name in ("torch", "numpy", "scipy", "soundfile", "soxr", *more)}
    return {"staanet": __version__, "python": platform.python_version(), **libraries}


@cache
def commit() -> tuple[str | None, bool | None]:
    """Return the commit of the running source and whether its working tree is clean; None outside a git checkout."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(here), *arguments]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None, None
    changes = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "HEAD"), changes == "" if changes is not None else None


def device_name(device: torch.device) -> str:
    """Return a description of the device: the name of the GPU, or for example "cpu, 2 threads"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def best_device() -> torch.device:
    """Return the GPU if one is available, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(name: str | None) -> torch.device:
    """Return a device by its name (default: the GPU if one is available, else the CPU).

    Raises:
        StaanetError: If this machine does not have the device.

    >>> device_of("cpu")
    device(type='cpu')
    """
    if name is None:
        return best_device()
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise StaanetError(f"expected a device such as cpu or cuda, got {name!r} ({reason}); change --device") from None
    return device
