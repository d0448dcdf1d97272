"""Scaling of features by the statistics of a training set, from a file or from scikit-learn."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from staanet.core.errors import StaanetError
from staanet.core.extras import import_extra

PICKLED = (".joblib", ".pickle", ".pkl", ".save")
"""Endings of files that run code when they are read."""

STATISTICS = ("mean", "scale", "std", "var", "data_min", "data_max", "feature_range")
"""The statistics that a file may contain."""

SCALERS = "StandardScaler, MinMaxScaler, MaxAbsScaler or RobustScaler"


class Scaler(nn.Module):
    """Features minus `mean`, divided by `scale`, as by scalers of scikit-learn.

    The statistics are one number, one number per feature, or one number per cell of features and frames, in the order
    of `features.reshape(len(features), -1)`.

    Args:
        mean: Subtracted values.
        scale: Divisors, in the same number; not 0.
        limits: Smallest and largest value of the result. Default: none.

    Shape: `[B, features, ...]` -> the same.

    Raises:
        StaanetError: If the statistics are not finite, differ in number, or do not fit the features.

    >>> Scaler([1.0, 2.0], [1.0, 0.5])(torch.tensor([[3.0, 3.0]]))
    tensor([[2., 2.]])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: ArrayLike, scale: ArrayLike, limits: tuple[float, float] | None = None) -> None:
        super().__init__()
        means, scales = (_numbers(name, values) for name, values in (("mean", mean), ("scale", scale)))
        if len(means) != len(scales) or not scales.all():
            raise StaanetError(
                f"expected as many means as scales, none of which is 0, got {len(means)} and {len(scales)}, of which "
                f"{int((scales == 0).sum())} are 0; constant features have a scale of 1 in scikit-learn"
            )
        self.limits = limits
        self.register_buffer("mean", means, persistent=False)
        self.register_buffer("scale", scales, persistent=False)

    @classmethod
    def from_file(cls, path: str | Path, *, trust: bool = False) -> "Scaler":
        """Return the scaler of a file.

        Args:
            path: `.npz` or `.json` with the arrays `mean` and `scale` (or `std`, or `var`) of a `StandardScaler`, or
                `data_min` and `data_max` of a `MinMaxScaler` to [0, 1]; an underscore at the end of a name, as in
                scikit-learn, is ignored. `.npy` with two rows, mean and scale. Or a pickled scaler of scikit-learn
                (`.pkl`, `.pickle`, `.joblib`, `.save`).
            trust: Whether to read a pickle, which can run any code. Only do so with files of people you trust.

        Raises:
            StaanetError: If the file is missing, unreadable or has other content, or is a pickle without `trust`.
        """
        path = Path(path)
        if not path.is_file():
            raise StaanetError(f"{path}: expected a file with the statistics of a scaler, found none")
        if path.suffix.lower() in PICKLED:
            return cls._unpickled(path, trust)
        try:
            return cls(*_mean_and_scale(_read(path)))
        except (ValueError, TypeError, OSError) as error:
            raise StaanetError(f"{path}: expected arrays of numbers, got an unreadable file ({error})") from error
        except StaanetError as error:
            raise StaanetError(f"{path}: {error}") from error

    @classmethod
    def _unpickled(cls, path: Path, trust: bool) -> "Scaler":
        if not trust:
            raise StaanetError(
                f"{path}: expected .npz, .npy or .json, got a pickle, which can run code; save the scaler with "
                "np.savez(path, mean=scaler.mean_, scale=scaler.scale_), or pass trust=True if you trust its author"
            )
        try:
            scaler = import_extra("joblib", "dev").load(path)  # it reads plain pickles, too
        except StaanetError:
            raise
        except Exception as error:  # a pickle can raise any exception
            raise StaanetError(f"{path}: expected a pickled scaler, got {type(error).__name__}: {error}") from error
        return cls.from_sklearn(scaler)

    @classmethod
    def from_sklearn(cls, scaler: Any) -> "Scaler":
        """Return a fitted scaler of scikit-learn as a module, which needs scikit-learn no more.

        Args:
            scaler: A `StandardScaler`, `MinMaxScaler`, `MaxAbsScaler` or `RobustScaler`.

        Raises:
            StaanetError: If it is another object, or not fitted.
        """
        if hasattr(scaler, "data_min_"):
            limits = tuple(scaler.feature_range) if scaler.clip else None
            return cls(-scaler.min_ / scaler.scale_, 1 / scaler.scale_, limits)
        size = getattr(scaler, "n_features_in_", None)
        if size is None or not hasattr(scaler, "scale_"):
            raise StaanetError(f"expected a fitted {SCALERS} of scikit-learn, got {scaler!r:.80}")
        mean = getattr(scaler, "center_", None)
        if getattr(scaler, "with_mean", False):
            mean = scaler.mean_
        return cls(np.zeros(size) if mean is None else mean, np.ones(size) if scaler.scale_ is None else scaler.scale_)

    def forward(self, features: Tensor) -> Tensor:
        """Return scaled features in the shape of the input."""
        size, cells = len(self.mean), math.prod(features.shape[1:])
        if size == cells:
            shape = features.shape[1:]
        elif size in (1, features.shape[1]):
            shape = torch.Size([size, *[1] * (features.ndim - 2)])
        else:
            raise StaanetError(
                f"expected features that fit the {size} statistics of the scaler, got {list(features.shape[1:])} for "
                f"each clip; a scaler has 1, {features.shape[1]} (one per feature) or {cells} (one per cell)"
            )
        scaled = (features - self.mean.to(features).reshape(shape)) / self.scale.to(features).reshape(shape)
        return scaled if self.limits is None else scaled.clamp(*self.limits)


