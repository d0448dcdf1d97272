import base64
import json
import time

import pytest

import staanet
from loopback import logits
from staanet.core.errors import StaanetError
from staanet.models.loaders import loader_of
from staanet.models.loaders.http.cache import default_path

TOKEN = {"token": "MY_TOKEN"}


def load(server, retries=0, **settings):
    return staanet.load_model(server.url, retries=retries, **settings)


ROW = [1.0, 2.0, 3.0]


NONSENSE = [
    (b"<html><h1>Welcome</h1>\n</html>", "expected JSON, got something else (<html><h1>Welcome</h1> </html>)"),
    (b"", "expected JSON, got something else;"),
    (b"[" * 100_000, "expected JSON, got more than 32 values inside each other ([["),
    (b"\xff\xfe\x1b[2J", "expected JSON, got something else"),
    (b"[]", "expected an object with logits, probabilities or labels, got []"),
    (b"{}", "expected an object with logits, probabilities or labels, got an empty object"),
    (b'{"scores": [[1, 2, 3]]}', "expected an object with logits, probabilities or labels, got {'scores': Ellipsis}"),
    (json.dumps({"logits": [ROW, ROW]}).encode(), "expected logits of 1 clips, got 2"),
    (json.dumps({"logits": ROW}).encode(), "expected logits of 1 clips, got 3"),
    (b'{"logits": [1]}', "expected 3 logits per clip (anger, joy, neutral), got 1"),
    (b'{"logits": [[1, 2]]}', "expected 3 logits per clip (anger, joy, neutral), got 2"),
    (b'{"logits": [[1, 2, NaN]]}', "expected JSON, got the number NaN"),
    (b'{"logits": [[1, 2, 1e300]]}', "expected JSON, got logits.0.2: the number 1e+300"),
    (b'{"logits": [[1, 2, %s]]}' % (b"9" * 400), "expected JSON, got logits.0.2: the number 999"),
    (b'{"logits": [[1, 2, "3"]]}', "expected finite numbers as logits, got '3'"),
    (b'{"logits": [[1, 2, null]]}', "expected finite numbers as logits, got None"),
    (b'{"logits": [[1, 2, true]]}', "expected finite numbers as logits, got True"),
    (b'{"probabilities": [[10, 20, 70]]}', "expected probabilities from 0 to 1, got 10 to 70"),
    (b'{"labels": ["sad"]}', "expected a label of the model (anger, joy, neutral), got 'sad'"),
    (b'{"labels": [["joy"]]}', "expected a label of the model (anger, joy, neutral), got ['joy']"),
    (b'{"labels": "joy"}', "expected labels of 1 clips, got 'joy'"),
    (b" " * (2**23 + 1), "expected an answer of 8388608 bytes at most, got a larger one"),
]


@pytest.mark.parametrize(("body", "message"), NONSENSE, ids=lambda value: str(value)[:40])
def test_nonsense_raises_one_line_with_the_address(server, body, message):
    server.body = body
    with pytest.raises(StaanetError) as caught:
        load(server)
    assert f"{server.url}: {message}" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "401 Unauthorized (Try again.); set token to the name of an environment variable that holds one"),
        (403, "403 Forbidden (Try again.); set token to the name of an environment variable that holds one"),
        (404, "404 Not Found (Try again.); check the path of the address"),
        (413, "413 Request Entity Too Large (Try again.); lower batch, or send shorter clips (seconds)"),
        (429, "429 Too Many Requests (Try again.); set per_second, or run again later"),
        (500, "500 Internal Server Error (Try again.)"),
        (503, "503 Service Unavailable (Try again.)"),
        (799, "799  (Try again.)"),
    ],
)
def test_a_refusal_raises_one_line_that_says_what_to_do(server, status, message):
    server.statuses = [status]
    with pytest.raises(StaanetError) as caught:
        load(server)
    assert f"{server.url}: expected an answer, got the status {message}; 0 answers are kept" in str(caught.value)


@pytest.mark.parametrize("pause", [0.02, 5])
def test_a_server_that_answers_slowly_or_never_raises_in_time(server, pause):
    server.pause = pause
    start = time.monotonic()
    with pytest.raises(StaanetError, match=r"got none within 0.1 s; raise timeout if the server is only slow"):
        load(server, timeout=0.1)
    assert time.monotonic() - start < 0.5


