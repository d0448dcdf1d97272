"""A study as work for an engine: which jobs there are, and that their records are those of one process."""

import contextlib
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from run_results import results
from staanet import study
from staanet.core.checksums import CHECKSUMS, damages, read
from staanet.core.errors import StaanetError
from staanet.engines import Engine, Job, Local, Slurm
from staanet.engines.base import Ended
from staanet.study.artefact import artefacts_before
from staanet.study.artefacts.adversarial import SHARE, AdversarialExamples
from staanet.study.study import Study
from staanet.study.work import StudyWork, artefacts, make_missing, missing

TINY = Path(__file__).parents[2] / "tools" / "reliability" / "tiny.toml"

SEVERAL = """
examples = 0

[corpora.one]
name = "synthetic"
settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] }

[corpora.two]
name = "synthetic"
settings = { speakers = 7, sentences = 1, seconds = [0.5, 0.6] }

[models.plain]
model = "zhao19"
seconds = 0.1
corpus = "one"
training = { epochs = 1 }

[models.behind]
model = "zhao19"
seconds = 0.1
corpus = "one"
base_model = "plain"
defence = { defence = "median", width = 3 }

[attacks.fgsm]

[attacks.both]
attack = "standard"

[attacks.noise]
as_sparse_as = "fgsm"
"""


