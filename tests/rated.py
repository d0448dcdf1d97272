"""A model of two dimensions as a file of a user, and rated clips whose arousal is their level."""

import numpy as np

from staanet.audio.files import write

NET = """
import torch

def build():
    def outputs(clips):
        level = clips.abs().mean(1)
        return torch.stack([1 + 6 * level, 4 + clips.mean(1)], 1)
    return outputs

def without_gradients():
    return lambda clips: build()(clips).detach().numpy()
"""

DIMENSIONS = {"dimensions": ("arousal", "valence"), "scale": (1, 7)}
"""Settings of the model and of the corpus. Within a change of every sample by e, both outputs move by e at most: that
of arousal by e, that of valence by e / 6."""


def write_rated(folder):
    """Write `net.py`, and `corpus` with clips of the levels 0.1, 0.2, ..., 0.6 and their ratings."""
    (folder / "net.py").write_text(NET)
    random = np.random.default_rng(0)
    lines = ["path,speaker,arousal,valence"]
    for number in range(6):
        level = 0.1 + 0.1 * number
        name = f"s{number % 3}_{number}.wav"
        write(folder / "corpus" / name, (level * random.choice([-1, 1], 800)).astype(np.float32), 16_000)
        lines.append(f"{name},s{number % 3},{1 + 6 * level + 0.1 * (number % 2):.3f},{1 + number}")
    (folder / "corpus" / "metadata.csv").write_text("\n".join(lines))
    return folder
