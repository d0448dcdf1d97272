"""Models behind an HTTP address: the loader, the client, the contract of questions and answers, and their cache."""

from staanet.models.loaders.http.loader import Http as Http
