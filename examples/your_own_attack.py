"""Write an attack, which is a dataclass with one method, and compare it with random noise.

The model is untrained, so the numbers only show that the attack runs.
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
    """One step of size epsilon that increases the loss, on the samples with the largest gradient."""

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
        predicted = model(clips.waveforms, clips.lengths).argmax(1)

    for attack in (LoudestGradient(), staanet.create_attack("noise")):
        adversarial = attack(model, clips.waveforms, predicted, clips.lengths, seed=0)
        single = attack(model, clips.waveforms[:1, : clips.lengths[0]], predicted[:1], seed=0)
        same = torch.allclose(single, adversarial[:1, : clips.lengths[0]])
        metrics = staanet.summary(staanet.observe(model, clips.waveforms, adversarial, clips.labels, clips.lengths))
        values = ", ".join(f"{name} {metrics[name]:.3f}" for name in ("asr", "asr_control", "asr_excess", "sparsity"))
        print(f"{attack.name}: {values}; same result without the batch: {same}")


if __name__ == "__main__":
    main()
