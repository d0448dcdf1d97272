"""Signs that a model only looks robust: gradients that vanish, answers that change, outputs that are no logits."""

from collections.abc import Sequence

import torch

from staanet.attacks.components.objectives import ascent
from staanet.core.classifier import frozen
from staanet.data import Dataset
from staanet.models import Model


def sanity(
    model: Model, dataset: Dataset, clips: Sequence[str], *, batch_size: int, device: torch.device
) -> dict[str, float | bool]:
    """Return what a look at clean clips says of a model.

    - `zero_gradients`: the share of clips at which the cross-entropy of the model's own decision has no gradient
      (N. Carlini et al., "On Evaluating Adversarial Robustness", arXiv 1902.06705, section 5.3);
    - `randomised`: whether the same clips get other logits the second time;
    - `probabilities`: whether the outputs are shares that add up to 1, which flatten the gradient.
    """
    model.to(device).eval()
    flat, randomised, probabilities = 0, False, True
    for ids in dataset.batches(clips, batch_size):
        batch = dataset.batch(ids).to(device)
        with torch.no_grad():
            logits = model(batch.waveforms, batch.lengths)
            again = model(batch.waveforms, batch.lengths)
        with frozen(model):
            gradients = ascent(model, batch.waveforms, logits.argmax(1), batch.lengths).gradients
        flat += int((gradients == 0).all(1).sum())
        randomised |= not torch.equal(logits, again)
        sums = logits.sum(1)
        probabilities &= bool((logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4))
    return {"zero_gradients": flat / len(clips), "randomised": randomised, "probabilities": probabilities}
