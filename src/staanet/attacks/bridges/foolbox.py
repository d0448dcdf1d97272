"""Foolbox (https://github.com/bethgelab/foolbox): our models as its models."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from staanet.attacks.bridges.module import WholeClips
from staanet.core.classifier import bounds_of
from staanet.core.extras import import_extra

EXTRA = "foolbox"


def as_foolbox_model(model: Callable[..., Tensor]) -> Any:
    """Return a model as Foolbox's `PyTorchModel`: waveforms in its bounds in, logits out, on its own device.

    Its attacks then take waveforms `[B, T]` of one length, and labels `[B]`. They are not held to a budget.

    Source: J. Rauber, R. Zimmermann, M. Bethge, W. Brendel, Journal of Open Source Software 5(53), 2020.

    Args:
        model: anything that maps waveforms (and lengths) to logits `[B, K]`.

    Raises:
        StaanetError: the extra `foolbox` is not installed.
    """
    module = WholeClips(model)
    return import_extra("foolbox", EXTRA).PyTorchModel(module, bounds=bounds_of(model), device=module.device)
