"""Models of this library as models of Foolbox (https://github.com/bethgelab/foolbox)."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from staanet.attacks.bridges.module import WholeClips
from staanet.core.classifier import bounds_of
from staanet.core.extras import import_extra

EXTRA = "foolbox"


def as_foolbox_model(model: Callable[..., Tensor]) -> Any:
    """Return a model as a `PyTorchModel` of Foolbox, which maps waveforms in the model's bounds to logits.

    It stays on the model's device. Foolbox's attacks then take waveforms `[B, T]` of one length and labels `[B]`; no
    budget of this library limits them.

    Source: J. Rauber, R. Zimmermann, M. Bethge, W. Brendel, Journal of Open Source Software 5(53), 2020.

    Args:
        model: Any callable that maps waveforms, and optionally lengths, to logits `[B, K]`.

    Raises:
        StaanetError: The extra `foolbox` is not installed.
    """
    module = WholeClips(model)
    return import_extra("foolbox", EXTRA).PyTorchModel(module, bounds=bounds_of(model), device=module.device)
