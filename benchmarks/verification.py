"""What verification costs: its share of a run, and the check of a finished run of 1 000 clips that is found again."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from claims import seconds, write

from staanet import study
from staanet.core import checksums
from staanet.core.checkpoints import save_tensors
from staanet.core.checksums import seal
from staanet.core.files import write_json
from staanet.study.found import mend

EXPERIMENT = Path(__file__).resolve().parents[1] / "tools" / "reliability" / "tiny.toml"

CLIPS, SAMPLES, BATCH, ATTACKS = 1_000, 32_000, 16, 4

PARTS = ("_append", "_read", "_difference", "file_digest", "stamp_of")
"""Functions in which checksums spend their time."""


def measure_share(folder: Path) -> None:
    """Measure the share of verification in a run so small that nothing else takes long."""
    spent = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            began, before = time.perf_counter(), spent[0]
            result = function(*arguments)
            spent[0] = before + time.perf_counter() - began  # what is called within is not counted twice
            return result

        return call

    parts = {name: timed(getattr(checksums, name)) for name in PARTS}
    with patch.multiple(checksums, **parts):
        total = seconds(lambda: study.run(EXPERIMENT, folder, device="cpu"))
    write("verification_share", "verification of a run, at most", 0.02, spent[0] / total, "of its time")


def measure_found(folder: Path) -> None:
    """Measure the check of a run of 1 000 clips of two seconds and four attacks that is found again."""
    whole = {"samples": torch.zeros(CLIPS * SAMPLES)}
    save_tensors(folder / "datasets" / "d" / "shard-00000.safetensors", whole)
    write_json(folder / "datasets" / "d" / "dataset.json", {})
    for name in ("models", "generators"):
        save_tensors(folder / name / "m" / "model.safetensors", {"weights": torch.zeros(3_000_000)})
        write_json(folder / name / "m" / "config.json", {})
    for attack in range(ATTACKS):
        place = folder / "adversarial" / str(attack)
        for start in range(0, CLIPS, BATCH):
            save_tensors(place / f"batch-{start}.safetensors", {"clips": torch.zeros(BATCH, SAMPLES)})
        write_json(place / "done.json", {})
    for place in folder.glob("*/*"):
        seal(place)
    took = min(seconds(lambda: mend(folder)) for _ in range(5))
    write("verification_found", "checking a found run of 1 000 clips, at most", 1, took, "seconds")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        measure_found(Path(temporary) / "found")
        measure_share(Path(temporary) / "run")
