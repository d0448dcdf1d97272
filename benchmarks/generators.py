"""The cost of the compact generator compared with the paper's generator, for one 6 s clip."""

import torch
from claims import ratio, seconds, write
from torch.utils.flop_counter import FlopCounterMode

from staanet import create_generator
from staanet.core.memory import keep_freed_memory


@torch.no_grad()
def main() -> None:
    keep_freed_memory()
    clip = torch.rand(1, 96_000) - 0.5
    compact, wave_unet = (create_generator(name).eval() for name in ("compact", "wave_unet"))
    gflop = {}
    for generator in (compact, wave_unet):
        with FlopCounterMode(display=False) as counter:
            generator(clip, 0.05)
        gflop[generator.name] = counter.get_total_flops() / 1e9
    write("compact_gflop", "arithmetic of compact for a 6 s clip, at most", 1.5, gflop["compact"], "GFLOP")
    write("wave_unet_gflop", "arithmetic of wave_unet for a 6 s clip", 72.7, gflop["wave_unet"], "GFLOP")
    measured = ratio(
        lambda: seconds(lambda: wave_unet(clip, 0.05)), lambda: seconds(lambda: compact(clip, 0.05)), repeats=5
    )
    write("generation", "compact against wave_unet, one 6 s clip at a time", 100, measured, "times faster")


if __name__ == "__main__":
    main()
