"""Learning emotional dimensions: the loss, and the figures of each epoch on the validation clips."""

from collections.abc import Sequence

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.data import Dataset
from staanet.metrics.dimensions import ccc, check_ratings, rmse

SMALLEST = 1e-8
"""Smallest denominator, so that a batch in which all outputs equal one rating has a loss of 1."""


def ccc_loss(outputs: Tensor, ratings: Tensor) -> Tensor:
    """Return 1 - CCC over the clips of a batch, averaged over dimensions, in [0, 2].

    Source of the loss: F. Weninger et al., "Discriminatively trained recurrent neural networks for continuous
    dimensional emotion recognition from audio", IJCAI 2016. The CCC is that of `staanet.metrics.dimensions.ccc`.

    Args:
        outputs: Outputs of the model, `[B, D]`.
        ratings: Ratings of the clips, `[B, D]`.

    >>> ratings = torch.tensor([[0.1], [0.3], [0.5]])
    >>> round(float(ccc_loss(ratings + 0.1, ratings)), 4)
    0.1579
    """
    means = outputs.mean(0), ratings.mean(0)
    covariance = ((outputs - means[0]) * (ratings - means[1])).mean(0)
    spread = outputs.var(0, correction=0) + ratings.var(0, correction=0) + (means[0] - means[1]).square()
    return (1 - 2 * covariance / spread.clamp_min(SMALLEST)).mean()


def agreement(outputs: Tensor, ratings: Tensor, dimensions: Sequence[str]) -> dict[str, float]:
    """Return the mean CCC over dimensions (`ccc`), the loss 1 - CCC, and CCC and RMSE of each dimension.

    Args:
        outputs: Outputs of the model for all clips, `[N, D]`.
        ratings: Ratings of the clips, `[N, D]`.
        dimensions: Names of the dimensions.

    >>> ratings = torch.tensor([[0.1], [0.3], [0.5]])
    >>> {name: round(value, 3) for name, value in agreement(ratings + 0.1, ratings, ["arousal"]).items()}
    {'val_loss': 0.158, 'ccc': 0.842, 'ccc_arousal': 0.842, 'rmse_arousal': 0.1}
    """
    found, true = outputs.double().cpu().numpy(), ratings.double().cpu().numpy()
    if not torch.isfinite(outputs).all():
        return {"val_loss": float("nan"), "ccc": -1.0}
    concordance = {name: ccc(found[:, column], true[:, column]) for column, name in enumerate(dimensions)}
    errors = {f"rmse_{name}": rmse(found[:, column], true[:, column]) for column, name in enumerate(dimensions)}
    mean = sum(concordance.values()) / len(concordance)
    own = {f"ccc_{name}": value for name, value in concordance.items()}
    return {"val_loss": 1 - mean, "ccc": mean, **own, **errors}


def check_rated(dataset: Dataset, clips: dict[str, Sequence[str]], dimensions: Sequence[str], processes: int) -> None:
    """Check that a model of dimensions can be trained on clips.

    Args:
        dataset: Dataset that contains the clips.
        clips: Ids of the clips by the name of their subset; an empty subset is not checked.
        dimensions: Dimensions of the model.
        processes: Number of processes that train it together.

    Raises:
        StaanetError: If there are no ratings, a CCC is undefined for them, or several processes would each see only a
            part of the batch, over which the CCC of the loss is computed.
    """
    if processes > 1:
        raise StaanetError(
            f"expected one process for a model of dimensions, because its loss is about whole batches, got {processes}"
        )
    for subset, ids in clips.items():
        if ids:
            ratings = dataset.ratings(ids, dimensions).double().numpy()
            for column, name in enumerate(dimensions):
                check_ratings(ratings[:, column], f"{dataset.corpus}, {name} of the {subset} clips")
