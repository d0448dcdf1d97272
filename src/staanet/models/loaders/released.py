"""Models that are released with this library: archives with a known hash, loaded by name."""

import functools
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from staanet.core import checkpoints
from staanet.core.checksums import seal
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.files import atomic_write
from staanet.core.settings import validated
from staanet.core.signature import file_digest
from staanet.models.base import Model
from staanet.models.hugging_face.files import CHECKPOINTS
from staanet.models.loaders.base import Loader
from staanet.models.loaders.checkpoints import relabelled
from staanet.models.registry import MODELS

PREFIX = "release:"
"""Beginning of a reference to a released model."""

FILES = ("config.json", "model.safetensors", "README.md", "LICENSE")
"""Files of an archive: the checkpoint, its card and its licence."""

SECONDS = 60
"""Seconds to wait for an answer of the server."""


@dataclass(frozen=True)
class Release:
    """A released archive.

    Args:
        url: Where it is downloaded from.
        sha256: Hash of the archive.
        size: Its number of bytes.
        licence: Licence of the weights.
        summary: What the model is, in a sentence.
    """

    url: str
    sha256: str
    size: int
    licence: str
    summary: str


@functools.cache
def releases() -> dict[str, Release]:
    """Return the released models by name."""
    text = resources.files("staanet.models.loaders").joinpath("releases.json").read_text(encoding="utf-8")
    return {name: validated(Release, values, f"release {name}") for name, values in json.loads(text).items()}


@dataclass(frozen=True)
class Released(Loader):
    """A model that is released with this library: downloaded once, compared with its hash, and loaded by name."""

    name = "released"
    form = "release:NAME"

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference begins as the name of a released model."""
        return reference.startswith(PREFIX)

    def load(self, reference: str) -> Model:
        """Return the released model."""
        return relabelled(checkpoints.load("model", MODELS, folder_of(reference)), self, reference)

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the hash of the archive."""
        return {"archive": _release(reference).sha256}


def folder_of(reference: str | Path) -> Path:
    """Return the folder of a checkpoint: that which a reference names, or where the archive of a release is unpacked.

    An archive is looked for in the folder `$STAANET_CHECKPOINTS`, and then downloaded.

    Args:
        reference: Reference to a model.

    Raises:
        StaanetError: There is no such release, or its archive cannot be had or is another.
    """
    if not str(reference).startswith(PREFIX):
        return Path(reference)
    release, name = _release(str(reference)), str(reference).removeprefix(PREFIX)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "staanet" / "releases"
    folder = cache / f"{name}-{release.sha256[:12]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder) as temporary:
            temporary.mkdir()
            archive = _own_archive(release) or _downloaded(release, temporary / "archive.zip")
            _check_archive(archive, release)
            _unpack(archive, temporary)
            (temporary / "archive.zip").unlink(missing_ok=True)
            seal(temporary)
    return folder


def _release(reference: str) -> Release:
    name, known = reference.removeprefix(PREFIX), releases()
    if not known:
        raise StaanetError(f"{reference}: expected a released model, but none is released with this version yet")
    if name not in known:
        raise unknown_name("released model", name, known)
    return known[name]


def _own_archive(release: Release) -> Path | None:
    """Return the archive in the user's folder of checkpoints, None without one."""
    folder = os.environ.get(CHECKPOINTS)
    path = Path(folder) / release.url.rpartition("/")[2] if folder else None
    return path if path is not None and path.is_file() else None


def _downloaded(release: Release, path: Path) -> Path:
    """Download an archive, of which no more is read than it should have."""
    file = release.url.rpartition("/")[2]
    try:
        with urlopen(release.url, timeout=SECONDS) as answer:  # noqa: S310 (an address of this package)
            path.write_bytes(answer.read(release.size + 1))
    except (URLError, OSError, ValueError) as error:
        raise StaanetError(
            f"{file}: expected it at {release.url}, got: {error}; download it on a machine with a network into the "
            f"folder ${CHECKPOINTS}"
        ) from None
    return path


def _check_archive(path: Path, release: Release) -> None:
    if (found := file_digest(path)) != release.sha256:
        raise StaanetError(
            f"{release.url.rpartition('/')[2]}: expected the released archive with the hash {release.sha256[:12]}, got "
            f"one with {found[:12]}; remove it and try again"
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive, and no others, to a folder."""
    with zipfile.ZipFile(archive) as opened:
        for name in FILES:
            (folder / name).write_bytes(opened.read(name))
