"""Addresses of servers, which are shown and recorded without the secrets that they may contain."""

import base64
import hashlib
from urllib.parse import unquote, urlsplit

from staanet.core.errors import StaanetError

EXAMPLE = "http://127.0.0.1:8000/model"
SHORTEST_KEY = 8
"""Length from which a value in a query may be a key; shorter values are words."""


def shown(url: str) -> str:
    """Return an address without user name, password, query and fragment, for messages and records.

    >>> shown("https://me:secret@Example.org/emotion?key=secret#top")
    'https://example.org/emotion'
    """
    scheme, _, rest = url.partition("://")
    plain = rest.partition("#")[0].partition("?")[0].rpartition("@")[2]
    host, slash, path = plain.partition("/")
    return "".join(letter for letter in f"{scheme.lower()}://{host.lower()}{slash}{path}" if letter.isprintable())


def check_address(url: str) -> None:
    """Check that an address has a host and, if it has a port, a valid one.

    Raises:
        StaanetError: If it does not. The message does not repeat the address, which may contain a password.
    """
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0 and "@" not in parts.path + parts.query
    except ValueError:
        valid = False
    if not valid or any(letter.isspace() or letter == "\\" or not letter.isprintable() for letter in url):
        raise StaanetError(
            f"expected an address such as {EXAMPLE}, got one without a valid host or port; write special characters "
            "of the path or of a password as in %40"
        )


def query_digest(url: str) -> str | None:
    """Return a hash of the query of an address, None without one: it may name a model, and may contain a key.

    >>> query_digest("http://127.0.0.1/?model=b") != query_digest("http://127.0.0.1/?model=a")
    True
    """
    query = urlsplit(url).query
    return hashlib.sha256(query.encode()).hexdigest()[:10] if query else None


def secrets_of(url: str) -> list[str]:
    """Return what must not be shown of an address: its password, and long values in its query."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else ""
    values = [pair.partition("=")[2] for pair in parts.query.split("&")]
    keys = [value for value in values if len(value) >= SHORTEST_KEY]
    return [secret for secret in (parts.password, password, basic, *keys) if secret]
