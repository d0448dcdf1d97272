"""The choice of the layers of a frozen encoder, by speakers held out within the training clips."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

MOST = 1000
"""Largest number of clips that are used, evenly spaced, so that a choice takes seconds."""

RIDGES = (0.0003, 0.001, 0.003, 0.01, 0.03)
"""Weights of the squared weights that are tried, per clip, for features whose squares have a mean of 1."""

SCALES = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Factors from the values of a regression to logits that are tried."""

SMALLEST = 1e-5
"""Smallest deviation by which a feature is divided."""


def first_layer(features: Tensor, labels: Sequence[int], speakers: Sequence[str], groups: int) -> int:
    """Return the first layer that a classifier should use, so that it decides best about speakers it does not know.

    The layers from each one to the last are candidates. Speakers are dealt into groups in the order of their names.
    Each group is held out once, and a ridge regression of the classes on the standardised features is fitted to the
    clips of all others, in closed form. The candidate with the lowest cross-entropy over all held-out clips wins, each
    with its best ridge and scale. The result does not depend on random numbers or on the device.

    Args:
        features: Features of the training clips.
        labels: Class of each clip.
        speakers: Speaker of each clip.
        groups: Number of groups of speakers; with fewer speakers, each is a group. Below 2, all layers are used.

    Shape: features `[N, layers, D]` -> the number of a layer, from 0.

    >>> speech = torch.zeros(8, 2, 1)
    >>> speech[:, 0, 0] = torch.tensor([0.0, 1, 5, 6, -5, -4, 9, 10])  # the speaker, and a little of the class
    >>> speech[:, 1, 0] = torch.tensor([0.0, 1, 0, 1, 0, 1, 0, 1])  # the class only
    >>> first_layer(speech, [0, 1] * 4, ["a", "a", "b", "b", "c", "c", "d", "d"], groups=4)
    1
    """
    names = sorted(set(speakers))
    groups = min(groups, len(names))
    if groups < 2:
        return 0
    rows = torch.linspace(0, len(labels) - 1, min(MOST, len(labels))).round().long()
    group = torch.tensor([names.index(speakers[row]) % groups for row in rows.tolist()])
    targets = torch.tensor(labels)[rows]
    deviation, mean = torch.std_mean(features.cpu().double()[rows], 0, correction=0)
    standardised = (features.cpu().double()[rows] - mean) / deviation.clamp_min(SMALLEST)  # [N, layers, D]
    losses, products = [], torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for layer in reversed(range(features.shape[1])):
        products += standardised[:, layer] @ standardised[:, layer].T
        size = features[0, layer:].numel()
        losses.append(_held_out_loss(products / size, targets, group))
    return features.shape[1] - 1 - min(range(len(losses)), key=losses.__getitem__)


def _held_out_loss(products: Tensor, targets: Tensor, group: Tensor) -> float:
    """Return the lowest cross-entropy of the clips of each group under regressions on all other clips.

    Args:
        products: Inner products of the features of all clips, `[N, N]`.
        targets: Class of each clip, `[N]`.
        group: Group of each clip, `[N]`.
    """
    classes = functional.one_hot(targets).double()
    classes = classes - 1 / classes.shape[1]
    values = torch.zeros(len(RIDGES), *classes.shape, dtype=torch.float64)
    for held_out in group.unique():
        known, asked = (group != held_out).nonzero()[:, 0], (group == held_out).nonzero()[:, 0]
        sizes, directions = torch.linalg.eigh(products[known][:, known])
        projected, wanted = products[asked][:, known] @ directions, directions.T @ classes[known]
        for number, ridge in enumerate(RIDGES):
            values[number, asked] = projected @ (wanted / (sizes.clamp_min(0) + ridge * len(known))[:, None])
    return min(float(functional.cross_entropy(scale * one, targets)) for one in values for scale in SCALES)
