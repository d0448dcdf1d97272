import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from small_work import SmallWork
from staanet.core.errors import StaanetError
from staanet.engines import Job, Slurm, carry_out
from staanet.engines.slurm import SlurmPool

JOBS = [Job("dies-1"), Job("refuses"), Job("next", ("refuses",)), Job("last", ("dies-1",))]


@pytest.mark.slow
def test_jobs_that_die_are_submitted_again_and_errors_do_not_stop_others(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="needs the extra scale")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # for small_work
    work = SmallWork(tmp_path)
    failures = {one.name: one.reason for one in carry_out(Slurm(2, cluster="local"), work, JOBS)}
    assert work.done() == {"dies-1", "last"}
    assert set(failures) == {"refuses", "next"}
    assert failures["refuses"] == "expected something else; change it"
    assert (work.begun("dies-1"), work.begun("refuses"), work.begun("next")) == (2, 1, 0)
    assert (tmp_path / ".slurm").is_dir(), "the logs of a lost job are kept"


def test_a_machine_without_slurm_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(StaanetError, match="expected the command sbatch of SLURM, found none; run this on a machine"):
        carry_out(Slurm(), SmallWork(tmp_path), JOBS)
    with pytest.raises(StaanetError, match="expected the command sbatch"):
        Slurm().uses_gpu("cpu")


def test_only_a_device_that_is_named_asks_for_a_gpu():
    pytest.importorskip("submitit", reason="needs the extra scale")
    engine = Slurm(cluster="local")
    assert [engine.uses_gpu(device) for device in (None, "cpu", "cuda", "cuda:0")] == [False, False, True, True]


def test_no_job_at_a_time_is_refused():
    with pytest.raises(StaanetError, match="expected 1 worker or more, got 0; change --workers"):
        Slurm(0)


class Executor:
    """Submits jobs that never end."""

    def __init__(self, **_):
        self.submitted = 0

    def update_parameters(self, **settings):
        pass

    def batch(self):
        return contextlib.nullcontext()

    def submit(self, *_):
        self.submitted += 1
        return SimpleNamespace(job_id=f"7_{self.submitted - 1}", done=lambda: False)


def pool_of_two(tmp_path, monkeypatch, squeue):
    """Return a pool of two jobs that run, where the command squeue prints something."""
    for name in ("PAUSE", "LOOK"):
        monkeypatch.setattr(f"staanet.engines.slurm.{name}", 0.0)
    script = tmp_path / "bin" / "squeue"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n{squeue}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    pool = SlurmPool(SimpleNamespace(AutoExecutor=Executor), SmallWork(tmp_path), Slurm(2))
    pool.submit([Job("first"), Job("second")])
    return pool


def test_a_job_that_left_the_queue_without_a_result_is_lost(tmp_path, monkeypatch):
    pool = pool_of_two(tmp_path, monkeypatch, "echo 7_1")
    assert pool.wait() == []  # one look may be too early for its result
    (ended,) = pool.wait()
    assert (ended.job.name, ended.lost) == ("first", True)
    assert "it left the queue" in ended.error
    assert pool.free == 1
    assert pool.wait() == []


def test_a_queue_that_cannot_be_read_loses_no_job(tmp_path, monkeypatch):
    pool = pool_of_two(tmp_path, monkeypatch, "exit 1")
    assert [pool.wait() for _ in range(3)] == [[], [], []]
