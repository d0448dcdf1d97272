import os
import threading

import numpy as np
import pytest

import staanet
from staanet.core.errors import StaanetError
from staanet.models.loaders.http.cache import AnswerCache


def load(server, retries=0, **settings):
    return staanet.load_model(server.url, retries=retries, **settings)


def test_a_damaged_cache_raises_before_a_question(server, tmp_path):
    path = tmp_path / "answers.sqlite"
    path.write_bytes(os.urandom(5000))
    with pytest.raises(StaanetError, match=r"answers.sqlite: expected a cache .*; delete the file, after which"):
        load(server, cache=str(path))
    with pytest.raises(StaanetError, match=r"choose another cache, or cache = false for none"):
        load(server, cache=str(tmp_path))
    with pytest.raises(StaanetError, match=r"choose another cache, or cache = false for none"):
        load(server, cache=str(path / "below"))
    assert server.requests == []


def test_an_answer_of_another_size_in_the_cache_is_noticed(tmp_path):
    cache = AnswerCache(tmp_path / "answers.sqlite")
    cache.keep(b"model", {b"clip": np.zeros(3, np.float32)})
    with pytest.raises(StaanetError, match="delete the file"):
        cache.find(b"model", [b"clip"], classes=4)


def test_no_file_is_written_without_a_cache(server, audio, tmp_path):
    for cache in ("", False):
        load(server, cache=cache)(*audio)
    assert list(tmp_path.rglob("*.sqlite")) == []
    server.answers_left = 0
    with pytest.raises(StaanetError, match="; no answers are kept, because cache is off"):
        load(server, cache=False)


def test_two_writers_share_a_cache(tmp_path):
    def write(writer):
        for number in range(20):
            cache = AnswerCache(tmp_path / "answers.sqlite")
            cache.keep(b"model", {bytes([writer, number]): np.full(2, number, np.float32)})

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AnswerCache(tmp_path / "answers.sqlite").count(b"model") == 40


def test_many_create_a_cache_at_once(tmp_path):
    for attempt in range(8):
        path, errors = tmp_path / f"{attempt}.sqlite", []

        def create(path=path, errors=errors):
            try:
                AnswerCache(path)
            except StaanetError as error:
                errors.append(error)

        threads = [threading.Thread(target=create) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
