"""Speed on an accelerator: generation, the training of a generator, and sparse PGD.

The speed of generation is also given as a share of the speed at which the accelerator multiplies large matrices.

python benchmarks/accelerator.py                      on the accelerator; without one, nothing is measured
python benchmarks/accelerator.py --device cpu --clips 2 --seconds 1      a trial of the script; nothing is written
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from claims import write
from generator_training import step_of
from torch.utils.flop_counter import FlopCounterMode

from staanet import create_attack, create_generator, create_model
from staanet.core.provenance import device_name, device_of
from staanet.core.seeds import seeded
from staanet.core.unwrapping import frozen

RATE = 16_000
TRAINING_CLIPS, EPOCHS = 3_700, 20
"""The training clips of DEMoS and the epochs in the STAA-Net paper."""


def seconds(function: Callable[[], object], device: torch.device, repeats: int = 5) -> float:
    """Return the median time of a function in seconds, including all work that it queues on the accelerator."""
    times = []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        function()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])


def attainable(device: torch.device, size: int) -> float:
    """Return the speed of a product of large matrices in single precision, in GFLOP per second."""
    matrix = torch.randn(size, size, device=device)
    return 2 * size**3 / 1e9 / seconds(lambda: matrix @ matrix, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="torch device (default: the accelerator)")
    parser.add_argument("--clips", type=int, default=64, help="clips in a batch (default: 64)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a clip in s (default: 6)")
    options = parser.parse_args()
    device = device_of(options.device)
    if device.type == "cpu" and options.device is None:
        print("expected an accelerator, found none; nothing was measured")
        return
    with seeded("benchmark"):
        clips = torch.rand(options.clips, round(options.seconds * RATE)) - 0.5
        model = create_model("emo18", labels="abcdefg", seconds=options.seconds).to(device)
        generator = create_generator("compact").to(device)
    clips = clips.to(device)
    lengths = torch.full((len(clips),), clips.shape[1], device=device)
    with torch.no_grad():
        labels = model.eval()(clips).argmax(1)
        staa_net = create_attack("staa_net", generator=generator.eval(), snr_db=17.0, sparsity=0.12)
        generated = len(clips) / seconds(lambda: staa_net(model, clips, labels, lengths), device)
        with FlopCounterMode(display=False) as counter:
            generator(clips[:1], 0.05)
    share = generated * counter.get_total_flops() / 1e9 / attainable(device, 8192 if device.type == "cuda" else 512)
    sparse_pgd = create_attack("sparse_pgd", preset="paper", snr_db=17.0, sparsity=0.12)
    attacked = seconds(lambda: sparse_pgd(model, clips, labels, lengths), device, repeats=1) / len(clips)
    with frozen(model):
        trained = seconds(step_of(generator, model, clips), device) * EPOCHS * TRAINING_CLIPS / len(clips) / 60
    results = (
        ("generation", f"compact at {share:.1%} of the speed of large products", 5_000, generated, "clips per second"),
        ("training", f"{EPOCHS} epochs of compact on {TRAINING_CLIPS} clips, at most", 3, trained, "minutes"),
        ("sparse_pgd", "sparse_pgd of 20 steps, against the paper's 1.1 s", 20, 1.1 / attacked, "times faster"),
    )
    for name, claim, aim, measured, unit in results:
        full_claim = f"{claim}, {device_name(device)}, {len(clips)} clips of {options.seconds:g} s at a time"
        if device.type == "cpu":
            print(f"{full_claim}: {measured:.3g} {unit}")
        else:
            write(f"accelerator_{name}", full_claim, aim, measured, unit)


if __name__ == "__main__":
    main()
