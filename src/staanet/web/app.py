"""The application: the page, clips that are sent to it, jobs, and the files of runs."""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.settings import validated
from staanet.web.guard import LOOPBACK, Guard
from staanet.web.runs import inside
from staanet.web.settings import MOST_BYTES, MOST_SECONDS, AttackRequest, Clip, WebSettings
from staanet.web.store import Store
from staanet.web.worker import Job, Worker, start_process

TYPES = {
    ".css": "text/css",
    ".flac": "audio/flac",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".wav": "audio/wav",
}
"""Kinds of files that the workbench itself hands out, by their ending; all others are bytes."""

RUN_TYPES = TYPES | {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".tex": "text/plain",
    ".xml": "text/xml",
}
"""Kinds of files of runs that are handed out, by their ending."""

RUN_POLICY = (
    "sandbox allow-scripts allow-downloads allow-popups; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content security policy of the pages of runs: their scripts run, but on their own, and can ask for nothing."""

MOST_JSON = 64 * 1024
"""Largest question of the page in bytes."""

TIDY_SECONDS = 20.0


class Workbench:
    """The state of a workbench, and its answers.

    Args:
        settings: What it was started with.
        start: Starts a process that does the work.
    """

    def __init__(self, settings: WebSettings, start: Callable[..., Any] = start_process) -> None:
        self._settings = settings
        self._store = Store(settings.folder)
        self._attacks, self._others = Worker(settings, start), Worker(settings, start)
        self._catalogue = Job("catalogue", {})

    @contextlib.asynccontextmanager
    async def life(self, app: Starlette) -> AsyncIterator[None]:
        """Load the attacks before the first browser asks for them, tidy up meanwhile, and end the processes."""
        del app
        self._attacks.submit(self._catalogue)
        tidying = asyncio.create_task(self._tidy())
        try:
            yield
        finally:
            tidying.cancel()
            await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End the processes."""
        self._attacks.close()
        self._others.close()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            self._store.tidy()

    async def start(self, request: Request) -> Response:
        """Answer what the page needs first, and whether the attacks are loaded."""
        del request
        job = self._catalogue
        if job.state in ("failed", "cancelled"):
            self._catalogue = Job("catalogue", {})
            self._attacks.submit(self._catalogue)
        return JSONResponse(
            {
                "ready": job.state == "done",
                "error": job.answer if job.state == "failed" else None,
                "trust": self._settings.trust,
                "runs": self._settings.runs is not None,
                "most_bytes": MOST_BYTES,
                "most_seconds": MOST_SECONDS,
                **(job.answer if job.state == "done" else {}),
            }
        )

    async def receive(self, request: Request) -> Response:
        """Receive a clip piece by piece, and refuse it as soon as it is too large."""
        name = request.query_params.get("name", "clip")
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > MOST_BYTES:
            return _too_large(name)
        key, path = self._store.new_clip(name)
        received = 0
        with path.open("wb") as file:
            async for piece in request.stream():
                received += len(piece)
                if received > MOST_BYTES:
                    self._store.forget_clip(key)
                    return _too_large(name)
                file.write(piece)
        return JSONResponse({"clip": key, "name": path.name}, status_code=201)

    async def forget_clip(self, request: Request) -> Response:
        """Remove a clip."""
        self._store.forget_clip(request.path_params["key"])
        return Response(status_code=204)

    async def submit(self, request: Request) -> Response:
        """Begin a job."""
        question = await _json(request)
        task = question.pop("task", "")
        job = Job(str(task), self._arguments(str(task), question))
        self._store.add(job)
        self._worker(job).submit(job)
        return JSONResponse({"job": job.id}, status_code=201)

    def _arguments(self, task: str, question: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a task, checked."""
        if task == "attack":
            asked = validated(AttackRequest, question, "attack")
            return {"request": {**vars(asked), "clip": vars(self._found(asked.clip))}}
        if task == "look":
            return {"clip": self._found(validated(Clip, question, "clip"))}
        if task == "compare":
            if set(question) != {"first", "second"} or not all(isinstance(one, str) for one in question.values()):
                raise StaanetError("expected first and second, the folders of two evaluations, got something else")
            return question
        if task == "runs" and not question:
            return {}
        raise unknown_name("task", task, ("attack", "look", "compare", "runs"))

    def _found(self, clip: Clip) -> Clip:
        """Return a clip with the place of its file."""
        if clip.kind != "upload":
            return Clip(clip.kind, clip.key)
        found = self._store.clip(clip.key)
        if found is None:
            raise StaanetError("expected a clip, got one that is no longer kept; drop the file again")
        path, name = found
        return Clip("upload", clip.key, name, str(path))

    def _worker(self, job: Job) -> Worker:
        """Return who does a job; a look at a clip does not wait behind an attack."""
        if job.task == "attack" or (job.task == "look" and self._attacks.idle):
            return self._attacks
        return self._others

    async def job(self, request: Request) -> Response:
        """Answer how far a job is, and its result without its files."""
        job = self._job(request)
        about: dict[str, Any] = {"state": job.state, "passes": job.passes, "doing": job.doing}
        if job.state == "waiting":
            about["ahead"] = max(worker.ahead(job) for worker in (self._attacks, self._others))
        if job.state == "failed":
            about["error"] = job.answer
        if job.state == "done":
            about["answer"] = _without_bytes(job.answer)
        return JSONResponse(about)

    async def forget_job(self, request: Request) -> Response:
        """Cancel a job, or forget its result."""
        self._store.forget_job(request.path_params["key"])
        return Response(status_code=204)

    async def file(self, request: Request) -> Response:
        """Answer a file of a result."""
        job, name = self._job(request), request.path_params["name"]
        files = job.answer.get("files", {}) if job.state == "done" and isinstance(job.answer, dict) else {}
        if name not in files:
            raise HTTPException(404, "expected a file of the result, found none")
        return _ranged(request, files[name], TYPES.get(f".{name.rpartition('.')[2]}", "application/octet-stream"))

    async def run_file(self, request: Request) -> Response:
        """Answer a file of a run, whose pages cannot reach the workbench."""
        path = inside(self._settings.runs, request.path_params["path"])
        if path.suffix not in RUN_TYPES or not path.is_file():
            raise HTTPException(404, "expected a page or table of a run, found none")
        return FileResponse(path, media_type=RUN_TYPES[path.suffix], headers={"content-security-policy": RUN_POLICY})

    def _job(self, request: Request) -> Job:
        job = self._store.job(request.path_params["key"])
        if job is None:
            raise HTTPException(404, "expected a result, got one that is no longer kept; run the attack again")
        return job


def create_app(
    settings: WebSettings,
    *,
    names: tuple[str, ...] | None = LOOPBACK,
    token: str | None = None,
    start: Callable[..., Any] = start_process,
) -> Any:
    """Return the application of a workbench.

    Args:
        settings: What it is started with.
        names: Names under which it may be asked; None for any, which needs a token.
        token: Secret that every browser must know; None for none.
        start: Starts a process that does the work.
    """
    bench = Workbench(settings, start)
    routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/", page),
        ("GET", "/assets/{name}", page),
        ("GET", "/api/start", bench.start),
        ("POST", "/api/clips", bench.receive),
        ("DELETE", "/api/clips/{key}", bench.forget_clip),
        ("POST", "/api/jobs", bench.submit),
        ("GET", "/api/jobs/{key}", bench.job),
        ("DELETE", "/api/jobs/{key}", bench.forget_job),
        ("GET", "/api/jobs/{key}/{name}", bench.file),
        ("GET", "/runs/{path:path}", bench.run_file),
    ]
    app = Starlette(
        routes=[Route(path, answer, methods=[method]) for method, path, answer in routes],
        exception_handlers={StaanetError: _refused, HTTPException: _not_found},
        lifespan=bench.life,
    )
    return Guard(app, names, token)


