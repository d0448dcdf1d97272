import json
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn import preprocessing
from sklearn.svm import SVC

from staanet.audio.front_ends import Scaler
from staanet.core.errors import StaanetError

TABLE = np.random.default_rng(0).normal(5, 3, (50, 6))
TABLE[:, 2] = 4.0  # a constant feature
SCALERS = [
    preprocessing.StandardScaler(),
    preprocessing.StandardScaler(with_mean=False),
    preprocessing.StandardScaler(with_std=False),
    preprocessing.StandardScaler(with_mean=False, with_std=False),
    preprocessing.MinMaxScaler(),
    preprocessing.MinMaxScaler((-1, 2), clip=True),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(),
    preprocessing.RobustScaler(with_centering=False, with_scaling=False),
]


@pytest.mark.parametrize("scaler", SCALERS, ids=repr)
def test_it_is_scikit_learns(scaler):
    fitted = scaler.fit(TABLE)
    unseen = np.random.default_rng(1).normal(5, 9, (20, 6))
    ours = Scaler.from_sklearn(fitted)(torch.from_numpy(unseen).float()).numpy()
    assert ours == pytest.approx(fitted.transform(unseen), abs=1e-5)


def write(path, statistics):
    if path.suffix == ".json":
        path.write_text(json.dumps({name: np.asarray(value).tolist() for name, value in statistics.items()}))
    elif path.suffix == ".npz":
        np.savez(path, **statistics)
    else:
        np.save(path, np.stack([statistics["mean_"], statistics["scale_"]]))
    return path


def attributes(scaler, *names):
    return {name: getattr(scaler.fit(TABLE), name) for name in names}


@pytest.mark.parametrize(
    ("ending", "names"),
    [
        (".npz", ("mean_", "scale_")),
        (".npz", ("mean_", "var_")),
        (".json", ("mean_", "scale_")),
        (".npy", ("mean_", "scale_")),
    ],
)
def test_a_standard_scaler_comes_from_a_file(tmp_path, ending, names):
    scaler = preprocessing.StandardScaler().fit(TABLE[:, [0, 1, 3]])
    path = write(tmp_path / f"scaler{ending}", {name: getattr(scaler, name) for name in names})
    ours = Scaler.from_file(path)(torch.from_numpy(TABLE[:, [0, 1, 3]]).float()).numpy()
    assert ours == pytest.approx(scaler.transform(TABLE[:, [0, 1, 3]]), abs=1e-5)


@pytest.mark.parametrize("ending", [".npz", ".json"])
@pytest.mark.parametrize("limits", [(0, 1), (-1, 2)])
def test_a_min_max_scaler_comes_from_a_file(tmp_path, ending, limits):
    scaler = preprocessing.MinMaxScaler(limits)
    statistics = attributes(scaler, "data_min_", "data_max_")
    if limits != (0, 1):
        statistics["feature_range"] = limits
    path = write(tmp_path / f"scaler{ending}", statistics)
    assert Scaler.from_file(path)(torch.from_numpy(TABLE).float()).numpy() == pytest.approx(
        scaler.transform(TABLE), abs=1e-5
    )


def test_statistics_are_of_all_cells_of_each_feature_or_of_each_cell():
    features = torch.from_numpy(TABLE).float().reshape(10, 3, 10)
    per_feature = preprocessing.StandardScaler().fit(features.transpose(1, 2).reshape(-1, 3).numpy())
    expected = per_feature.transform(features.transpose(1, 2).reshape(-1, 3)).reshape(10, 10, 3).transpose(0, 2, 1)
    assert Scaler.from_sklearn(per_feature)(features).numpy() == pytest.approx(expected, abs=1e-5)
    per_cell = preprocessing.StandardScaler().fit(features.reshape(10, -1).numpy())
    expected = per_cell.transform(features.reshape(10, -1)).reshape(10, 3, 10)
    assert Scaler.from_sklearn(per_cell)(features).numpy() == pytest.approx(expected, abs=1e-4)
    assert torch.allclose(Scaler(2.0, 4.0)(features), (features - 2) / 4)
    with pytest.raises(
        StaanetError, match=r"fit the 7 statistics.*has 1, 3 \(one per feature\) or 30 \(one per cell\)"
    ):
        Scaler(np.zeros(7), np.ones(7))(features)


@pytest.mark.parametrize("dump", [joblib.dump, lambda scaler, path: path.write_bytes(pickle.dumps(scaler))])
@pytest.mark.parametrize("name", ["scaler.pkl", "scaler.pickle", "scaler.joblib", "scaler.save", "scaler.PKL"])
def test_a_pickle_is_read_only_with_trust(tmp_path, name, dump):
    scaler = preprocessing.StandardScaler().fit(TABLE)
    dump(scaler, tmp_path / name)
    with pytest.raises(StaanetError, match=r"got a pickle, which can run code; save .* or pass trust=True"):
        Scaler.from_file(tmp_path / name)
    ours = Scaler.from_file(tmp_path / name, trust=True)(torch.from_numpy(TABLE).float()).numpy()
    assert ours == pytest.approx(scaler.transform(TABLE), abs=1e-5)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("name", ["scaler.npz", "scaler.npy", "scaler.json", "scaler.dat", "scaler.pkl"])
def test_no_name_lets_a_pickle_run(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(StaanetError, match=name):
        Scaler.from_file(tmp_path / name)


def test_pickled_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "scaler.npz", mean=np.array([Bomb()], dtype=object), scale=np.ones(1))
    with pytest.raises(StaanetError, match="expected arrays of numbers"):
        Scaler.from_file(tmp_path / "scaler.npz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"mean": [0]}', "mean and scale .* got mean"),
        ("{}", "got nothing"),
        ("[1, 2]", "names with their numbers, got list"),
        ('{"mean": [0], "scale": [0]}', "1 are 0"),
        ('{"mean": [0, 1], "scale": [1]}', "got 2 and 1"),
        ('{"mean": [], "scale": []}', "one or more"),
        ('{"mean": [NaN], "scale": [1]}', "mean as finite numbers"),
        ('{"mean": ["a"], "scale": [1]}', "scaler.json: expected"),
        ('{"mean": [[1], [2, 3]], "scale": [1]}', "scaler.json: expected"),
        ('{"data_min": [0], "data_max": [1], "feature_range": [1]}', "scaler.json: expected"),
        ("not json", "scaler.json: expected arrays of numbers"),
    ],
)
def test_other_content_raises_one_line(tmp_path, content, message):
    (tmp_path / "scaler.json").write_text(content)
    with pytest.raises(StaanetError, match=message) as caught:
        Scaler.from_file(tmp_path / "scaler.json")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_other_objects_raise(tmp_path):
    with pytest.raises(StaanetError, match="found none"):
        Scaler.from_file(tmp_path / "scaler.npz")
    for other in (preprocessing.StandardScaler(), SVC().fit(TABLE, np.arange(50) % 2), "scaler"):
        with pytest.raises(StaanetError, match="expected a fitted StandardScaler"):
            Scaler.from_sklearn(other)
