"""Preparation by workers: the dataset is that of one process, and what was made is not made again."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from in_process import Here
from in_process import as_before as as_before
from staanet.audio.files import write
from staanet.core.checksums import CHECKSUMS
from staanet.core.errors import StaanetError
from staanet.corpora import Folder
from staanet.data import Dataset, Segmentation, examine, parts, prepare
from staanet.engines import Local, Slurm

RATE = 16_000


@pytest.fixture
def root(tmp_path):
    """Clips of six speakers, with other rates and channels, silence, a damaged file, and samples beyond full scale."""
    root, random = tmp_path / "corpus", np.random.default_rng(0)
    for number, speaker in enumerate("abcdef"):
        for emotion in ("anger", "joy"):
            for take in range(3):
                samples = random.uniform(-0.5, 0.5, (100 + 10 * number + take, 1 + take % 2)).astype(np.float32)
                write(root / emotion / f"{speaker}-{take}.wav", samples, (8_000, RATE)[number % 2])
    soundfile.write(root / "joy" / "b-4.wav", np.zeros(800), RATE)
    soundfile.write(root / "joy" / "c-4.wav", np.linspace(-1.2, 1.2, 900), RATE, subtype="FLOAT")
    (root / "anger" / "d-4.wav").write_bytes(b"RIFF....")
    return root


@pytest.fixture
def small(monkeypatch):
    """Parts of five clips and shards of 300 samples."""
    monkeypatch.setattr(parts, "PART_CLIPS", 5)
    monkeypatch.setattr("staanet.data.shards.SHARD_SAMPLES", 300)


def files(folder):
    """Return the contents of the files of a dataset, without the checksums, which hold times."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != CHECKSUMS}


@pytest.mark.usefixtures("small", "as_before")
def test_the_dataset_is_that_of_one_process(root, tmp_path, caplog):
    prepare(Folder(), root, tmp_path / "whole")
    told = [message for message in caplog.messages if str(root) in message]
    caplog.clear()
    made = prepare(Folder(), root, tmp_path / "parts", engine=Here())
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert [message for message in caplog.messages if str(root) in message] == told != []
    assert len(files(tmp_path / "parts")) > 5
    assert len(made.skipped) == 2
    assert not (tmp_path / "parts.progress").exists()


@pytest.mark.slow
def test_processes_of_this_machine_prepare_the_same_dataset(root, tmp_path):
    prepare(Folder(), root, tmp_path / "whole")
    prepare(Folder(), root, tmp_path / "parts", engine=Local(2))
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.usefixtures("small", "as_before")
@pytest.mark.parametrize("moment", ["part 0", "part 5", "shard 0", "shard 4"])
def test_an_interrupted_preparation_makes_only_what_is_missing(root, tmp_path, moment):
    prepare(Folder(), root, tmp_path / "whole")
    first, second = Here(stops_before=moment), Here()
    with pytest.raises(KeyboardInterrupt):
        prepare(Folder(), root, tmp_path / "parts", engine=first)
    assert not (tmp_path / "parts").exists()
    prepare(Folder(), root, tmp_path / "parts", engine=second)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert not set(first.done) & set(second.done)
    assert second.done[0] == moment


