import time
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra web")

from staanet.core.errors import StaanetError
from staanet.web.settings import WebSettings
from staanet.web.worker import GRACE, MOST_WAITING, Job, Worker
from web import processes


@pytest.fixture(scope="module")
def worker():
    made = Worker(WebSettings(Path("/received")), processes.start)
    yield made
    made.close()


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def done(worker, task, **arguments):
    job = Job(task, arguments)
    worker.submit(job)
    until(lambda: job.over)
    return job


def test_one_process_does_one_job_after_the_other(worker):
    first, second = (done(worker, "echo", text=text) for text in "ab")
    assert (first.answer["text"], second.answer["text"]) == ("a", "b")
    assert first.answer["process"] == second.answer["process"]


def test_a_job_that_tells_of_its_steps_stops_without_losing_the_process(worker):
    before = done(worker, "echo", text="")
    job = Job("steps", {})
    worker.submit(job)
    until(lambda: job.passes > 0)
    began = time.monotonic()
    job.stopped.set()
    until(lambda: job.over)
    assert time.monotonic() - began < GRACE
    assert job.state == "cancelled"
    assert done(worker, "echo", text="").answer["process"] == before.answer["process"]


def test_a_process_that_does_not_stop_is_ended_and_the_next_job_gets_another(worker):
    before = done(worker, "echo", text="")
    job = Job("stuck", {})
    worker.submit(job)
    until(lambda: job.state == "running")
    job.stopped.set()
    until(lambda: job.over, seconds=GRACE + 5)
    assert job.state == "cancelled"
    assert done(worker, "echo", text="").answer["process"] != before.answer["process"]


def test_a_process_that_dies_fails_its_job_only(worker):
    job = done(worker, "dies")
    assert job.state == "failed"
    assert "ended unexpectedly" in job.answer
    assert done(worker, "echo", text="still here").answer["text"] == "still here"


def test_what_goes_wrong_is_a_sentence_without_the_folder(worker):
    assert done(worker, "refuses").answer == "a.wav: expected audio, got none"
    assert "ZeroDivisionError: no reason" in done(worker, "breaks").answer


def test_a_queue_does_not_grow_without_end(worker):
    jobs = [Job("steps", {}) for _ in range(MOST_WAITING)]
    for job in jobs:
        worker.submit(job)
    assert worker.ahead(jobs[3]) == 3
    with pytest.raises(StaanetError, match="wait for one of them"):
        worker.submit(Job("echo", {"text": ""}))
    for job in jobs:
        job.stopped.set()
    until(lambda: all(job.over for job in jobs))
    assert worker.idle


def test_a_closed_worker_leaves_no_process():
    worker = Worker(WebSettings(Path("/received")), processes.start)
    done(worker, "echo", text="")
    process = worker._process
    worker.submit(Job("stuck", {}))
    began = time.monotonic()
    worker.close()
    assert time.monotonic() - began < GRACE
    assert not process.is_alive()
