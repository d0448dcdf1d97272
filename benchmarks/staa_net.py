"""STAA-Net compared with the cheapest sparse_pgd of no less excess ASR: clips per second within the same budget.

The model is an Emo18 trained on synthetic speech, and the generator a compact one trained against it. Both attack clips
of held-out speakers. sparse_pgd takes the fewest steps whose excess, the ASR less that of noise of the same size, is no
smaller than that of the generator. The 20 steps of the paper are measured as well, whatever their excess.
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
    fast_excess = excess(fast, model, clips)
    for steps in STEPS:
        slow = create_attack("sparse_pgd", steps=steps, **BUDGET)
        slow_excess = excess(slow, model, clips)
        print(
            f"sparse_pgd, {steps} steps: excess {slow_excess:.3f}; staa_net {fast_excess:.3f}; {len(clips)} clips",
            flush=True,
        )
        if slow_excess >= fast_excess:
            break
    paper = create_attack("sparse_pgd", preset="paper", **BUDGET)
    paper_excess = excess(paper, model, clips)
    for name, attack, claim in (
        ("staa_net", slow, f"sparse_pgd at no less excess ({steps} steps: {slow_excess:.2f}; {fast_excess:.2f})"),
        (
            "staa_net_paper",
            paper,
            f"the paper's sparse_pgd ({paper.steps} steps: {paper_excess:.2f}; {fast_excess:.2f})",
        ),
    ):
        measured = ratio(
            lambda attack=attack: seconds(lambda: attack(model, clips, labels)),
            lambda: seconds(lambda: fast(model, clips, labels)),
            repeats=3,
        )
        write(name, f"staa_net against {claim}", 100, measured, "times faster")


if __name__ == "__main__":
    main()
