"""Recordings and a linear model on them whose robustness is known clip by clip."""

import numpy as np
import pytest
import soundfile

SAMPLES = 4000
PEAK = 0.5

MODEL = f"""
import numpy as np
import torch

labels = ["anger", "neutral"]
pattern = torch.from_numpy(np.random.default_rng(0).choice([-1.0, 1.0], {SAMPLES})).float()


def decide(clips):
    level = clips[:, :{SAMPLES}] @ pattern / {SAMPLES}
    return 100 * torch.stack([level, -level], 1)


def without_gradients(clips):
    return decide(clips.detach()).numpy()


def at_random(clips):
    return decide(clips) + torch.randn(len(clips), 2)
"""

DISTANCES = {"a1": 1e-3, "b1": 1e-3, "a2": 1e-4, "b2": 1e-2, "a3": -1e-3, "b3": 1e-3}
"""The change of every sample that takes a clip to the boundary; negative for a clip that the model gets wrong."""


@pytest.fixture
def recordings(tmp_path):
    """A folder with two clips of every distance, each with a peak of 0.5 and of 16 bits."""
    pattern = np.random.default_rng(0).choice([-1.0, 1.0], SAMPLES)
    for number, (emotion, sign) in enumerate((("anger", 1.0), ("neutral", -1.0))):
        (tmp_path / "data" / emotion).mkdir(parents=True)
        for name, distance in DISTANCES.items():
            sound = np.random.default_rng([number, ord(name[0]), int(name[1])]).normal(size=SAMPLES)
            sound -= pattern * (sound @ pattern) / SAMPLES
            sound *= (PEAK - 0.02) / np.abs(sound).max()
            sound += sign * distance * pattern
            sound[np.abs(sound).argmax()] = np.sign(sound[np.abs(sound).argmax()]) * PEAK
            path = tmp_path / "data" / emotion / f"{name[0]}-{name}.wav"
            soundfile.write(path, sound, 16_000, subtype="PCM_16")
    return tmp_path / "data"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "linear.py"
    path.write_text(MODEL)
    return path
