import logging

import pytest
import torch

from small_work import SmallWork
from staanet.core.progress import console, track
from staanet.engines import Job
from staanet.engines.base import attempt


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    monkeypatch.setattr(console, "quiet", False)
    yield
    torch.set_num_threads(1)


def test_a_job_computes_in_one_thread_and_shows_nothing(tmp_path, monkeypatch, capsys):
    torch.set_num_threads(2)
    ended = attempt(SmallWork(tmp_path), Job("plain"))
    assert (ended.error, ended.lost, ended.messages) == (None, False, ())
    assert (tmp_path / "plain.done").read_text() == "1"
    monkeypatch.setattr(type(console), "is_terminal", property(lambda _: True))
    assert list(track([1, 2], "counting")) == [1, 2]
    assert capsys.readouterr().err == ""


def test_an_error_is_one_line_and_keeps_its_traceback(tmp_path):
    ended = attempt(SmallWork(tmp_path), Job("refuses"))
    assert ended.error == "expected something else; change it"
    ended = attempt(SmallWork(tmp_path), Job("breaks"))
    assert ended.error.startswith("expected no KeyError, got one ('nothing')")
    assert "small_work.py" in ended.trace


def test_messages_and_warnings_are_kept_for_the_process_that_hands_out_jobs(tmp_path, caplog):
    class Talking(SmallWork):
        def __call__(self, job):
            logging.getLogger("staanet.any").info("begins %s", job.name)
            super().__call__(job)

    ended = attempt(Talking(tmp_path), Job("warns"))
    assert ended.messages == ((logging.INFO, "begins warns"), (logging.WARNING, "careful"))
    assert caplog.messages == []
    logging.getLogger("staanet.any").warning("later")
    assert caplog.messages == ["later"]
