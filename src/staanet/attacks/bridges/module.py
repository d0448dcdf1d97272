"""A classifier as the torch module that other libraries expect."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from staanet.core.classifier import as_classifier
from staanet.core.unwrapping import frozen


class WholeClips(nn.Module):
    """A classifier of waveforms as a module with one input: unpadded clips of one length, in any shape `[B, ...]`.

    The classifier is not registered as a submodule, so that a library which sets a mode or device does not change it.
    It runs in evaluation mode with frozen parameters, which also gives gradients through LSTMs, and its own mode is
    restored after each call.

    Args:
        model: Any callable that maps waveforms, and optionally lengths, to logits `[B, K]`.
        device: Device of the model. Default: the device of its first parameter.

    Shape: clips `[B, ...]` of any floating-point type -> logits `[B, K]`.

    >>> WholeClips(lambda waveforms: waveforms[:, :2])(torch.ones(3, 1, 1, 5, dtype=torch.float64)).shape
    torch.Size([3, 2])
    """

    def __init__(self, model: Callable[..., Tensor], device: torch.device | None = None) -> None:
        super().__init__()
        self._classifier = (as_classifier(model),)  # a tuple, so that it is no submodule
        self.device = device_of_model(model) if device is None else device
        self.eval()

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits `[B, K]` of clips `[B, ...]`, on the device of the clips."""
        (classifier,) = self._classifier
        waveforms = clips.flatten(1).to(self.device, torch.float32)
        lengths = torch.full((len(waveforms),), waveforms.shape[1], device=self.device)
        with frozen(classifier):
            return classifier(waveforms, lengths).to(clips.device)


def device_of_model(model: Callable[..., Tensor]) -> torch.device:
    """Return the device of a model's first parameter, or the CPU for a model without parameters."""
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))