def _numbers(name: str, values: ArrayLike) -> Tensor:
    """Return statistics as a flat tensor, one number or more, all of which are finite."""
    try:
        numbers = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise StaanetError(f"expected {name} as numbers, got {values!r:.80}") from error
    if len(numbers) == 0 or not np.isfinite(numbers).all():
        raise StaanetError(f"expected {name} as finite numbers, one or more, got {values!r:.80}")
    return torch.from_numpy(numbers).float()


def _read(path: Path) -> Mapping[str, Any]:
    """Return the statistics of a file by their names, without an underscore at the end."""
    if path.suffix == ".npy":
        rows = np.load(path, allow_pickle=False)
        if len(rows.shape) == 0 or len(rows) != 2:
            raise StaanetError(f"expected two rows, mean and scale, got the shape {list(rows.shape)}")
        return dict(zip(("mean", "scale"), rows, strict=True))
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            named: Any = dict(arrays)
    elif path.suffix == ".json":
        named = json.loads(path.read_text(encoding="utf-8"))
    else:
        raise StaanetError(f"expected a name ending in .npz, .npy or .json, got {path.suffix!r}")
    if not isinstance(named, dict):
        raise StaanetError(f"expected names with their numbers, got {type(named).__name__}")
    return {name.removesuffix("_"): values for name, values in named.items()}


def _mean_and_scale(statistics: Mapping[str, Any]) -> tuple[ArrayLike, ArrayLike]:
    """Return mean and scale from the statistics of a StandardScaler or a MinMaxScaler."""
    found = {name: np.asarray(values, dtype=np.float64) for name, values in statistics.items() if name in STATISTICS}
    if "mean" in found and found.keys() & {"scale", "std", "var"}:
        deviation = found["std"] if "std" in found else found.get("var", np.ones(1)) ** 0.5
        return found["mean"], found.get("scale", deviation)
    if {"data_min", "data_max"} <= found.keys():
        low, high = found.get("feature_range", np.array([0.0, 1.0]))
        ranges = found["data_max"] - found["data_min"]
        scale = np.where(ranges == 0, 1.0, ranges) / (high - low)
        return found["data_min"] - low * scale, scale
    raise StaanetError(
        "expected mean and scale (or std, or var) of a StandardScaler, or data_min and data_max of a MinMaxScaler, got "
        f"{', '.join(sorted(statistics)) or 'nothing'}"
    )
