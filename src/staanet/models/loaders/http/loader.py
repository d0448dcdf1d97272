"""The loader of models behind an HTTP address."""

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.models.base import Model
from staanet.models.external import External, ExternalSettings
from staanet.models.loaders.base import ExternalLoader, named
from staanet.models.loaders.http.address import query_digest, shown
from staanet.models.loaders.http.cache import default_path
from staanet.models.loaders.http.client import Terms, client_of
from staanet.models.loaders.http.contract import Card

DEFAULT_RATE = 16_000
"""Sampling rate in Hz of a model that does not say another."""


@dataclass(frozen=True)
class Http(ExternalLoader):
    """A model behind an HTTP address, which answers questions in JSON (`docs/guide/http-models.md`); no gradients.

    The clips of a question are sent to the server, and nowhere else. Its answers are kept, so that no question is asked
    twice. When the model is loaded, one second of noise is sent to learn whether it answers.

    Args:
        timeout: Longest time in seconds for a connection, for the beginning of an answer and for the rest of it.
        retries: Number of further attempts if the server does not answer or answers 429, 500, 502, 503 or 504: the
            first at once, the others after pauses that double from 1 s, or after the pause that the server asks for
            (`Retry-After`), of at most 120 s.
        per_second: Largest number of requests per second. Default: no limit.
        batch: Largest number of clips per request.
        max_queries: Largest number of clips that a process sends to this address; answers that are kept do not count.
            Default: no limit.
        token: Name of an environment variable whose value is sent as a bearer token. Default: no token.
        cache: File in which answers are kept; `false` or an empty text for none. Default: `staanet/http-answers.sqlite`
            in the user's folder for caches.
    """

    name = "http"
    form = "http://... or https://..."

    timeout: float = field(default=30.0, compare=False)
    retries: int = field(default=3, compare=False)
    per_second: float | None = field(default=None, compare=False)
    batch: int = field(default=16, compare=False)
    max_queries: int | None = field(default=None, compare=False)
    token: str | None = field(default=None, compare=False)
    cache: str | bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        """Validate the settings."""
        super().__post_init__()
        if self.dimensions:
            raise StaanetError("expected no dimensions for a server, whose contract knows labels only; leave them out")
        if self.outputs != "logits":
            raise StaanetError("expected outputs as the server names them (logits or probabilities); leave outputs out")
        if not 0 < self.timeout < math.inf:
            raise StaanetError(f"expected a timeout above 0 s, got {self.timeout}")
        if not 0 <= self.retries <= 20:
            raise StaanetError(f"expected retries from 0 to 20, got {self.retries}")
        if self.per_second is not None and not 0 < self.per_second < math.inf:
            raise StaanetError(f"expected per_second above 0, got {self.per_second}; leave it out for no limit")
        if self.batch < 1:
            raise StaanetError(f"expected a batch of 1 or more, got {self.batch}")
        if self.max_queries is not None and self.max_queries < 1:
            raise StaanetError(f"expected max_queries of 1 or more, got {self.max_queries}; leave it out for no limit")
        if self.token is not None and not re.fullmatch(r"[A-Za-z_]\w*", self.token, re.ASCII):
            raise StaanetError("expected token to be the name of an environment variable, got something else")

    @classmethod
    def accepts(cls, reference: str) -> bool:
        """Return whether a reference is an address of HTTP."""
        return reference.lower().startswith(("http://", "https://"))

    @classmethod
    def title(cls, reference: str) -> str:
        """Return host and path."""
        return shown(reference).partition("://")[2]

    def load(self, reference: str) -> Model:
        """Ask the server for its labels, and for an answer to one second of noise, and return the model."""
        card = client_of(self._terms(reference)).card()
        title = self.title(reference)
        names = named(card.labels, self.labels, title)
        if self.sample_rate and card.sample_rate and self.sample_rate != card.sample_rate:
            raise StaanetError(
                f"{title}: expected the sample_rate of the server, {card.sample_rate}, got {self.sample_rate}; "
                "leave it out"
            )
        rate = self.sample_rate or card.sample_rate or DEFAULT_RATE
        settings = ExternalSettings.framed(names, rate, self.framing)
        asked = dataclasses.replace(card, labels=card.labels or names, sample_rate=rate)
        return External(_Remote(self._terms(reference), asked), settings, title)

    def identity(self, reference: str) -> Mapping[str, Any]:
        """Return the address without its secrets, and the version that the server gives."""
        version, query = client_of(self._terms(reference)).card().version, query_digest(reference)
        return {"url": shown(reference), **({"query": query} if query else {}), "version": version}

    def _terms(self, reference: str) -> Terms:
        path = default_path() if self.cache is True else Path(self.cache) if self.cache else None
        return Terms(
            reference,
            timeout=self.timeout,
            retries=self.retries,
            per_second=self.per_second,
            batch=self.batch,
            max_queries=self.max_queries,
            token=self.token,
            cache=path,
        )


class _Remote:
    """The function that a server computes, of waveforms `[B, T]` and lengths `[B]`."""

    def __init__(self, terms: Terms, card: Card) -> None:
        self._terms, self._card = terms, card

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits `[B, K]`."""
        if waveforms.requires_grad and torch.is_grad_enabled():
            raise StaanetError("expected clips that need no gradients, which a server does not return")
        samples = waveforms.cpu().numpy()
        clips = [samples[row, :length] for row, length in enumerate(lengths.tolist())]
        return torch.from_numpy(client_of(self._terms).ask(self._card, clips)).to(waveforms.device)
