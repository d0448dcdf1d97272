"""What is no clip, is too large, or cannot be attacked is refused in a sentence."""

import asyncio
import json

import numpy as np
import pytest

from staanet.web.settings import MOST_BYTES
from web.asking import request
from web.sound import RATE, audio, encoded


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("clip.wav", b"", "clip.wav: expected readable audio"),
        ("clip.wav", b"<html>not audio</html>" * 100, "clip.wav: expected readable audio"),
        (
            "film.mp4",
            b"\0\0\0\x18ftypmp42" + bytes(2000),
            "film.mp4: expected .wav, .flac, .ogg, .mp3 or another format",
        ),
        ("film.wav", b"\0\0\0\x18ftypmp42" + bytes(2000), "film.wav: expected readable audio"),
        ("../../../etc/passwd", b"root:x:0:0", "passwd: expected readable audio"),
        ("cut.wav", audio()[:5000], "cut.wav: expected 16000 bytes of audio"),
        ("long.flac", audio(61.0, rate=8000, kind="FLAC"), "long.flac: expected a clip of 60 s or less, got 61 s"),
        ("wide.flac", encoded(np.zeros((500_000 * 7, 8)), 65_000, "FLAC"), "samples or fewer over all channels"),
        ("none.wav", encoded(np.zeros((0, 1))), "none.wav: expected samples, got an empty file"),
    ],
)
def test_what_is_no_clip_is_refused_in_a_sentence_and_the_workbench_goes_on(bench, name, content, sentence):
    clip = bench.send(content, name)
    error = bench.error("look", **clip)
    assert sentence in error
    assert str(bench.folder) not in error
    assert bench.answer("look", **bench.send(audio()))["seconds"] == 0.5


def test_silence_cannot_be_attacked(bench):
    clip = bench.send(encoded(np.zeros((8000, 1))))
    assert bench.answer("look", **clip)["rate"] == RATE
    assert "expected speech, got silence" in bench.error("attack", **request(bench, clip=clip))


def received(bench, piece, headers=()):
    """Send a piece again and again until there is an answer; return its status and text, and the number of pieces."""
    read, answers = [], []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message):
        answers.append(message)

    given = [(b"host", b"127.0.0.1"), (b"x-staanet", b"1"), *headers]
    scope = {"type": "http", "method": "POST", "path": "/api/clips", "query_string": b"name=huge.wav", "headers": given}
    asyncio.run(bench.client.app(scope, receive, send))
    return answers[0]["status"], answers[1]["body"].decode(), len(read)


def test_a_clip_that_is_too_large_is_not_read_to_its_end(bench):
    status, body, pieces = received(bench, bytes(2**20))
    assert (status, pieces) == (413, MOST_BYTES // 2**20 + 1)
    assert "huge.wav: expected a clip of 32 MiB or less, got a larger file" in body
    assert list(bench.folder.iterdir()) == []


def test_a_clip_that_says_that_it_is_too_large_is_not_read_at_all(bench):
    for length in (2 * 2**30, MOST_BYTES + 1, "x", -1):
        status, _, pieces = received(bench, b"", [(b"content-length", str(length).encode())])
        assert (status, pieces) == (413, 0)
    assert list(bench.folder.iterdir()) == []


def test_the_largest_clip_is_received(bench):
    assert bench.client.post("/api/clips", content=bytes(MOST_BYTES)).status_code == 201
    assert bench.client.post("/api/clips", content=bytes(MOST_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"attack": "pgdd"}, "did you mean 'pgd'?"),
        ({"snr_db": float("1e400")}, "snr_db"),
        ({"sparsity": 0.0}, "expected sparsity in (0, 1]"),
        ({"settings": {"steps": 0}}, "steps"),
        ({"settings": {"stepps": 1}}, "did you mean 'steps'?"),
        ({"attack": "contrastive"}, "a model with a representation"),
        ({"clip": {"kind": "built-in", "key": "../../etc"}}, "expected a built-in clip"),
        ({"clip": {"kind": "dataset", "key": "../../etc"}}, "expected a kind of clip"),
        ({"model": "nosuch/folder/model.onnx"}, "nosuch/folder/model.onnx: expected"),
        ({"model": "https://[bad"}, "expected"),
        ({"model": ""}, "expected a model"),
    ],
)
def test_what_cannot_be_attacked_is_a_sentence(bench, changes, sentence):
    question = {"clip": {"kind": "built-in", "key": "s00-anger-00"}, **changes}
    text = json.dumps({"task": "attack", **request(bench, **question)})
    answer = bench.client.post("/api/jobs", content=text)
    error = answer.json()["error"] if answer.status_code == 422 else bench.wait(answer.json()["job"])["error"]
    assert sentence in error


@pytest.mark.parametrize(
    "question",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"task": "shutdown"}',
        b'{"task": "attack"}',
        b'{"task": "attack", "clip": {"kind": "upload", "key": "x", "path": "/etc/passwd"}, "device": "cuda"}',
        b'{"task": "look", "kind": "upload", "key": "nosuch", "path": "/etc/passwd", "name": "x"}',
        b'{"task": "compare", "first": 1, "second": 2}',
        b'{"task": "' + b"x" * 100_000 + b'"}',
    ],
)
def test_other_questions_are_refused(bench, question):
    answer = bench.client.post("/api/jobs", content=question)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(("expected", "attack: expected"))
