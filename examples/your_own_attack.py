"""Write an attack, one dataclass with one method, and run it under the contract beside random noise.

The model is untrained, so the numbers show that the attack runs, not how robust any model is.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

import staanet
from staanet.attacks import Attack
from staanet.core.budget import Budget
from staanet.core.waveforms import top_positions, valid_samples
from staanet.corpora import Synthetic
from staanet.data.dataset import collate


@dataclass(frozen=True)
class LoudestGradient(Attack):
    """One step of size epsilon, uphill on the loss, where its gradient is largest."""

    name, access, norms, reference = "loudest_gradient", "gradient", ("l0", "linf"), "this file"
    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)

    def perturb(self, model, waveforms, labels, lengths, random):  # noqa: ARG002
        waveforms = waveforms.clone().requires_grad_()
        loss = cross_entropy(model(waveforms, lengths), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, waveforms)
        epsilon, counts = self.budget.resolve(waveforms.detach(), lengths)
        chosen = top_positions(gradient.abs(), counts, valid_samples(lengths, gradient.shape[1]))
        return waveforms.detach() + epsilon * gradient.sign() * chosen


def main() -> None:
    corpus = Synthetic(speakers=3, sentences=1)
    utterances = corpus.validate(Path()).utterances
    labels = corpus.labels(Path())
    sounds = [torch.from_numpy(corpus.read(Path(), utterance)[0][:, 0]) for utterance in utterances]
    clips = collate(sounds, [labels.index(utterance.label) for utterance in utterances], [u.id for u in utterances])
    torch.manual_seed(0)
    model = staanet.create_model("emo18", labels=labels, seconds=1.0).eval()
    with torch.no_grad():
        decided = model(clips.waveforms, clips.lengths).argmax(1)

    for attack in (LoudestGradient(), staanet.create_attack("noise")):
        adversarial = attack(model, clips.waveforms, decided, clips.lengths, seed=0)
        alone = attack(model, clips.waveforms[:1, : clips.lengths[0]], decided[:1], seed=0)
        same = torch.allclose(alone, adversarial[:1, : clips.lengths[0]])
        figures = staanet.summary(staanet.observe(model, clips.waveforms, adversarial, clips.labels, clips.lengths))
        told = ", ".join(f"{name} {figures[name]:.3f}" for name in ("asr", "asr_control", "asr_excess", "sparsity"))
        print(f"{attack.name}: {told}; alone as in a batch: {same}")


if __name__ == "__main__":
    main()
