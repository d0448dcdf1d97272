"""The server of the workbench, on this machine only unless another address is asked for."""

import contextlib
import ipaddress
import logging
import secrets
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra
from staanet.web.settings import WebSettings


def serve(settings: WebSettings, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve a workbench until Ctrl-C, and remove everything that it received.

    A secret token is part of the address if other machines can reach it, or if code may run.

    Args:
        settings: What it is started with, except for the folder.
        host: Address to listen on.
        port: Port to listen on; 0 for one that is free.
        say: Is told the address.

    Raises:
        StaanetError: If a package is missing, the address cannot be used, or a folder does not exist.
    """
    uvicorn = import_extra("uvicorn", "web")
    import_extra("starlette", "web")
    from staanet.web.app import create_app
    from staanet.web.guard import LOOPBACK

    for folder in (settings.data, settings.runs, settings.generator):
        if folder is not None and not folder.is_dir():
            raise StaanetError(f"{folder}: expected a folder, found none")
    listening = _listening(host, port)
    local = _is_loopback(host)
    token = None if local and not settings.trust else secrets.token_urlsafe(24)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="staanet-web-", ignore_cleanup_errors=True) as received:
        app = create_app(replace(settings, folder=Path(received)), names=LOOPBACK if local else None, token=token)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=64,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=2,
        )
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
        say(f"workbench: {address} (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt), _ended_by_signals():
            uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let the signals that end a process end a block as Ctrl-C does, so that what was received is removed."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def terminate(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt)}
    if hasattr(signal, "SIGHUP"):
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address.

    >>> _is_loopback("127.0.0.1"), _is_loopback("localhost"), _is_loopback("::1"), _is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()  # browsers wait from now on, instead of being refused
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StaanetError(
            f"{host}:{port}: expected an address to listen on, got {reason}; choose another --port"
        ) from None
    return listening