async def page(request: Request) -> Response:
    """Answer the page or one of its files."""
    name = request.path_params.get("name", "index.html")
    file = resources.files("staanet.web") / "pages" / name
    if "/" in name or "\\" in name or name.startswith(".") or not file.is_file():
        raise HTTPException(404, "expected a file of the page, found none")
    kind = TYPES.get(f".{name.rpartition('.')[2]}", "application/octet-stream")
    return Response(file.read_bytes(), media_type=kind)


async def _json(request: Request) -> dict[str, Any]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_JSON:
            raise StaanetError(f"expected a question of {MOST_JSON} bytes or less, got a larger one")
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StaanetError("expected a question in JSON, got something else")
    return found


def _without_bytes(answer: Any) -> Any:
    """Return a result without its files, and with the bytes of pictures as text."""
    if isinstance(answer, dict):
        return {key: _without_bytes(value) for key, value in answer.items() if key != "files"}
    return b64encode(answer).decode() if isinstance(answer, bytes) else answer


def _ranged(request: Request, content: bytes, kind: str) -> Response:
    """Return bytes, or the part of them that a player asks for when it jumps to another position."""
    headers = {"accept-ranges": "bytes"}
    wanted = request.headers.get("range", "")
    first, dash, last = wanted.removeprefix("bytes=").partition("-")
    if not (wanted.startswith("bytes=") and dash and first.isdigit() and (last.isdigit() or not last)):
        return Response(content, media_type=kind, headers=headers)
    begin, end = int(first), min(int(last), len(content) - 1) if last else len(content) - 1
    if begin > end:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(content)}"})
    headers |= {"content-range": f"bytes {begin}-{end}/{len(content)}"}
    return Response(content[begin : end + 1], status_code=206, media_type=kind, headers=headers)


def _too_large(name: str) -> Response:
    message = (
        f"{name}: expected a clip of {MOST_BYTES // 2**20} MiB or less, got a larger file; cut it, or convert it: "
        "ffmpeg -i CLIP -vn -ac 1 -ar 16000 clip.wav"
    )
    return JSONResponse({"error": message}, status_code=413, headers={"connection": "close"})


async def _refused(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"error": str(error)}, status_code=422)


async def _not_found(request: Request, error: Exception) -> Response:
    del request
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (404, str(error))
    return JSONResponse({"error": detail}, status_code=status)
