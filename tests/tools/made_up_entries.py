"""Made-up evaluations for the reference table."""

import json
from dataclasses import asdict

from staanet.assessment.measurement import Curve, Row
from staanet.assessment.result import evaluation
from staanet.assessment.settings import ENSEMBLE, Curves
from staanet.core.files import write_json

LABELS = ["anger", "joy"]
WEIGHTS = "a" * 64


def curve(points, smallest, right, decided):
    fooled = right and smallest < len(points)
    return Curve(
        smallest if right else 0, "fmn" if fooled else None, (right,) * len(points), decided if fooled else None
    )


def write(folder, fooled_at, *, model="net", weights=WEIGHTS, flags=(), sparse=6, **about):
    """Write an evaluation, from the number of the dense budget that fools each clip (-1: wrong when clean)."""
    curves = about.pop("curves", Curves())
    rows = []
    for number, smallest in enumerate(fooled_at):
        label, other = LABELS[number % 2], LABELS[1 - number % 2]
        right = smallest >= 0
        rows.append(
            Row(
                id=f"clip{number:03d}",
                label=label,
                predicted=label if right else other,
                speaker=f"s{number // 2 % 8}",
                gender=None,
                language=None,
                dense=curve(curves.dense, smallest, right, other),
                sparse=curve(curves.sparse, sparse, right, other),
            )
        )
    settings = {
        "ensemble": about.pop("ensemble", ENSEMBLE),
        "preset": "quick",
        "curves": asdict(curves),
        "saved": "pcm16",
        "seed": about.pop("seed", 0),
        "labels": LABELS,
        "loader": {"name": "checkpoint", "labels": {}},
    }
    known = {
        "identity": {"model": model, "weights": weights},
        "settings": settings,
        "signature": "0123456789",
        "attacks": ["fmn", "apgd"],
        "access": "gradient",
        "corpus": "emodb",
        "data": "d",
        "sample_rate": 16_000,
        "saved": "with 16 bits",
        "speakers": 8,
        "versions": {"staanet": "0.2.0", "torch": "2.13.0"},
        "commit": "c" * 40,
        "tree_clean": True,
        "device": "cpu, 1 threads",
    } | about
    found = evaluation(model, rows, curves, LABELS, dict.fromkeys(flags, "meaning"), known)
    folder.mkdir(parents=True)
    write_json(folder / "clips.json", [asdict(row) for row in rows])
    write_json(folder / "evaluation.json", found.as_json())
    return folder


def edit(path, change):
    """Change the content of a JSON file."""
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
