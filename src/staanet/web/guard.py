"""Who may ask the workbench: no other web page, no other name of this machine, and nobody without the token."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names by which a browser reaches this machine itself."""

COOKIE = "staanet-token"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy of the page: nothing is loaded from elsewhere, and no script stands in the page itself."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Middleware that refuses what does not come from the page of the workbench, and sets the headers of answers.

    Args:
        app: The application.
        names: Names under which the workbench may be asked; None for any, which needs a token.
        token: Secret that every request must know, in a cookie that the first address with `?token=` sets.
    """

    def __init__(self, app: Any, names: tuple[str, ...] | None = LOOPBACK, token: str | None = None) -> None:
        self._app, self._names, self._token = app, names, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused, or to the first one with the token; None to all others."""
        headers = Headers(scope=dict(scope))
        host = headers.get("host", "")
        if self._names is not None and _without_port(host) not in self._names:
            return PlainTextResponse(
                f"expected a request to {' or '.join(self._names)}, got another host\n", status_code=421
            )
        if scope["method"] not in ("GET", "HEAD") and not _from_here(headers, host):
            return PlainTextResponse("expected a request of the page itself, got one of another page\n", 403)
        return None if self._token is None else self._check_token(scope, headers, self._token)

    def _check_token(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.pop("token", [""])[0]
        if scope["path"] == "/" and _equal(given, token):
            response = RedirectResponse("/" + (f"?{urlencode(query, doseq=True)}" if query else ""), status_code=303)
            response.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
            return response
        if _equal(_cookie(headers), token):
            return None
        return PlainTextResponse(
            "expected the token of this workbench, got none or another; open the address that the terminal shows\n",
            status_code=401,
        )


def _from_here(headers: Headers, host: str) -> bool:
    """Return whether a request that changes something comes from a page of this workbench.

    A page from elsewhere cannot set the header without asking first, which is never allowed.
    """
    origin = headers.get("origin")
    same = origin is None or origin.partition("://")[2] == host
    return same and headers.get("sec-fetch-site", "same-origin") == "same-origin" and "x-staanet" in headers


def _without_port(host: str) -> str:
    """Return the name in a header `Host`.

    >>> _without_port("localhost:8000"), _without_port("[::1]:8000"), _without_port("evil.example")
    ('localhost', '[::1]', 'evil.example')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _with_headers(send: Send) -> Send:
    async def guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            for name, value in {**HEADERS, "content-security-policy": POLICY}.items():
                headers.setdefault(name, value)
            message["headers"] = headers.raw
        await send(message)

    return guarded
