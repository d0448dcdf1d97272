import socket

import pytest

from staanet.core.errors import StaanetError
from tiny import hugging_face


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def asked(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    monkeypatch.setattr(socket.socket, "connect", asked)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A checkpoint of a tiny wav2vec 2.0 with the labels a, b and c."""
    return hugging_face(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy of the checkpoint to be damaged."""
    copy = tmp_path / "damaged"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


@pytest.fixture
def error_of():
    """Return the message of the error that a call raises, which is one line."""

    def error_of(call, *arguments, **settings):
        with pytest.raises(StaanetError) as caught:
            call(*arguments, **settings)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return error_of
