"""Recordings and a linear model on them whose robustness is known clip by clip."""

from dataclasses import asdict

import numpy as np
import pytest
import soundfile

from staanet.assessment.measurement import Curve, Row
from staanet.assessment.result import evaluation
from staanet.assessment.runs import Conditions, Run
from staanet.assessment.settings import ENSEMBLE, Curves
from staanet.core.files import write_json

SAMPLES = 4000
PEAK = 0.5

MODEL = f"""
import numpy as np
import torch

labels = ["anger", "neutral"]
seconds = 0.25
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


LABELS = ["anger", "neutral"]


def results(fooled_at, *, model, speakers=8, curves=None, weights="w", **about):
    """Make results up: the rows of clips, the budgets, and what is known of the evaluation."""
    curves = curves or Curves(dense=(60.0, 40.0), sparse=())
    rows = []
    for number, smallest in enumerate(map(int, fooled_at)):
        label, other = LABELS[number % 2], LABELS[1 - number % 2]
        right, fooler = smallest >= 0, "fmn" if smallest >= 0 else None
        dense, sparse = (
            Curve(max(0, smallest), fooler, (right,) * len(points), other if 0 <= smallest < len(points) else None)
            for points in (curves.dense, curves.sparse)
        )
        speaker = f"s{number // 2 % speakers}"
        rows.append(Row(f"clip{number:04d}", label, label if right else other, speaker, None, None, dense, sparse))
    settings = {
        "ensemble": ENSEMBLE,
        "preset": "quick",
        "curves": asdict(curves),
        "saved": "pcm16",
        "seed": 0,
        "labels": LABELS,
    }
    known = {
        "identity": {"model": model, "file": "f", "weights": weights},
        "settings": settings | {key: about.pop(key) for key in set(about) & set(settings)},
        "signature": "0123456789",
        "attacks": ["fmn", "apgd"],
        "access": "gradient",
        "corpus": "folder",
        "data": "d",
        "sample_rate": 16_000,
        "saved": "with 16 bits",
        "speakers": speakers,
        "versions": {"staanet": "0", "torch": "0"},
        "commit": None,
        "tree_clean": None,
        "device": "cpu",
    }
    return rows, curves, known | about


@pytest.fixture
def made_up():
    """Make the evaluation of a model up, from the number of the budget that fools each clip (-1: wrong when clean)."""

    def make(fooled_at, model="net", flags=(), **settings):
        rows, curves, about = results(fooled_at, model=model, **settings)
        return evaluation(model, rows, curves, LABELS, dict.fromkeys(flags, "meaning"), about)

    return make


@pytest.fixture
def run_of(tmp_path):
    """Make up an evaluation as one that can be compared, without computing its figures."""

    def make(fooled_at, model="net", **settings):
        rows, _, about = results(fooled_at, model=model, **settings)
        conditions = Conditions.of(about, {row.id: (row.label, row.speaker) for row in rows})
        return Run(tmp_path, model, about["identity"], about["attacks"], (), conditions, {row.id: row for row in rows})

    return make


@pytest.fixture
def written(tmp_path):
    """Write those parts of made-up evaluations to folders that a comparison reads."""

    def write(name, fooled_at, model="net", flags=(), **settings):
        rows, _, about = results(fooled_at, model=model, **settings)
        found = {"model": model, "n": len(rows), "flags": dict.fromkeys(flags, "meaning"), "about": about}
        write_json(tmp_path / name / "clips.json", [asdict(row) for row in rows])
        write_json(tmp_path / name / "evaluation.json", found)
        return tmp_path / name

    return write
