"""A training step of the compact generator compared with one of the paper's generator, on the same model and clips.

python benchmarks/generator_training.py             clips of 2 s
python benchmarks/generator_training.py --full      clips of 6 s
"""

import argparse
from collections.abc import Callable

import torch
from claims import ratio, seconds, write
from torch import Tensor

from staanet import create_generator, create_model
from staanet.attacks.generator import Generator
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen
from staanet.models import Model
from staanet.training.generator import GeneratorTraining

CLIPS, RATE = 4, 16_000


def step_of(generator: Generator, model: Model, clips: Tensor) -> Callable[[], None]:
    settings, optimiser = GeneratorTraining(), torch.optim.Adam(generator.parameters())
    with torch.no_grad():
        labels = model(clips).argmax(1)
    lengths = torch.full((len(clips),), clips.shape[1], device=clips.device)

    def step() -> None:
        generator.train()
        epsilon, counts = settings.budget.resolve(clips, lengths)
        output = generator(clips, epsilon, lengths, counts, settings.quantisation)
        losses = settings.losses(model(output.adversarial, lengths), labels, output, epsilon, lengths)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(generator.parameters(), settings.clip_gradient)
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    length = 6 if parser.parse_args().full else 2
    keep_freed_memory()
    with seeded("benchmark"):
        clips = torch.rand(CLIPS, length * RATE) - 0.5
        model = create_model("emo18", labels="abcdefg", seconds=float(length))
        generators = [create_generator(name) for name in ("wave_unet", "compact")]
    with frozen(model):
        slow, fast = (step_of(generator, model, clips) for generator in generators)
        measured = ratio(lambda: seconds(slow), lambda: seconds(fast), repeats=3)
    claim = f"a training step of compact against wave_unet, {CLIPS} clips of {length} s"
    write(f"generator_training_{length}_s", claim, 25, measured, "times faster")


if __name__ == "__main__":
    main()
