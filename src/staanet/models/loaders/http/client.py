"""The client of a server: one HTTP request per question, with limits, time-outs, retries and a cache."""

import functools
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from staanet.core.errors import PersistentError, StaanetError
from staanet.core.extras import import_extra
from staanet.core.parsing import parse_json
from staanet.core.version import __version__
from staanet.models.loaders.http.address import check_address, secrets_of, shown
from staanet.models.loaders.http.cache import AnswerCache
from staanet.models.loaders.http.contract import Card, Floats, logits_of, question, read_card

LARGEST = 2**23
"""Largest answer in bytes."""
LONGEST_WAIT = 120
"""Longest pause in seconds between two attempts, even if the server asks for a longer one (`Retry-After`)."""
RETRIED = (429, 500, 502, 503, 504)
REFUSED = (401, 403, 404, 429, 502, 503, 504)
"""Status of a server that would not answer other clips either."""
NO_CARD = (404, 405, 501)
"""Status of a server that does not describe its model."""

PROBLEMS = {
    "ConnectTimeoutError": "no connection within {timeout:g} s",
    "NameResolutionError": "no host of this name",
    "NewConnectionError": "no connection; start the server",
    "ReadTimeoutError": "none within {timeout:g} s; raise timeout if the server is only slow",
    "ProtocolError": "a connection that broke off",
    "SSLError": "a secure connection that cannot be verified; $REQUESTS_CA_BUNDLE names the certificates",
}
"""What went wrong, by the class of the exception."""


@dataclass(frozen=True)
class Terms:
    """How a server is asked.

    Args:
        url: Address of the server.
        timeout: Longest time in seconds for a connection, for the beginning of an answer and for the rest of it.
        retries: Number of further attempts.
        per_second: Largest number of requests per second; None: no limit.
        batch: Largest number of clips per request.
        max_queries: Largest number of clips that are sent; None: no limit.
        token: Name of the environment variable with the bearer token; None: no token.
        cache: File of the cache; None: no cache.
    """

    url: str
    timeout: float
    retries: int
    per_second: float | None
    batch: int
    max_queries: int | None
    token: str | None
    cache: Path | None


T = TypeVar("T")