def opened(path, out):
    name, experiment = study.load(path)
    return Study(name, experiment, out, None, torch.device("cpu"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return opened(TINY, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    (folder / "several.toml").write_text(SEVERAL)
    return opened(folder / "several.toml", folder / "out")


def by_kind(jobs):
    return [job.name.rpartition(" ")[0] for job in jobs]


def test_the_jobs_are_what_is_missing_each_with_what_it_follows_from(tiny):
    jobs = missing(tiny, everything=False)
    names = {" ".join(job.name.rpartition("-")[0].split()): job for job in jobs}
    assert set(names) == {
        "model emo18",
        "generator compact-emo18",
        "adversarial set staa_net-emo18",
        "adversarial set noise-none",
        "record staa_net-emo18-emo18",
        "record noise-none-emo18",
    }
    model, generator, attacked, record = (
        names[name]
        for name in (
            "model emo18",
            "generator compact-emo18",
            "adversarial set staa_net-emo18",
            "record staa_net-emo18-emo18",
        )
    )
    assert model.follows_from == ()
    assert generator.follows_from == (model.name,)
    assert set(attacked.follows_from) == {model.name, generator.name}
    assert set(record.follows_from) == {attacked.name, model.name, generator.name}
    assert {job.gpus for job in missing(tiny, everything=False, gpus=1)} == {1}


def test_what_is_there_is_no_job_unless_everything_is_needed(tmp_path):
    copy = opened(TINY, tmp_path)
    found = artefacts(copy)
    (record,) = (one for title, one in found.items() if title.startswith("record staa_net"))
    record.path.parent.mkdir()
    for path in record.files:
        path.touch()
    assert sorted(by_kind(missing(copy, everything=False))) == ["adversarial set", "model", "record"]
    assert sorted(by_kind(missing(copy, everything=True))) == [
        "adversarial set",
        "adversarial set",
        "generator",
        "model",
        "record",
    ]


def test_each_artefact_comes_once_after_those_it_follows_from_in_a_study_of_several_corpora(several):
    found = artefacts(several)
    titles = list(found)
    for title, artefact in found.items():
        assert all(titles.index(one.title) < titles.index(title) for one in artefacts_before(artefact))
    assert len({artefact.files for artefact in found.values()}) == len(found)
    # one model for the splits of both corpora; the defended one is no artefact, what attacks it follows from the model
    assert sum(title.startswith("model") for title in found) == 1
    jobs = {job.name: job for job in missing(several, everything=False)}
    assert set(jobs) == set(found)
    for name, job in jobs.items():
        assert name.startswith("model") or any(one.startswith("model") for one in job.follows_from), name
    sparse = [job for name, job in jobs.items() if name.startswith("adversarial set noise")]
    assert sparse
    assert all(any(one.startswith("record fgsm") for one in job.follows_from) for job in sparse)


@pytest.fixture(scope="module")
def shared_out(tmp_path_factory):
    """Return an experiment of which each clip is a batch, so that adversarial sets have shares."""
    path = tmp_path_factory.mktemp("shares") / "shares.toml"
    path.write_text(TINY.read_text().replace("batch_size = 4\n", "batch_size = 1\n"))
    return path


def test_large_adversarial_sets_have_shares_that_several_workers_make(shared_out, tmp_path):
    one = opened(shared_out, tmp_path)
    found = artefacts(one)
    sets = {title: artefact for title, artefact in found.items() if isinstance(artefact, AdversarialExamples)}
    jobs = {job.name: job for job in missing(one, everything=False)}
    for title, artefact in sets.items():
        shares = [name for name in jobs if name.startswith(f"{title}, share ")]
        clips = [clip for share in artefact.shares for ids in share.batches for clip in ids]
        assert sorted(clips) == sorted(one.data.test_clips(artefact.place))
        assert len(shares) == len(clips) / SHARE > 1
        assert set(shares) < set(jobs[title].follows_from)
        assert all(set(jobs[share].follows_from) < set(jobs[title].follows_from) for share in shares)
        (record,) = (job for job in jobs.values() if title in job.follows_from)
        assert record.name.startswith("record")
        assert not set(shares) & set(record.follows_from)


@pytest.mark.slow
def test_shares_give_the_records_of_one_process(shared_out, tmp_path):
    study.run(shared_out, tmp_path / "whole", device="cpu")
    study.run(shared_out, tmp_path / "out", device="cpu", engine=Local(2))
    assert results(tmp_path / "out") == results(tmp_path / "whole") != {}
    for folder in (tmp_path / "whole" / "adversarial").iterdir():
        names = {path.name for path in folder.iterdir()}
        other = tmp_path / "out" / "adversarial" / folder.name
        assert {path.name for path in other.iterdir()} == names
        assert not damages(other, thorough=True)
        assert set(read(other)) == names - {CHECKSUMS}


def work_of(one, **changes):
    prepared = {name: one.data.dataset(name).folder.name for name in one.experiment.corpus_plans}
    given = {"name": "x", "experiment": one.experiment, "folder": one.out, "prepared": prepared, "device": "cpu"}
    return StudyWork(**{**given, **changes})


def test_a_worker_needs_no_corpus_and_refuses_what_it_does_not_know(tiny, monkeypatch):
    work = pickle.loads(pickle.dumps(work_of(tiny)))  # noqa: S301
    artefacts(tiny)
    monkeypatch.setattr(type(tiny.data), "_corpus", lambda *_: pytest.fail("read the corpus"))
    splits = {path: path.stat().st_mtime_ns for path in (tiny.out / "splits").iterdir()}
    with pytest.raises(StaanetError, match=r"expected a worker that knows model emo18-0, got one with other settings"):
        work(Job("model emo18-0"))
    assert {path: path.stat().st_mtime_ns for path in (tiny.out / "splits").iterdir()} == splits


class Nobody(Engine):
    """Does nothing well."""

    name = "nobody"
    workers, address = 3, "here:1"

    def open(self, _work):
        class Pool:
            free = 9

            def submit(self, jobs):
                self.jobs = jobs

            def wait(self):
                return [Ended(job, "it rains", trace="Traceback") for job in self.jobs]

        return contextlib.nullcontext(Pool())

    def uses_gpu(self, _device):
        return False


def test_what_is_missing_is_told_with_the_command_that_goes_on(tmp_path):
    with pytest.raises(StaanetError) as error:
        study.run(TINY, tmp_path / "out", device="cpu", toy=True, fresh=True, engine=Nobody())
    message = str(error.value)
    assert message.startswith(f"expected 6 more results in {tmp_path / 'out'}, 6 are missing: model emo18-")
    assert "(it rains); 5 follow from these; mend this, and run" in message
    assert f"`staanet run {TINY} --out {tmp_path / 'out'} --device cpu --toy --engine nobody " in message
    assert "--workers 3 --address here:1`" in message
    assert "--fresh" not in message
    assert "Traceback" in str(error.value.__cause__)
    assert not (tmp_path / "out" / "report").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a run in this process alone."""
    out = tmp_path_factory.mktemp("whole")
    study.run(TINY, out, device="cpu")
    return out


@pytest.mark.slow
@pytest.mark.parametrize("engine", [Local(1), Local(2), Slurm(2, cluster="local")], ids=str)
def test_records_are_those_of_one_process(whole, tmp_path, engine, monkeypatch):
    if isinstance(engine, Slurm):
        pytest.importorskip("submitit", reason="needs the extra scale")
    with monkeypatch.context() as patch:
        for name in ("models.train_model", "generators.train_generator", "cases.evaluate"):
            patch.setattr(f"staanet.study.artefacts.{name}", lambda *_, **__: pytest.fail("worked in this process"))
        study.run(TINY, tmp_path / "out", device="cpu", engine=engine)
    out = tmp_path / "out"
    assert results(out) == results(whole) != {}
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    assert (out / "report" / "index.html").is_file()


DRIVER = """
import sys
from staanet import study
from staanet.engines import Local

if __name__ == "__main__":
    study.run(sys.argv[1], sys.argv[2], device="cpu", engine=Local(2))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["models", "generators", "adversarial", "records"])
def test_a_killed_run_goes_on_with_the_same_records(whole, tmp_path, kind):
    (tmp_path / "driver.py").write_text(DRIVER)
    out = tmp_path / "out"
    driver = subprocess.Popen([sys.executable, tmp_path / "driver.py", TINY, out])
    while driver.poll() is None and not (out / kind).is_dir():
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    study.run(TINY, out, device="cpu", engine=Local(2))
    assert results(out) == results(whole)
    assert not [path for path in out.rglob("*") if path.name.endswith((".partial", ".previous", ".progress"))]


def test_jobs_on_a_gpu_ask_for_one(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("staanet.engines.surroundings.carry_out", lambda _engine, _work, jobs: seen.extend(jobs) or [])
    make_missing(opened(TINY, tmp_path), Local(2), "cuda", "again", everything=False)
    assert {job.gpus for job in seen} == {1}
