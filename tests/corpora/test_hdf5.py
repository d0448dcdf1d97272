import sys

import h5py
import numpy as np
import pytest

from staanet.core.errors import StaanetError
from staanet.corpora import Hdf5
from staanet.data import Dataset, by_subsets, hdf5_export, prepare
from staanet.data.splits import Split

LENGTHS = {"train": (400, 640, 320, 500), "dev": (410, 420), "test": (430, 440, 450)}
NUMBERS = {"train": (0, 1, 2, 0), "dev": (1, 2), "test": (0, 1, 2)}


def clips_of(subset):
    random = np.random.default_rng(len(subset))
    return [random.uniform(-0.5, 0.5, length).astype(np.float32) for length in LENGTHS[subset]]


def put(path, **changes):
    """Write a corpus as the authors' code does: variable-length float32, int32."""
    with h5py.File(path, "w") as file:
        for subset in LENGTHS:
            rows = np.empty(len(LENGTHS[subset]), dtype=object)
            rows[:] = clips_of(subset)
            file.create_dataset(f"{subset}_audio", data=rows, dtype=h5py.vlen_dtype(np.float32))
            file.create_dataset(f"{subset}_y", data=NUMBERS[subset], dtype="int32")
        for name, value in changes.items():
            del file[name]
            if value is not None:
                file[name] = value
    return path


def error_of(root, corpus=None):
    with pytest.raises(StaanetError) as caught:
        prepare(corpus or Hdf5(), root, root.with_name("dataset"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("given", ["file", "folder"])
def test_the_authors_layout_becomes_a_dataset_with_its_official_subsets(tmp_path, given):
    path = put(tmp_path / "audio.h5")
    corpus = Hdf5(emotions=("happiness", "sadness", "anger"))
    dataset = prepare(corpus, path if given == "file" else tmp_path, tmp_path / "dataset")
    assert dataset.labels == ("happiness", "sadness", "anger")
    assert (len(dataset), dataset.sample_rate) == (9, 16_000)
    for subset in LENGTHS:
        for row, samples in enumerate(clips_of(subset)):
            clip = f"{subset}/{row:06d}"
            assert np.array_equal(dataset.waveform(clip).numpy(), samples)
            assert dataset.label(clip) == NUMBERS[subset][row]
    split = by_subsets(list(dataset.utterances.values()))
    dataset.check(split)
    assert [clip.split("/")[0] for clip in (*split.train, *split.val, *split.test)] == [
        *["train"] * 4,
        *["dev"] * 2,
        *["test"] * 3,
    ]


def test_without_names_the_class_numbers_are_the_labels(tmp_path):
    assert Hdf5().labels(put(tmp_path / "audio.h5")) == ("0", "1", "2")


def test_another_file_is_another_fingerprint(tmp_path):
    one, other = put(tmp_path / "one.h5"), put(tmp_path / "other.h5", train_y=np.array([0, 1, 1, 0]))
    assert len({Hdf5().fingerprint(path) for path in (one, other)}) == 2
    assert Hdf5().fingerprint(one) == Hdf5().fingerprint(one)


def test_a_store_is_exported_and_comes_back_with_its_speakers(tmp_path):
    dataset = prepare(Hdf5(("a", "b", "c")), put(tmp_path / "audio.h5"), tmp_path / "dataset")
    clips = list(dataset.utterances)
    hdf5_export.write(
        dataset, Split("", None, tuple(clips[:5]), tuple(clips[5:7]), tuple(clips[7:])), tmp_path / "out.h5"
    )
    with h5py.File(tmp_path / "out.h5") as file:
        assert {f"{subset}_{kind}" for subset in LENGTHS for kind in ("audio", "y", "speaker")} == set(file)
        assert file["train_audio"].dtype == h5py.vlen_dtype(np.float32)
        assert file["train_y"].dtype == np.int32
    again = prepare(Hdf5(), tmp_path / "out.h5", tmp_path / "again")
    assert again.labels == ("a", "b", "c")
    assert [again.waveform(clip).tolist() for clip in again.utterances] == [dataset.waveform(c).tolist() for c in clips]
    assert [u.speaker for u in again.utterances.values()] == ["train"] * 4 + ["dev"] * 2 + ["test"] * 3
    assert [u.session for u in again.utterances.values()] == ["train"] * 5 + ["val"] * 2 + ["test"] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_y": np.array([0, 1])}, "expected 4 class numbers from 0 to 9999 in train_y, got int64 [2]"),
        ({"train_y": np.array([0, 1, -1, 0])}, "expected 4 class numbers from 0 to 9999 in train_y"),
        ({"train_y": np.zeros(4)}, "expected 4 class numbers from 0 to 9999 in train_y, got float64 [4]"),
        ({"dev_y": None}, "expected the datasets dev_audio and dev_y, found no dev_y"),
        (
            {"test_audio": None, "train_audio": None, "dev_audio": None},
            "expected the datasets train_audio, dev_audio, test_audio, or x_org, found dev_y, test_y, train_y",
        ),
    ],
)
def test_another_layout_is_reported_in_one_line(tmp_path, changes, message):
    found = error_of(put(tmp_path / "audio.h5", **changes))
    assert message in found
    assert found.startswith(str(tmp_path / "audio.h5"))


def test_more_classes_than_names_are_reported(tmp_path):
    found = error_of(put(tmp_path / "audio.h5"), Hdf5(emotions=("a", "b")))
    assert "expected 2 classes (a, b), got class numbers up to 2; name all of them in their order" in found


def test_clips_that_cannot_be_used_are_skipped_and_reported(tmp_path):
    damaged = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 300)).astype(np.float32)
    damaged[1, 5] = np.nan
    damaged[2] = 0.1
    damaged[3] *= 32768
    dataset = prepare(Hdf5(), put(tmp_path / "audio.h5", train_audio=damaged), tmp_path / "dataset")
    assert len(dataset) == 6
    found = [line.partition(": ")[2] for line in dataset.skipped]
    assert found[:2] == [
        "train_audio[1]: expected finite samples, got NaN or infinity; skipped",
        "expected speech, got silence; skipped",
    ]
    assert found[2].startswith("train_audio[3]: expected samples in [-1, 1], got a peak of 32")


@pytest.mark.parametrize("content", [b"", b"no hdf5" * 100, None])
def test_a_damaged_file_is_reported(tmp_path, content):
    path = put(tmp_path / "audio.h5")
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    assert "audio.h5: expected an HDF5 file, got" in error_of(path)


def test_a_missing_file_and_a_folder_of_several_are_reported(tmp_path):
    assert "nosuch.h5: expected an HDF5 file, found none" in error_of(tmp_path / "nosuch.h5")
    put(tmp_path / "folder.h5").rename(tmp_path / "one.h5")
    put(tmp_path / "two.h5")
    assert "expected one HDF5 file (.h5), found 2; give the file itself" in error_of(tmp_path)


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = put(tmp_path / "audio.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert error_of(path) == "expected the package h5py, found none; install staanet[h5]"


def test_a_store_is_damaged_by_nothing_that_was_read(tmp_path):
    """The dataset stands by itself once it is prepared."""
    path = put(tmp_path / "audio.h5")
    prepare(Hdf5(), path, tmp_path / "dataset")
    path.unlink()
    assert len(Dataset(tmp_path / "dataset").waveform("train/000000")) == 400
