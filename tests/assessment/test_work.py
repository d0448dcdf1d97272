"""An evaluation on an engine: which jobs there are, and that its results are those of one process."""

import json
from dataclasses import replace

import pytest

import staanet
from staanet.assessment import work
from staanet.core.errors import StaanetError
from staanet.engines import Job, Local

RESULTS = ("clips.json", "evaluation.json")


@pytest.fixture
def evaluate(model, recordings, tmp_path):
    def run(out, engine=None, name="decide"):
        staanet.evaluate(
            f"{model}:{name}", recordings, tmp_path / out, preset="quick", trust=True, device="cpu", engine=engine
        )
        return [json.loads((tmp_path / out / name).read_text()) for name in RESULTS]

    return run


@pytest.mark.slow
def test_two_workers_measure_what_one_process_does(evaluate, tmp_path, monkeypatch):
    whole = evaluate("whole")
    with monkeypatch.context() as patch:
        patch.setattr("staanet.assessment.measurement._measured", lambda *_: pytest.fail("measured in this process"))
        assert evaluate("out", Local(2)) == whole
    (parts,) = (tmp_path / "out" / "parts").iterdir()
    names = {path.name for path in parts.iterdir()}
    assert names == {path.name for path in (tmp_path / "whole" / "parts" / parts.name).iterdir()}
    assert not (tmp_path / "out" / ".locks").exists()


class Inline:
    """Does every job in this process, and keeps their names."""

    name = "inline"

    def __init__(self, monkeypatch):
        self.jobs = []
        monkeypatch.setattr("staanet.engines.surroundings.carry_out", self.carry_out)

    def carry_out(self, _engine, todo, jobs):
        for job in jobs:
            assert set(job.follows_from) <= {done.name for done in self.jobs}
            todo(job)
            self.jobs.append(job)
        return []

    def uses_gpu(self, _device):
        return False


def test_only_what_is_missing_is_a_job(evaluate, tmp_path, monkeypatch):
    engine = Inline(monkeypatch)
    whole = evaluate("out", engine)
    first = [job.name for job in engine.jobs]
    assert first[:2] == ["batch 1", "batch 0"]  # batches are sorted by length, and the longest clips come first
    assert len(first) > 2
    assert all(name.startswith("corruption ") and name.endswith(" at severity 3") for name in first[2:])
    engine.jobs.clear()
    assert evaluate("out", engine) == whole
    assert engine.jobs == []
    (parts,) = (tmp_path / "out" / "parts").iterdir()
    (parts / "00001.json").write_text("[]")
    (parts / "corruption-clipping-3.json").unlink()
    assert evaluate("out", engine) == whole
    assert [job.name for job in engine.jobs] == ["batch 1", "corruption clipping at severity 3"]


def test_a_worker_with_another_model_is_refused(evaluate, monkeypatch):
    seen = []
    engine = Inline(monkeypatch)
    monkeypatch.setattr("staanet.engines.surroundings.carry_out", lambda _, todo, __: seen.append(todo) or [])
    evaluate("out", engine)
    with pytest.raises(StaanetError, match="expected a worker with the same model and clips, got one with others"):
        replace(seen[0], signature="other", variables={})(Job("batch 0"))
    work._plan.cache_clear()
