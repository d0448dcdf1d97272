"""Every defence in the registry with what it needs, for the contracts that all of them fulfil."""

import torch

from staanet.core import checkpoints
from staanet.core.seeds import seeded
from staanet.defences import create_defence
from staanet.defences.denoiser import Denoiser, DenoiserSettings


def purifier(folder, rate=16_000):
    """Write a small purifier that is not trained and changes every clip, unless it is there, and return its folder."""
    if not folder.exists():
        with seeded("purifier"):
            network = Denoiser(DenoiserSettings(rate, width=4, kernel=3, dilations=(1, 2)))
            torch.nn.init.normal_(network.last.weight, std=0.02)
        checkpoints.save(network, folder)
    return folder


def needs(name, folder):
    """Return the settings without which a defence cannot be built."""
    return {"checkpoint": str(purifier(folder / "purifier"))} if name == "purifier" else {}


def build(name, folder, **settings):
    return create_defence(name, **needs(name, folder), **settings)
