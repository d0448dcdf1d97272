import time

import pytest

pytest.importorskip("starlette", reason="needs the extra web")

from staanet.web import store
from staanet.web.store import MOST_UPLOADS, Store
from staanet.web.worker import Job


def received(kept, name="clip.wav"):
    key, path = kept.new_clip(name)
    path.write_bytes(b"audio")
    return key, path


def finished(size):
    job = Job("attack", {})
    job.end("done", {"files": {"a": bytes(size)}})
    return job


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.wav", "a.wav"),
        ("..", "clip"),
        ("a/../../b.wav", "b.wav"),
        ("\0\n\x1b[31ma.wav", "[31ma.wav"),
        (".wav", "wav"),
        ("x" * 300 + ".wav", "x" * 80 + ".wav"),
        ("räum 1.flac", "räum 1.flac"),
        ("a." + "x" * 300, "a." + "x" * 10),
    ],
)
def test_names_of_files_stay_in_their_folder(tmp_path, name, expected):
    kept = Store(tmp_path)
    key, path = received(kept, name)
    assert path.name == expected
    assert path.parent.parent == tmp_path
    assert kept.clip(key) == (path, expected)


def test_the_clip_that_was_used_longest_ago_makes_room(tmp_path):
    kept = Store(tmp_path)
    keys = [received(kept)[0] for _ in range(MOST_UPLOADS)]
    assert kept.clip(keys[0])
    received(kept)
    assert kept.clip(keys[0])
    assert kept.clip(keys[1]) is None
    assert len(list(tmp_path.iterdir())) == MOST_UPLOADS


def test_the_oldest_results_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MOST_KEPT", 250)
    kept = Store(tmp_path)
    jobs = [finished(100) for _ in range(3)]
    for job in jobs:
        kept.add(job)
    kept.tidy()
    assert [kept.job(job.id) is not None for job in jobs] == [False, True, True]


def test_what_no_browser_asks_for_is_cancelled_and_removed(tmp_path, monkeypatch):
    kept = Store(tmp_path)
    key, path = received(kept)
    running, done = Job("attack", {}), finished(1)
    kept.add(running)
    kept.add(done)
    now = time.monotonic()
    monkeypatch.setattr(store.time, "monotonic", lambda: now + store.ABANDONED + 1)
    kept.tidy()
    assert running.stopped.is_set()
    assert kept.job(running.id) is None
    assert path.exists()
    monkeypatch.setattr(store.time, "monotonic", lambda: now + 2 * 60 * store.MINUTES + 300)
    kept.tidy()
    assert (kept.job(done.id), kept.clip(key), path.exists()) == (None, None, False)
