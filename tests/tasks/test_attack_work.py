"""An attack by workers: files and results are those of one process, and what was made is not made again."""

import subprocess

import numpy as np
import pytest
import soundfile
import torch

from in_process import Here
from in_process import as_before as as_before
from rated import DIMENSIONS, write_rated
from staanet.attacks.goals import Aim
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.processes import HOST
from staanet.core.seeds import seeded
from staanet.corpora import Folder, Synthetic
from staanet.data import prepare
from staanet.engines import Local
from staanet.models import create_model
from staanet.tasks import attack, attack_work

pytestmark = pytest.mark.usefixtures("as_before")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Checkpoint of an untrained model."""
    folder = tmp_path_factory.mktemp("source") / "model"
    with seeded("source"):
        checkpoints.save(create_model("zhao19", ("anger", "joy"), seconds=0.1), folder)
    return folder


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A folder with speech, silence and a damaged file, of which a worker attacks two at a time."""
    monkeypatch.setattr(attack_work, "CLIPS", 2)
    folder, random = tmp_path / "clips", np.random.default_rng(0)
    (folder / "sub").mkdir(parents=True)
    for name in ("a.wav", "b.flac", "sub/c.wav", "sub/d.wav", "z.wav"):
        soundfile.write(folder / name, random.uniform(-0.3, 0.3, (1700, 2)), (8_000, 16_000)[name > "b"])
    soundfile.write(folder / "sub" / "silent.wav", np.zeros(1600), 16_000)
    (folder / "damaged.wav").write_bytes(b"RIFF....")
    return folder


def attacked(source, inputs, out, engine=None, name="noise", **options):
    options = {"settings": {}, "seed": 0, **options}
    return attack(name, source, inputs, out, device=torch.device("cpu"), engine=engine, **options)


def files(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_files_results_and_messages_are_those_of_one_process(source, clips, tmp_path, caplog):
    whole = attacked(source, clips, tmp_path / "whole", trace=True)
    told = sorted(message for message in caplog.messages if "skipped" in message)
    caplog.clear()
    assert attacked(source, clips, tmp_path / "parts", Here(), trace=True) == whole
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert len(whole.files) == 5
    assert len(files(tmp_path / "parts")) == 10
    assert sorted(message for message in caplog.messages if "skipped" in message) == told
    assert len(told) == 2
    assert not (tmp_path / "parts.progress").exists()


@pytest.mark.parametrize("moment", [0, 1, 3])
def test_an_interrupted_attack_makes_only_what_is_missing(source, clips, tmp_path, moment):
    first, second = Here(stops_before=f"recordings {moment}"), Here()
    with pytest.raises(KeyboardInterrupt):
        attacked(source, clips, tmp_path / "parts", first)
    found = attacked(source, clips, tmp_path / "parts", second)
    assert found == attacked(source, clips, tmp_path / "whole")
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert [*first.done, *second.done] == [f"recordings {number}" for number in range(4)]


def test_what_a_worker_left_that_was_killed_is_removed(source, clips, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        attacked(source, clips, tmp_path / "parts", Here(stops_before="recordings 3"))
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = tmp_path / "parts" / "sub" / f".c.wav.{HOST}-{dead.pid}-7.partial"
    left.write_bytes(b"RIFF")
    attacked(source, clips, tmp_path / "parts", Here())
    assert not left.exists()


def test_a_file_that_is_gone_is_made_again(source, clips, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        attacked(source, clips, tmp_path / "parts", Here(stops_before="recordings 3"))
    (tmp_path / "parts" / "b.flac").unlink()
    again = Here()
    attacked(source, clips, tmp_path / "parts", again)
    assert again.done == ["recordings 0", "recordings 3"]


def test_results_of_other_settings_or_files_are_not_used(source, clips, tmp_path):
    def stopped(**options):
        engine = Here(stops_before="recordings 1")
        with pytest.raises(KeyboardInterrupt):
            attacked(source, clips, tmp_path / "parts", engine, **options)
        return engine.done

    assert stopped() == ["recordings 0"]
    assert stopped() == []
    assert stopped(seed=1) == ["recordings 0"]
    assert stopped(seed=1) == []
    soundfile.write(clips / "z.wav", np.full(1600, 0.1) * np.arange(1600) / 1600, 16_000)
    assert stopped(seed=1) == ["recordings 0"]
    assert stopped(seed=1, settings={"snr_db": 30}) == ["recordings 0"]


def test_a_dataset_is_attacked_by_workers_too(source, tmp_path, monkeypatch):
    monkeypatch.setattr(attack_work, "CLIPS", 3)
    prepare(Synthetic(speakers=3, sentences=1, seconds=(0.5, 0.6)), tmp_path, tmp_path / "dataset")
    whole = attacked(source, tmp_path / "dataset", tmp_path / "whole")
    assert attacked(source, tmp_path / "dataset", tmp_path / "parts", Here()) == whole
    assert files(tmp_path / "parts") == files(tmp_path / "whole") != {}


def test_a_model_of_dimensions_is_attacked_by_workers_too(tmp_path):
    folder = write_rated(tmp_path)
    source, options = f"{folder / 'net.py'}:build", {"trust": True, "source_settings": DIMENSIONS, "name": "fgsm"}
    prepare(Folder(**DIMENSIONS), folder / "corpus", tmp_path / "dataset")
    whole = attacked(source, tmp_path / "dataset", tmp_path / "whole", aim=Aim("arousal"), **options)
    assert attacked(source, tmp_path / "dataset", tmp_path / "parts", Here(), aim=Aim("arousal"), **options) == whole
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert whole.files[0].dimension == "arousal"


def test_a_place_that_cannot_be_written_fails_its_files_and_no_others(source, clips, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "sub").write_text("in the way")
    with pytest.raises(StaanetError, match=r"expected 4 more results in .*, 2 are missing: recordings .*same command"):
        attacked(source, clips, tmp_path / "parts", Here())
    (tmp_path / "parts" / "sub").unlink()
    again = Here()
    attacked(source, clips, tmp_path / "parts", again)
    assert again.done == ["recordings 1", "recordings 2"]


def test_nothing_to_attack_is_told(source, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "damaged.wav").write_bytes(b"RIFF....")
    with pytest.raises(StaanetError, match="expected a file that can be attacked, got 1, all of which were skipped"):
        attacked(source, tmp_path / "clips", tmp_path / "parts", Here())


@pytest.mark.slow
def test_processes_of_this_machine_make_the_same_files(source, clips, tmp_path):
    options = {"name": "pgd", "settings": {"steps": 2}}
    whole = attacked(source, clips, tmp_path / "whole", **options)
    assert attacked(source, clips, tmp_path / "parts", Local(2), **options) == whole
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
