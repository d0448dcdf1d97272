"""Signs that a model only seems robust: vanishing gradients, random outputs, and outputs that are not logits."""

from collections.abc import Sequence

import torch

from staanet.attacks.components.objectives import value_and_grad
from staanet.core.classifier import frozen
from staanet.data import Dataset
from staanet.models import Model


def sanity(
    model: Model, dataset: Dataset, clips: Sequence[str], *, batch_size: int, device: torch.device
) -> dict[str, float | bool]:
    """Return the signs that a model shows on clean clips.

    - `zero_gradients`: share of the clips on which the cross-entropy of the predicted class has a gradient of zero
      (N. Carlini et al., "On Evaluating Adversarial Robustness", arXiv 1902.06705, section 5.3);
    - `randomised`: whether a second forward pass of the same clips returns other logits;
    - `probabilities`: whether the outputs are probabilities, which flatten the gradient.

    Args:
        model: The model.
        dataset: Dataset of the clips.
        clips: Ids of the clips.
        batch_size: Number of clips that are evaluated at the same time.
        device: Device on which the model runs.
    """
    model.to(device).eval()
    flat, randomised, probabilities = 0, False, True
    for ids in dataset.batches(clips, batch_size):
        batch = dataset.batch(ids).to(device)
        with torch.no_grad():
            logits = model(batch.waveforms, batch.lengths)
            again = model(batch.waveforms, batch.lengths)
        with frozen(model):
            gradients = value_and_grad(model, batch.waveforms, logits.argmax(1), batch.lengths).gradients
        flat += int((gradients == 0).all(1).sum())
        randomised |= not torch.equal(logits, again)
        sums = logits.sum(1)
        probabilities &= bool((logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4))
    return {"zero_gradients": flat / len(clips), "randomised": randomised, "probabilities": probabilities}