@pytest.mark.usefixtures("small", "as_before")
def test_a_damaged_part_is_read_again(root, tmp_path, caplog):
    prepare(Folder(), root, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        prepare(Folder(), root, tmp_path / "parts", engine=Here(stops_before="shard 0"))
    (tmp_path / "parts.progress" / "part-000001.jsonl").write_text("")
    again = Here()
    prepare(Folder(), root, tmp_path / "parts", engine=again)
    assert again.done[:2] == ["part 1", "shard 0"]
    assert any("it is not used, and made again" in message for message in caplog.messages)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.usefixtures("small", "as_before")
@pytest.mark.parametrize("change", ["a file", "the rate"])
def test_what_was_made_of_other_clips_or_settings_is_not_used(root, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        prepare(Folder(), root, tmp_path / "parts", engine=Here(stops_before="shard 1"))
    rate = RATE
    if change == "a file":
        write(root / "joy" / "a-1.wav", np.full((400, 1), 0.1, dtype=np.float32), RATE)
    else:
        rate = 8_000
    prepare(Folder(), root, tmp_path / "whole", rate)
    prepare(Folder(), root, tmp_path / "parts", rate, engine=Here())
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.usefixtures("as_before")
def test_a_worker_that_does_not_see_the_corpus_skips_no_clip(root, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Elsewhere(Here):
        def open(self, work):
            root.rename(tmp_path / "moved")
            return super().open(work)

    with pytest.raises(StaanetError, match="expected the folder of the corpus where the workers are, found none"):
        prepare(Folder(), root, tmp_path / "parts", engine=Elsewhere())
    (tmp_path / "moved").rename(root)
    assert len(prepare(Folder(), root, tmp_path / "parts", engine=Here())) == 37


@pytest.mark.usefixtures("as_before")
def test_a_corpus_without_usable_clips_is_told_by_workers_too(tmp_path):
    for name in ("joy/a.wav", "anger/b.wav"):
        write(tmp_path / "corpus" / name, np.zeros((800, 1), dtype=np.float32), RATE)
    with pytest.raises(StaanetError, match="expected usable clips, found none of 2"):
        prepare(Folder(), tmp_path / "corpus", tmp_path / "parts", engine=Here())
    assert not (tmp_path / "parts").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("as_before")
def test_segments_come_from_workers_as_from_one_process(root, tmp_path):
    pytest.importorskip("librosa", reason="needs the extra systematic")
    write(root / "joy" / "a-9.wav", np.random.default_rng(1).uniform(-0.5, 0.5, (9000, 1)).astype(np.float32), RATE)
    cut = Segmentation(seconds=0.2, pitches=(2.0,), speeds=(), min_seconds=0.05)
    overview = examine(Folder(), root, RATE, None, cut)
    prepare(Folder(), root, tmp_path / "whole", segments=cut)
    made = prepare(Folder(), root, tmp_path / "parts", segments=cut, engine=Here())
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert made.overview == json.loads(json.dumps(overview))
    assert len(made) > 5


DRIVER = """
import sys
from pathlib import Path
from staanet.corpora import Folder
from staanet.data import prepare
from staanet.engines import Local

if __name__ == "__main__":
    prepare(Folder(), Path(sys.argv[1]), Path(sys.argv[2]), engine=Local(2))
"""


@pytest.mark.slow
def test_a_killed_command_loses_nothing(tmp_path):
    root, random = tmp_path / "corpus", np.random.default_rng(0)
    for number in range(400):
        samples = random.uniform(-0.5, 0.5, (4000, 1)).astype(np.float32)
        write(root / ("anger", "joy")[number % 2] / f"{number % 7}-{number}.wav", samples, 44_100)
    prepare(Folder(), root, tmp_path / "whole")
    script, progress = tmp_path / "driver.py", tmp_path / "parts.progress"
    script.write_text(DRIVER)
    driver = subprocess.Popen([sys.executable, script, root, tmp_path / "parts"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(progress.glob("part-*.jsonl")) and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert driver.returncode == -signal.SIGKILL
    assert not (tmp_path / "parts").exists()
    prepare(Folder(), root, tmp_path / "parts", engine=Local(2))
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert len(Dataset(tmp_path / "parts")) == 400


@pytest.mark.slow
def test_jobs_of_submitit_prepare_the_same_dataset(root, tmp_path):
    pytest.importorskip("submitit", reason="needs the extra scale")
    prepare(Folder(), root, tmp_path / "whole")
    prepare(Folder(), root, tmp_path / "parts", engine=Slurm(2, cluster="local"))
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
