"""A classifier as the torch module that other libraries ask for."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from staanet.core.classifier import as_classifier, frozen


class WholeClips(nn.Module):
    """A classifier of waveforms as a module of one input: whole clips of one length, in whatever shape they come.

    The classifier is no part of the module, so that no mode or device that a library sets reaches it: it is asked in
    eval mode with frozen parameters, LSTMs with gradients included, and comes back as it was.

    Args:
        model: anything that maps waveforms (and lengths) to logits `[B, K]`.
        device: where it is.

    Shape: `[B, ...]`, any floating-point type -> logits `[B, K]`.

    >>> WholeClips(lambda waveforms: waveforms[:, :2])(torch.ones(3, 1, 1, 5, dtype=torch.float64)).shape
    torch.Size([3, 2])
    """

    def __init__(self, model: Callable[..., Tensor], device: torch.device | None = None) -> None:
        super().__init__()
        self._classifier = (as_classifier(model),)  # a tuple hides it from `.train()`, `.to()` and `.parameters()`
        self.device = device_of_model(model) if device is None else device
        self.eval()

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits `[B, K]` of clips `[B, ...]`, on the clips' device."""
        (classifier,) = self._classifier
        waveforms = clips.flatten(1).to(self.device, torch.float32)
        lengths = torch.full((len(waveforms),), waveforms.shape[1], device=self.device)
        with frozen(classifier):
            return classifier(waveforms, lengths).to(clips.device)


def device_of_model(model: Callable[..., Tensor]) -> torch.device:
    """Return where a model's parameters are, the CPU where it has none."""
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))
