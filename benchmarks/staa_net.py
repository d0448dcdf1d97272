"""STAA-Net beside the cheapest sparse_pgd that does as much: clips per second at equal excess ASR, in one budget.

The model is an Emo18 of synthetic speech, the generator a compact one trained against it; both attack clips of
speakers that neither has heard. sparse_pgd takes as few steps as it needs for an excess (ASR less that of noise of the
same size) no smaller than the generator's. Beside it, the 20 steps that the paper takes, whatever they reach.
"""

import tempfile
from pathlib import Path

import torch
from claims import ratio, seconds, write
from scene import CLIP_SECONDS, trained
from torch import Tensor

from staanet import create_attack, create_generator, observe, summary
from staanet.attacks import Attack
from staanet.audio.lengths import fit_length
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic
from staanet.models import Model
from staanet.training.generator import GeneratorTraining, train_generator

BUDGET = {"snr_db": 17.0, "sparsity": 0.12}
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)


def excess(attack: Attack, model: Model, clips: Tensor) -> float:
    with torch.no_grad():
        labels = model(clips).argmax(1)
    figures = summary(observe(model, clips, attack(model, clips, labels), labels))
    return float(figures["asr_excess"])


def main() -> None:
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as name:
        folder, device = Path(name), torch.device("cpu")
        model, dataset, split = trained(folder, Synthetic(speakers=10, sentences=6))
        with seeded("benchmark"):
            generator = create_generator("compact")
        settings, progress = GeneratorTraining(), folder / "generator.progress"
        train_generator(generator, model, dataset, split.train, [], settings, progress, 0, device)
        batch = dataset.batch(split.test)
    clips = fit_length(batch.waveforms, batch.lengths, round(CLIP_SECONDS * model.sample_rate))
    with torch.no_grad():
        labels = model(clips).argmax(1)
    fast = create_attack("staa_net", generator=generator.eval(), **BUDGET)
    aim = excess(fast, model, clips)
    for steps in STEPS:
        slow = create_attack("sparse_pgd", steps=steps, **BUDGET)
        reached = excess(slow, model, clips)
        print(f"sparse_pgd, {steps} steps: excess {reached:.3f}; staa_net {aim:.3f}; {len(clips)} clips", flush=True)
        if reached >= aim:
            break
    paper = create_attack("sparse_pgd", preset="paper", **BUDGET)
    published = excess(paper, model, clips)
    for name, one, claim in (
        ("staa_net", slow, f"sparse_pgd at no less excess ({steps} steps: {reached:.2f}; {aim:.2f})"),
        ("staa_net_paper", paper, f"the paper's sparse_pgd ({paper.steps} steps: {published:.2f}; {aim:.2f})"),
    ):
        measured = ratio(
            lambda one=one: seconds(lambda: one(model, clips, labels)),
            lambda: seconds(lambda: fast(model, clips, labels)),
            repeats=3,
        )
        write(name, f"staa_net against {claim}", 100, measured, "times faster")


if __name__ == "__main__":
    main()
