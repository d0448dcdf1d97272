import numpy as np
import pytest
import soundfile
import torch

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.models import create_model
from staanet.tasks import attack

SPEECH = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Checkpoint of an untrained model."""
    folder = tmp_path_factory.mktemp("source") / "model"
    with seeded("source"):
        checkpoints.save(create_model("zhao19", ("joy", "fear"), seconds=0.1), folder)
    return folder


def attacked(source, inputs, out):
    return attack("noise", source, inputs, out, settings={}, seed=0, device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            32768 * SPEECH,
            r"clip.wav: expected samples in \[-1, 1\], got a peak of 982\d.*; divide by the integer range",
        ),
        (np.full(1600, 0.31), "clip.wav: expected speech, got silence"),
    ],
)
def test_one_file_that_cannot_be_used_is_refused(source, tmp_path, samples, message):
    soundfile.write(tmp_path / "clip.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(StaanetError, match=message):
        attacked(source, tmp_path / "clip.wav", tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()


def test_files_of_a_folder_that_cannot_be_used_are_skipped_with_a_line_each(source, tmp_path, caplog):
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "a.aiff", SPEECH, 16_000)
    soundfile.write(folder / "b.wav", 32768 * SPEECH, 16_000, subtype="FLOAT")
    soundfile.write(folder / "c.wav", np.full(1600, 0.31), 16_000)
    (folder / "d.m4a").write_bytes(b"audio")
    found = attacked(source, folder, tmp_path / "out")
    assert [file.path for file in found] == ["a.aiff"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.aiff.flac"]
    lines = [record.getMessage() for record in caplog.records]
    for name, reason in (("b.wav", "got a peak of"), ("c.wav", "got silence"), ("d.m4a", "got another format")):
        (line,) = [line for line in lines if name in line]
        assert reason in line
        assert line.endswith("; skipped")
