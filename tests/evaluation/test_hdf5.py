import h5py
import numpy as np
import pytest
import torch

from staanet.core.errors import StaanetError
from staanet.corpora import Hdf5
from staanet.data import prepare
from staanet.evaluation import hdf5

SIZE = 800


def put(path, attacked=None, **changes):
    """Write an adversarial set as the authors' code does: `[N, T]`, `[N, T]` and class numbers `[N, 1]`."""
    random = np.random.default_rng(0)
    clean = random.uniform(-0.4, 0.4, (5, SIZE)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file["x_org"] = clean
        file["x_adv"] = clean + 0.01 * random.choice([-1, 0, 1], clean.shape) if attacked is None else attacked(clean)
        file.create_dataset("y", data=[[0], [1], [0], [1], [1]], dtype="int32")
        for name, value in changes.items():
            del file[name]
            if value is not None:
                file[name] = value
    return path


@pytest.fixture
def opened(tmp_path):
    """Read an adversarial set of others: its dataset and the set."""

    def read(path):
        dataset = prepare(Hdf5(("joy", "anger")), path, tmp_path / "dataset")
        return dataset, hdf5.read(path, dataset, tmp_path / "set")

    return read


def test_an_imported_set_belongs_to_the_dataset_of_its_clean_clips(opened, tmp_path):
    path = put(tmp_path / "theirs.h5")
    dataset, adversarial = opened(path)
    with h5py.File(path) as file:
        for row in range(5):
            clip = f"set/{row:06d}"
            assert np.array_equal(dataset.waveform(clip).numpy(), file["x_org"][row])
            assert np.array_equal(adversarial.waveform(clip).numpy(), file["x_adv"][row].astype(np.float32))
    assert [dataset.label(f"set/{row:06d}") for row in range(5)] == [0, 1, 0, 1, 1]
    assert set(adversarial.figures.values()) == {None}
    assert hdf5.delays(adversarial, dataset) == {}


def test_what_exceeds_full_scale_is_cut(opened, tmp_path):
    _, adversarial = opened(put(tmp_path / "theirs.h5", attacked=lambda clean: clean * 4))
    assert adversarial.waveform("set/000000").abs().max() == 1


def test_a_set_is_exported_and_comes_back(opened, tmp_path):
    dataset, adversarial = opened(put(tmp_path / "theirs.h5"))
    assert hdf5.write(adversarial, dataset, tmp_path / "ours.h5") == 5
    with h5py.File(tmp_path / "ours.h5") as ours, h5py.File(tmp_path / "theirs.h5") as theirs:
        assert ours["x_org"].shape == ours["x_adv"].shape == (5, SIZE)
        assert ours["y"].dtype == np.int32
        for name in ("x_org", "x_adv"):
            assert np.array_equal(ours[name], theirs[name][()].astype(np.float32))
        assert ours["y"][()].tolist() == theirs["y"][:, 0].tolist()
        assert list(ours.attrs["labels"]) == ["joy", "anger"]


def test_sets_of_several_lengths_are_exported_too(tmp_path):
    random = np.random.default_rng(0)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        for name in ("x_org", "x_adv"):
            rows = file.create_dataset(name, (2,), dtype=h5py.vlen_dtype(np.float32))
            for row, length in enumerate((300, 500)):
                rows[row] = random.uniform(-0.5, 0.5, length)
        file["y"] = np.array([0, 1])
    dataset = prepare(Hdf5(), tmp_path / "theirs.h5", tmp_path / "dataset")
    adversarial = hdf5.read(tmp_path / "theirs.h5", dataset, tmp_path / "set")
    hdf5.write(adversarial, dataset, tmp_path / "ours.h5")
    with h5py.File(tmp_path / "ours.h5") as ours, h5py.File(tmp_path / "theirs.h5") as theirs:
        assert [len(row) for row in ours["x_adv"]] == [300, 500]
        assert all(np.array_equal(a, b) for a, b in zip(ours["x_adv"], theirs["x_adv"], strict=True))


def late(clean, samples=60):
    """Return the clips mirrored at their start and cut at their end, as the authors' generator code returns them."""
    return np.pad(clean, ((0, 0), (samples, 0)), mode="reflect")[:, : clean.shape[1]]


def test_clips_that_come_late_are_found(opened, tmp_path):
    dataset, adversarial = opened(put(tmp_path / "theirs.h5", attacked=late))
    assert hdf5.delays(adversarial, dataset) == {f"set/{row:06d}": 60 for row in range(5)}


@pytest.mark.parametrize("shift", [-7, 0, 1, 300])
def test_delay_is_the_shift_under_noise(shift):
    random = torch.Generator().manual_seed(0)
    clean = torch.rand(2000, generator=random) - 0.5
    noise = 0.3 * (torch.rand(2000, generator=random) - 0.5)
    assert hdf5.delay(clean, clean.roll(shift) + noise) == shift


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_adv": None}, "expected a row in x_adv for each of x_org, found others or none"),
        ({"x_adv": np.zeros((4, SIZE))}, "expected a row in x_adv for each of x_org, found others or none"),
        ({"x_adv": np.ones((5, SIZE - 1))}, "expected as many samples in x_adv as in x_org, got 799 and 800"),
        ({"x_adv": np.full((5, SIZE), np.nan)}, "x_adv[0]: expected finite samples, got NaN or infinity"),
        ({"x_adv": np.ones((5, SIZE, 1))}, "x_adv[0]: expected samples [T], got float64 [800, 1]"),
        ({"y": None}, "expected the datasets x_org and y, found no y"),
    ],
)
def test_another_layout_is_reported_in_one_line(opened, tmp_path, changes, message):
    with pytest.raises(StaanetError) as caught:
        opened(put(tmp_path / "theirs.h5", **changes))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "theirs.h5"))
    assert "\n" not in str(caught.value)


def test_a_set_of_another_dataset_is_reported(opened, tmp_path):
    dataset, adversarial = opened(put(tmp_path / "theirs.h5"))
    other = dataset.only(["joy"])
    with pytest.raises(StaanetError, match="got 'set/000001'; give the dataset whose clips were attacked"):
        hdf5.write(adversarial, other, tmp_path / "ours.h5")
    assert not (tmp_path / "ours.h5").exists()