class Client:
    """The client of a server, which raises a `StaanetError` with the address for everything that goes wrong.

    No proxy, no password from `.netrc` and no redirect is used: clips and token reach the named host only.

    Args:
        terms: How the server is asked.

    Raises:
        StaanetError: If the address is not valid, the token is missing, or the cache cannot be used.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms, self.where = terms, shown(terms.url)
        check_address(terms.url)
        token = None if terms.token is None else _token(terms.token)
        self._secrets = [*secrets_of(terms.url), *([token] if token else [])]
        self._session = _session(terms, token)
        self._cache = None if terms.cache is None else AnswerCache(terms.cache)
        self._queries, self._next = 0, 0.0

    def card(self) -> Card:
        """Return what the server says about its model; nothing if it does not describe its model."""
        status, body = self._exchange("GET")
        if status in NO_CARD:
            return Card()
        self._check_status(status, body)
        return self._understood(body, read_card)

    def ask(self, card: Card, clips: Sequence[Floats]) -> Floats:
        """Return the logits `[B, K]` of clips, of which those that are not in the cache are sent.

        Args:
            card: Labels, sampling rate and version of the model.
            clips: Waveforms, each at its own length.

        Raises:
            StaanetError: If the server does not answer as the contract says, or `max_queries` is reached. The message
                says how many answers are kept.
        """
        about = [self.terms.url.partition("://")[2].rpartition("@")[2], card.version, card.sample_rate, card.labels]
        model = hashlib.sha256(json.dumps(about).encode()).digest()
        keys = [hashlib.sha256(clip.astype("<f4").tobytes()).digest() for clip in clips]
        known = {} if self._cache is None else self._cache.find(model, set(keys), len(card.labels))
        unknown = {key: clip for key, clip in zip(keys, clips, strict=True) if key not in known}
        while unknown:
            part = dict(list(unknown.items())[: self.terms.batch])
            try:
                logits = self._answers(card, list(part.values()))
            except StaanetError as error:
                raise type(error)(f"{error}; {self._kept(model)}") from None
            answers = dict(zip(part, logits, strict=False))  # fewer than clips if max_queries is reached
            if self._cache is not None:
                self._cache.keep(model, answers)
            known |= answers
            unknown = {key: clip for key, clip in unknown.items() if key not in answers}
        return np.stack([known[key] for key in keys])

    def _answers(self, card: Card, clips: list[Floats]) -> Floats:
        """Send one request, with as many of the clips as may still be sent, and return their logits."""
        assert card.sample_rate is not None  # noqa: S101
        limit = self.terms.max_queries
        clips = clips if limit is None else clips[: limit - self._queries]
        if not clips:
            raise PersistentError(f"{self.where}: expected {limit} queries at most, got more; raise max_queries")
        self._queries += len(clips)
        status, body = self._exchange("POST", question(clips, card.sample_rate))
        self._check_status(status, body)
        return self._understood(body, functools.partial(logits_of, clips=len(clips), labels=card.labels))

    def _exchange(self, method: str, message: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        """Send one request, and return the status and the content of the answer."""
        requests, errors = import_extra("requests", "http"), import_extra("urllib3.exceptions", "http")
        if self.terms.per_second is not None:
            if (wait := self._next - time.monotonic()) > 0:
                time.sleep(wait)
            self._next = time.monotonic() + 1 / self.terms.per_second
        data = None if message is None else json.dumps(message).encode()
        try:
            with self._session.request(
                method, self.terms.url, data=data, timeout=self.terms.timeout, stream=True
            ) as response:
                content = self._content(response)
                if 300 <= response.status_code < 400:
                    raise StaanetError(
                        f"{self.where}: expected an answer, got a redirect to {_target(response)}; use that address if "
                        "you trust it"
                    )
                return response.status_code, content
        except (requests.RequestException, errors.HTTPError, OSError, UnicodeError) as error:
            cause = getattr(error.args[0] if error.args else None, "reason", None) or error
            names = [kind.__name__ for kind in type(cause).__mro__]
            problem = next((PROBLEMS[name] for name in names if name in PROBLEMS), names[0])
            raise PersistentError(
                f"{self.where}: expected an answer, got {problem.format(timeout=self.terms.timeout)}"
            ) from None

    def _content(self, response: Any) -> bytes:
        """Return the content of an answer, of which neither the size nor the duration is without limit."""
        content, end = b"", time.monotonic() + self.terms.timeout
        while chunk := response.raw.read1(2**16, decode_content=True):
            content += chunk
            if len(content) > LARGEST:
                raise StaanetError(f"{self.where}: expected an answer of {LARGEST} bytes at most, got a larger one")
            if time.monotonic() > end:
                problem = PROBLEMS["ReadTimeoutError"].format(timeout=self.terms.timeout)
                raise StaanetError(f"{self.where}: expected a complete answer, got {problem}")
        return content

    def _check_status(self, status: int, content: bytes) -> None:
        """Raise an error that says what to do unless a request succeeded."""
        if 200 <= status < 300:
            return
        token = "set token to the name of an environment variable that holds one"  # noqa: S105
        hints = {
            401: "check the token" if self.terms.token else token,
            403: "check what the token permits" if self.terms.token else token,
            404: "check the path of the address",
            413: "lower batch, or send shorter clips (seconds)",
            429: "set per_second, or run again later",
        }
        phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else ""
        hint = f"; {hints[status]}" if status in hints else ""
        kind = PersistentError if status in REFUSED else StaanetError
        raise kind(f"{self.where}: expected an answer, got the status {status} {phrase}{self._excerpt(content)}{hint}")

    def _understood(self, content: bytes, read: Callable[[Any], T]) -> T:
        """Return what `read` finds in the JSON of an answer."""
        try:
            answer = parse_json(content)
        except ValueError as error:
            told = "something else" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else error
            raise StaanetError(f"{self.where}: expected JSON, got {told}{self._excerpt(content)}") from None
        try:
            return read(answer)
        except StaanetError as error:
            raise StaanetError(f"{self.where}: {error}") from None

    def _excerpt(self, content: bytes) -> str:
        """Return the beginning of an answer for a message, without secrets that it may repeat."""
        text = " ".join(content.decode("utf-8", "replace").split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = "".join(letter for letter in text[:80] if letter.isprintable())
        return f" ({text})" if text else ""

    def _kept(self, model: bytes) -> str:
        if self._cache is None:
            return "no answers are kept, because cache is off"
        return f"{self._cache.count(model)} answers are kept, from which the same command goes on"


def _target(response: Any) -> str:
    """Return where a redirect leads, without secrets."""
    location = response.headers.get("Location", "")
    return shown(location) if "://" in location else ascii(location.partition("?")[0])


def _token(name: str) -> str:
    """Return the token in an environment variable, without naming either: the name may be a token by mistake."""
    value = os.environ.get(name, "").strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise StaanetError(
            "expected token to name an environment variable with a token of printable ASCII characters, found none; "
            "set the variable (export NAME=...)"
        )
    return value


def _session(terms: Terms, token: str | None) -> Any:
    requests, retry = import_extra("requests", "http"), import_extra("urllib3.util.retry", "http")
    retries = retry.Retry(
        total=terms.retries,
        redirect=0,
        status_forcelist=RETRIED,
        allowed_methods=("GET", "POST"),  # a question does not change the server
        backoff_factor=0.5,
        backoff_max=LONGEST_WAIT,
        retry_after_max=LONGEST_WAIT,
        raise_on_status=False,
    )
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # its warnings contain the query
    session = requests.Session()
    session.trust_env = False
    session.get_redirect_target = lambda _: None  # a redirect is reported, not followed
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    session.headers.update(
        {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": f"staanet/{__version__}",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retries))
    return session


client_of = functools.cache(Client)
"""Return the client with these terms: one per process, so that limits hold for all models behind one address."""
