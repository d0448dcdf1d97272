"""Datasets in a store that fsspec knows, such as a bucket of S3: fetched into a cache, and written shard by shard."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from staanet.core import checksums
from staanet.core.checksums import CHECKSUMS, Checksum
from staanet.core.errors import PersistentError, StaanetError
from staanet.core.extras import import_extra
from staanet.core.files import atomic_write, remove
from staanet.core.paths import inside
from staanet.core.processes import locked
from staanet.core.signature import file_digest
from staanet.core.text import plain

DESCRIPTION = "dataset.json"
"""The file of a dataset that is written last, so that a dataset with it is complete."""


def is_url(place: str | Path) -> bool:
    """Return whether a place is in a store, and not a folder of this machine.

    >>> is_url("s3://bucket/emodb"), is_url("data/emodb")
    (True, False)
    """
    return isinstance(place, str) and re.match(r"[a-z][a-z0-9+.-]*://", place) is not None


def fetched(url: str) -> Path:
    """Return a folder of the cache with the files of a dataset; those that it has already are not fetched again.

    The cache is in `$XDG_CACHE_HOME/staanet/datasets`, by default `~/.cache/staanet/datasets`. Every file is checked by
    its hash.

    Args:
        url: Address of the dataset.

    Raises:
        StaanetError: The store cannot be used, has no complete dataset there, or a file is damaged.
    """
    with _store(url) as (store, root):
        content = _content(store, root)
        folder = _cached(content)
        if (folder / CHECKSUMS).is_file():
            return folder
        files = _checksums(content)
        if DESCRIPTION not in files:
            raise StaanetError(
                f"{url}: expected a prepared dataset, found {'a part of one' if files else 'none'}; make one with "
                f"`staanet prepare CORPUS ROOT --out {url}`"
            )
        paths = {name: inside(folder, name) for name in files}
        with locked(folder):
            for name, path in paths.items():
                checksum = files[name]
                if not path.is_file() or file_digest(path) != checksum.sha256:
                    with atomic_write(path, checksum.size) as temporary:
                        with _told(url):
                            store.get_file(f"{root}/{name}", str(temporary))
                        if file_digest(temporary) != checksum.sha256:
                            raise StaanetError(
                                f"{url}/{name}: expected the contents that were written, got others; fetch it again, "
                                "or prepare the dataset again"
                            )
            checksums.seal(folder, paths.values())
    return folder


def outgoing(url: str) -> Path:
    """Return the folder of the cache in which a dataset is prepared before it is written to a store.

    Raises:
        StaanetError: The store cannot be used, has no such bucket, or has other files there.
    """
    with _store(url) as (store, root):
        bucket = _bucket(root)
        if bucket and not store.exists(bucket):
            raise StaanetError(
                f"{url}: expected a bucket that exists, found none named {bucket}; make it, or check the address and "
                "your credentials"
            )
        if store.exists(root) and store.find(root) and not store.exists(f"{root}/{CHECKSUMS}"):
            raise StaanetError(f"{url}: expected a new place or a dataset, got other files; choose another --out")
    return _cache() / "outgoing" / hashlib.sha256(url.encode()).hexdigest()[:16]


def publish(folder: Path, url: str) -> Path:
    """Write a dataset to a store, move it to the cache for datasets of stores, and return its folder there.

    The shards are written one by one and the description last. What is there with the same hash, such as from a call
    that was interrupted, is not written again.

    Args:
        folder: Folder of the dataset.
        url: Address in the store.

    Raises:
        StaanetError: The store cannot be used.
    """
    content = (folder / CHECKSUMS).read_bytes()
    lines = {json.loads(line).get("name"): line + b"\n" for line in content.splitlines()}
    own = _checksums(content)
    with _store(url) as (store, root):
        there = _checksums(_content(store, root))
        written = {
            name
            for name, checksum in own.items()
            if name != DESCRIPTION and name in there and there[name].sha256 == checksum.sha256
        }
        if not _bucket(root):
            store.makedirs(root, exist_ok=True)
        for name in sorted(own.keys() - written, key=lambda name: (name == DESCRIPTION, name)):
            store.pipe_file(f"{root}/{CHECKSUMS}", b"".join(lines[one] for one in sorted(written)))
            store.put_file(str(folder / name), f"{root}/{name}")
            written.add(name)
        store.pipe_file(f"{root}/{CHECKSUMS}", content)
        for name in there.keys() - own.keys():
            store.rm_file(f"{root}/{name}")
    cached = _cached(content)
    if not (cached / CHECKSUMS).is_file():
        with atomic_write(cached) as temporary:
            folder.rename(temporary)
    remove(folder)
    return cached


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "staanet" / "datasets"


def _cached(content: bytes) -> Path:
    """Return the folder of the cache for a dataset with the given checksums."""
    return _cache() / hashlib.sha256(content).hexdigest()[:16]


def _bucket(root: str) -> str:
    """Return the bucket in which a place is, which nothing here makes; empty if the store has folders instead."""
    first = root.partition("/")[0]
    return "" if first.endswith(":") else first


def _content(store: Any, root: str) -> bytes:
    """Return the checksums of a dataset in a store as they are in their file; empty if there is none."""
    try:
        return bytes(store.cat_file(f"{root}/{CHECKSUMS}"))
    except FileNotFoundError:
        return b""


def _checksums(content: bytes) -> dict[str, Checksum]:
    return checksums.parse(content)[0]


@contextlib.contextmanager
def _store(url: str) -> Iterator[tuple[Any, str]]:
    """Yield a store and a place in it; what the store raises within the block is told in one line.

    Raises:
        StaanetError: The store cannot be used.
    """
    try:
        store, root = import_extra("fsspec.core", "scale").url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise StaanetError(
            f"{url}: expected a store that fsspec knows, got {url.partition('://')[0]} ({_line(error)}); install its "
            "package, such as s3fs for s3, or choose another address"
        ) from error
    with _told(url):
        yield store, root.rstrip("/")


@contextlib.contextmanager
def _told(url: str) -> Iterator[None]:
    """Tell what a store raises within the block, which may be an error of any kind, in one line."""
    try:
        yield
    except StaanetError:
        raise
    except Exception as error:
        raise PersistentError(
            f"{url}: expected a place that can be read and written, got {_line(error)}; check the address and your "
            f"credentials for {url.partition('://')[0]}, and run the same command again"
        ) from error


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return plain(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)[:300]
