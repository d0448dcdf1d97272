"""What `staanet doctor` finds: versions, extras, the computer, corpora and checkpoints. Nothing here is changed."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from staanet.core.version import __version__

DEVELOPMENT = ("dev", "docs")
"""Extras for work on the library, which users do not need."""


def versions() -> dict[str, str | None]:
    """Return the versions of the library, of Python and of the required packages; None for one that is missing."""
    required = [requirement.name for requirement in _requirements() if requirement.marker is None]
    return {
        "staanet": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in sorted(required)},
    }


def extras() -> dict[str, dict[str, Any]]:
    """Return for each extra the problems of its packages and the command that installs it, None if there are none.

    >>> extras()["h5"].keys()
    dict_keys(['problems', 'install'])
    """
    names = [name for name in metadata.metadata("staanet").get_all("Provides-Extra") or () if name not in DEVELOPMENT]
    return {name: _extra(name) for name in names}


def _extra(name: str) -> dict[str, Any]:
    needed = [one for one in _requirements() if one.marker is not None and one.marker.evaluate({"extra": name})]
    problems = [problem for requirement in needed if (problem := _problem(requirement))]
    return {"problems": problems, "install": f'pip install "staanet[{name}]"' if problems else None}


def _problem(requirement: Requirement) -> str | None:
    """Return what is wrong with the installed version of a package, or None."""
    version = _version(requirement.name)
    if version is None:
        return f"{requirement.name} is missing"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} is {version}, expected {requirement.specifier}"
    return None


def _requirements() -> list[Requirement]:
    return [Requirement(text) for text in metadata.requires("staanet") or ()]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def computer(devices: bool) -> dict[str, Any]:
    """Return the operating system, cores and memory, and with `devices` also threads and GPUs, for which torch counts.

    >>> sorted(computer(devices=False))
    ['cores', 'memory_gb', 'system']
    """
    found: dict[str, Any] = {"system": platform.platform(), "cores": os.cpu_count(), "memory_gb": _memory()}
    if devices:
        import torch

        gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        gpus += ["mps"] if torch.backends.mps.is_available() else []
        found |= {"threads": torch.get_num_threads(), "devices": ["cpu", *gpus]}
    return found


def _memory() -> float | None:
    """Return the physical memory in GB, or None where the operating system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


def corpora() -> dict[str, Any]:
    """Return the folder `$STAANET_CORPORA`, whether it is one, and the corpora in it by their names."""
    from staanet.cli.catalogue import Kind, names

    folder = os.environ.get("STAANET_CORPORA")
    found = [name for name in names(Kind.CORPORA) if folder and (Path(folder) / name).is_dir()]
    return {"folder": folder, "exists": folder is not None and Path(folder).is_dir(), "found": found}


def checkpoints() -> dict[str, Any]:
    """Return the folder `$STAANET_CHECKPOINTS`, whether it is one, and the checkpoints `<owner>/<name>` in it."""
    folder = os.environ.get("STAANET_CHECKPOINTS")
    configs = sorted(Path(folder).glob("*/*/config.json")) if folder else []
    found = [f"{path.parent.parent.name}/{path.parent.name}" for path in configs]
    return {"folder": folder, "exists": folder is not None and Path(folder).is_dir(), "found": found}


def sections(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what was found as lines under headings."""
    computer = found["computer"]
    lines = [f"{computer['system']}; {computer['cores']} cores; {computer['memory_gb'] or '?'} GB of memory"]
    if "devices" in computer:
        lines.append(f"devices {', '.join(computer['devices'])}; {computer['threads']} threads")
    return {
        "Versions": [", ".join(f"{name} {version or '(missing)'}" for name, version in found["versions"].items())],
        "Extras": [_extra_line(name, extra) for name, extra in found["extras"].items()],
        "Computer": lines,
        "Corpora": _folder_lines(
            "STAANET_CORPORA", "a folder for each corpus (`staanet list corpora`)", found["corpora"]
        ),
        "Checkpoints": _folder_lines("STAANET_CHECKPOINTS", "<owner>/<name>/config.json", found["checkpoints"]),
    }


def _extra_line(name: str, extra: Mapping[str, Any]) -> str:
    if not extra["problems"]:
        return f"{name:<11} installed"
    return f"{name:<11} {'; '.join(extra['problems'])}; {extra['install']}"


def _folder_lines(variable: str, contents: str, found: Mapping[str, Any]) -> list[str]:
    if found["folder"] is None:
        return [f"{variable} is not set; set it to a folder that contains {contents}"]
    if not found["exists"]:
        return [f"{variable} is {found['folder']}, which is not a folder"]
    return [f"{found['folder']}: {', '.join(found['found']) or f'expected {contents}, found none'}"]
