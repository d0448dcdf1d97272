"""What browsers have sent and what was made for them: kept under names that cannot be guessed, and never for long."""

import re
import secrets
import time
from pathlib import Path

from staanet.core.files import remove
from staanet.web.worker import Job

MOST_KEPT = 512 * 2**20
"""Largest size of all results together, in bytes; the oldest make room."""

MOST_UPLOADS = 16
"""Largest number of clips that are kept; the oldest make room."""

MINUTES = 30
"""Minutes after which nothing is kept that no browser has asked for."""

ABANDONED = 180.0
"""Seconds after which a job is cancelled that no browser has asked for; a page in the background asks once a minute."""


class Store:
    """The clips and jobs of all browsers; each knows the names of its own only.

    Args:
        folder: Folder of the clips.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clips: dict[str, tuple[Path, str, float]] = {}
        self._jobs: dict[str, Job] = {}

    def new_clip(self, name: str) -> tuple[str, Path]:
        """Return the id of a new clip and the path to write it to.

        Args:
            name: Name of the file as the browser gives it.
        """
        key, shown = secrets.token_urlsafe(16), file_name(name)
        path = self._folder / key / shown
        path.parent.mkdir(mode=0o700)
        self._clips[key] = (path, shown, time.monotonic())
        for old in list(self._clips)[:-MOST_UPLOADS]:
            self.forget_clip(old)
        return key, path

    def clip(self, key: str) -> tuple[Path, str] | None:
        """Return the path of a clip and the name of its file; None if it is not kept."""
        if key not in self._clips:
            return None
        path, name, _ = self._clips.pop(key)
        self._clips[key] = (path, name, time.monotonic())  # the one that was used last goes last
        return path, name

    def forget_clip(self, key: str) -> None:
        """Remove a clip."""
        if key in self._clips:
            remove(self._clips.pop(key)[0].parent)

    def add(self, job: Job) -> None:
        """Keep a job."""
        self.tidy()
        self._jobs[job.id] = job

    def job(self, key: str) -> Job | None:
        """Return a job; None if it is not kept."""
        job = self._jobs.get(key)
        if job is not None:
            job.asked = time.monotonic()
        return job

    def forget_job(self, key: str) -> None:
        """Cancel a job if it has not ended, and forget its result."""
        if key in self._jobs:
            self._jobs.pop(key).stopped.set()

    def tidy(self) -> None:
        """Cancel and forget what no browser asks for anymore, and the oldest results if all are too large."""
        now = time.monotonic()
        for key, job in list(self._jobs.items()):
            if now - job.asked > (60 * MINUTES if job.over else ABANDONED):
                self.forget_job(key)
        for key, (_, _, used) in list(self._clips.items()):
            if now - used > 60 * MINUTES:
                self.forget_clip(key)
        size = 0
        for key, job in reversed(list(self._jobs.items())):
            size += _size(job)
            if size > MOST_KEPT and job.over:
                self.forget_job(key)


def file_name(name: str) -> str:
    r"""Return a name of a file that can stand in a folder and in a command: without folders and control characters.

    >>> file_name("../../etc/passwd"), file_name("C:\\clips\\my clip.wav"), file_name("")
    ('passwd', 'my clip.wav', 'clip')
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(letter for letter in last if letter.isprintable()).strip(". ")
    stem, dot, ending = kept.rpartition(".")
    return f"{stem[:80]}{dot}{ending[:10]}" if stem else (kept[:80] or "clip")


def _size(job: Job) -> int:
    if not isinstance(job.answer, dict):
        return 0
    return sum(len(content) for content in job.answer.get("files", {}).values())
