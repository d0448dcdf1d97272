import json

import numpy as np
import pytest
import soundfile

from staanet.audio.files import write
from staanet.corpora import Folder, Synthetic
from staanet.data import Dataset, examine, prepare

RATE = 16_000


def noise(seed, length=1600):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, length).astype(np.float32)


@pytest.fixture
def root(tmp_path):
    """Four speakers of two emotions, with one copy, one file in stereo at another rate, and one missing file."""
    root, rows = tmp_path / "corpus", ["path,emotion,speaker,gender,language"]
    for number, (speaker, emotion) in enumerate((s, e) for s in "abcd" for e in ("anger", "joy")):
        write(root / f"{speaker}_{emotion}.wav", noise(number), RATE)
        rows.append(f"{speaker}_{emotion}.wav,{emotion},{speaker},{'F' if speaker < 'd' else ''},de")
    write(root / "b_joy.wav", noise(1), RATE)  # the samples of a_joy.wav
    stereo = np.stack([noise(9, 800), noise(10, 800)], axis=1)
    soundfile.write(root / "c_more.flac", stereo, 8_000)
    rows += ["c_more.flac,joy,c,F,de", "nosuch.wav,joy,d,,de"]
    (root / "metadata.csv").write_text("\n".join(rows))
    return root


def test_the_overview_counts_what_is_in_the_corpus(root):
    overview = examine(Folder(), root)
    assert overview["clips"] == 9
    assert overview["labels"]["joy"] == {"clips": 5, "speakers": 4, "example": "a_joy.wav"}
    assert overview["speakers"]["c"] == {"clips": 3, "emotions": 2, "gender": "female", "example": "c_anger.wav"}
    assert {name: group["clips"] for name, group in overview["genders"].items()} == {"female": 7, "unknown": 2}
    assert overview["languages"] == {"de": {"clips": 9, "speakers": 4, "example": "a_anger.wav"}}
    audio = overview["audio"]
    assert audio["seconds"] == {"total": 0.9, "shortest": 0.1, "median": 0.1, "longest": 0.1}
    assert (audio["rates"], audio["channels"]) == ({"16000": 8, "8000": 1}, {"1": 8, "2": 1})
    assert audio["encodings"] == {"WAV FLOAT": 8, "FLAC PCM_16": 1}
    assert overview["missing"] == {"count": 1, "examples": ["nosuch.wav"]}
    assert (overview["skipped"]["count"], overview["extra"]["count"]) == (0, 0)


def test_warnings_name_copies_and_missing_files(root):
    text = "\n".join(examine(Folder(), root)["warnings"])
    assert "got 1 copies (1 by another speaker, 0 with another emotion)" in text
    assert "found none for 1: no file of a similar name, such as 'nosuch.wav'" in text


def test_examining_is_preparing_without_writing(root, tmp_path, caplog):
    overview = examine(Folder(), root)
    examined = [record.getMessage() for record in caplog.records]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
    caplog.clear()
    dataset = prepare(Folder(), root, tmp_path / "dataset")
    assert [record.getMessage() for record in caplog.records] == examined
    assert dataset.overview == json.loads(json.dumps(overview)) == Dataset(tmp_path / "dataset").overview


def test_a_dataset_without_an_overview_is_read(root, tmp_path):
    prepare(Folder(), root, tmp_path / "dataset")
    about = json.loads((tmp_path / "dataset" / "dataset.json").read_text())
    del about["overview"]
    (tmp_path / "dataset" / "dataset.json").write_text(json.dumps(about))
    (tmp_path / "dataset" / "checksums.jsonl").unlink()
    assert Dataset(tmp_path / "dataset").overview == {}


def test_a_corpus_without_files_has_no_encodings(tmp_path):
    overview = examine(Synthetic(speakers=3, sentences=1, seconds=(0.5, 0.6)), tmp_path)
    assert overview["audio"]["encodings"] == {}
    assert overview["clips"] == 12
