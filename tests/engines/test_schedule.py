import contextlib
import random
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from staanet.core.errors import StaanetError
from staanet.engines import Engine, Job, carry_out
from staanet.engines.base import Ended
from staanet.engines.schedule import ATTEMPTS


@dataclass(frozen=True)
class Scripted(Engine):
    """Ends running jobs in a random order, each as its name says, and keeps what was begun."""

    name: ClassVar[str] = "scripted"

    room: int = 3
    draw: random.Random = field(default_factory=lambda: random.Random(0))
    begun: list = field(default_factory=list)
    done: list = field(default_factory=list)

    @contextlib.contextmanager
    def open(self, _work):
        engine, running = self, []

        class Pool:
            @property
            def free(self):
                return engine.room - len(running)

            def submit(self, jobs):
                running.extend(jobs)
                engine.begun.extend((job.name, tuple(engine.done)) for job in jobs)
                assert len(running) <= engine.room

            def wait(self):
                job = running.pop(engine.draw.randrange(len(running)))
                times = [name for name, _ in engine.begun].count(job.name)
                if job.name.startswith("lost") and times <= int(job.name.rpartition("-")[2]):
                    return [Ended(job, "the worker died", lost=True)]
                if job.name.startswith("wrong"):
                    return [Ended(job, "not like this", trace="Traceback")]
                engine.done.append(job.name)
                return [Ended(job, messages=((30, f"{job.name} says something"),))]

        yield Pool()

    def uses_gpu(self, _device):
        return False


@pytest.mark.parametrize("seed", range(20))
def test_every_job_is_begun_once_after_those_it_follows_from(seed):
    draw = random.Random(seed)
    jobs = [
        Job(f"job {number}", tuple(f"job {before}" for before in range(number) if draw.random() < 0.2))
        for number in range(30)
    ]
    engine = Scripted(room=draw.randint(1, 5), draw=draw)
    assert carry_out(engine, None, jobs) == []
    assert sorted(name for name, _ in engine.begun) == sorted(job.name for job in jobs)
    before = dict(engine.begun)
    assert all(set(job.follows_from) <= set(before[job.name]) for job in jobs)


def test_a_failing_job_stops_only_those_that_follow_from_it():
    jobs = [
        Job("wrong"),
        Job("second", ("wrong",)),
        Job("also wrong", ("other",)),
        Job("other"),
        Job("third", ("second", "other")),
        Job("fourth", ("other",)),
    ]
    engine = Scripted()
    failures = carry_out(engine, None, jobs)
    assert set(engine.done) == {"other", "fourth", "also wrong"}
    assert [(one.name, one.follows) for one in failures] == [("wrong", False), ("second", True), ("third", True)]
    assert failures[0].reason == "not like this"
    assert failures[0].trace == "Traceback"
    assert failures[2].reason == "it follows from wrong, which is missing"


def test_two_failures_name_a_common_follower_once():
    jobs = [Job("wrong 1"), Job("wrong 2"), Job("both", ("wrong 1", "wrong 2"))]
    failures = carry_out(Scripted(), None, jobs)
    assert sorted(one.name for one in failures) == ["both", "wrong 1", "wrong 2"]


def test_a_job_whose_worker_dies_is_tried_again_but_not_for_ever(caplog):
    jobs = [Job(f"lost-{ATTEMPTS - 1}"), Job(f"lost-{ATTEMPTS}"), Job("next", (f"lost-{ATTEMPTS - 1}",))]
    engine = Scripted()
    (failure,) = carry_out(engine, None, jobs)
    assert failure.name == f"lost-{ATTEMPTS}"
    assert [name for name, _ in engine.begun].count(failure.name) == ATTEMPTS
    assert engine.done == [f"lost-{ATTEMPTS - 1}", "next"]
    assert f"lost-{ATTEMPTS - 1}: the worker died; it is tried again" in caplog.messages
    assert "next says something" in caplog.messages


def test_no_jobs_need_no_workers():
    assert carry_out(Scripted(room=0), None, []) == []


def test_an_engine_without_workers_is_refused():
    with pytest.raises(StaanetError, match="expected workers of the engine scripted for 1 jobs, got none"):
        carry_out(Scripted(room=0), None, [Job("one")])