def test_a_host_without_a_server_raises():
    with pytest.raises(StaanetError, match=r"http://nosuch.invalid/m: expected an answer, got no host of this name"):
        staanet.load_model("http://nosuch.invalid/m", retries=0)


def test_busy_servers_are_asked_again_when_they_say(server, clock):
    server.statuses, server.headers = [429, 503], {"Retry-After": "7"}
    load(server, retries=2)
    assert clock.pauses == [7, 7]


def test_a_server_cannot_ask_for_a_long_wait(server, clock):
    server.statuses, server.headers = [503] * 2, {"Retry-After": "100000"}
    with pytest.raises(StaanetError, match="503 Service Unavailable"):
        load(server, retries=1)
    assert clock.pauses == [120]


def test_pauses_between_attempts_double(server, clock):
    server.statuses = [500] * 4
    load(server, retries=4)
    assert clock.pauses == [1, 2, 4]


def test_requests_keep_their_distance(server, audio, clock):
    load(server, per_second=4, batch=1, cache=False)(*audio)
    assert clock.pauses == [0.25] * 5  # between two descriptions, the noise and three clips


def test_queries_are_limited_and_kept_answers_are_free(server, audio):
    model = load(server, max_queries=3, batch=16)
    with pytest.raises(StaanetError) as caught:
        model(*audio)
    assert str(caught.value) == (
        f"{server.url}: expected 3 queries at most, got more; raise max_queries; 3 answers are kept, from "
        "which the same command goes on"
    )
    assert len(server.clips) == 3
    assert model(audio[0][:2], audio[1][:2]).equal(logits(audio[0][:2], audio[1][:2]))
    assert load(server, max_queries=4)(*audio).equal(logits(*audio))
    assert len(server.clips) == 4


def test_a_token_is_sent_and_never_shown(server, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "sesame-1")
    load(server, **TOKEN)
    assert set(server.authorizations) == {"Bearer sesame-1"}
    server.body = b"no access for Bearer sesame-1"
    with pytest.raises(StaanetError, match=r"\(no access for Bearer \*\*\*\)"):
        load(server, **TOKEN, cache=False)
    assert "sesame" not in json.dumps(dict(loader_of(server.url, TOKEN).identity(server.url)))
    assert b"sesame" not in default_path().read_bytes()


@pytest.mark.parametrize("token", ["MY_TOKEN", "hf_abcdef", "Bearer x", ""])
def test_a_token_that_is_no_name_of_a_variable_is_not_repeated(server, monkeypatch, token):
    monkeypatch.setenv("MY_TOKEN", "two words")
    with pytest.raises(StaanetError, match="expected token to") as caught:
        load(server, token=token)
    assert not token or token not in str(caught.value)
    assert server.authorizations == []


def test_credentials_in_the_address_are_sent_and_never_shown(server, caplog, clock):  # noqa: ARG001
    url = server.url.replace("http://", "HTTP://me:open%40sesame@") + "?key=sesame123&model=b"
    loader = loader_of(url)
    assert set(loader.identity(url)) == {"url", "query", "version"}
    assert loader.identity(url)["url"] == server.url
    assert loader.title(url) == server.url[7:]
    assert set(server.authorizations) == {f"Basic {base64.b64encode(b'me:open@sesame').decode()}"}
    server.body = b"me:open@sesame " + base64.b64encode(b"me:open@sesame") + b" open%40sesame sesame123 bb"
    with pytest.raises(StaanetError) as caught:
        staanet.load_model(url)
    assert f"{server.url}: expected JSON, got something else (me:*** *** *** *** bb)" in str(caught.value)
    server.answers_left = 0
    with pytest.raises(StaanetError, match="a connection that broke off"):
        staanet.load_model(url, retries=1)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "url", ["http://", "http://:80", "http://me:secret/x@host", "http://host:99999/", "http://h/a b"]
)
def test_an_invalid_address_raises_without_repeating_it(url):
    with pytest.raises(StaanetError, match="expected an address such as") as caught:
        staanet.load_model(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("location", ["http://127.0.0.2:9/next?key=secret", "/next?key=secret", "http://["])
def test_redirects_are_refused(server, location):
    server.statuses, server.headers = [307], {"Location": location}
    with pytest.raises(
        StaanetError, match=r"expected an answer, got a redirect to .*; use that address if you"
    ) as caught:
        load(server)
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


def test_proxies_of_the_environment_are_not_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    load(server)
