"""The memory of a command and of its workers does not grow with the number of clips; within an hour.

python benchmarks/many_clips.py                 writes the results and the figure
python benchmarks/many_clips.py --clips 2000    a trial with so few clips; nothing is written

`staanet prepare` synthesises 50 000 clips with two workers, and `staanet attack` then changes all of them (FGSM, one
gradient). What each process keeps for itself is read twice a second: its private memory, in MB. The claim is about the
time in which clips are read or attacked: it compares the largest of the last tenth of them with the largest from a
tenth to two tenths. The figure also shows what follows: shards that are written, and results that are gathered.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib
from claims import write
from matplotlib.figure import Figure

from staanet.core import checkpoints
from staanet.core.atomic import atomic_write
from staanet.core.seeds import seeded
from staanet.models import create_model
from staanet.report.figures import INK, PALETTE, STYLE

CLIPS, WORKERS, PER_SPEAKER = 50_000, 2, 400
DARK = "#222222"
FIGURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "many-clips.png"

Sample = tuple[int, float, float]
"""How many clips are done, and the memory of the command and of its largest worker in MB."""


def private(pid: int) -> float:
    """Return the MB of memory that a process shares with no other; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1000


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, directly or not."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def sampled(words: list[str], progress: Path, clips: int, per_file: int) -> list[Sample]:
    """Carry a command out and return its memory while it works.

    Args:
        words: The command.
        progress: Folder in which it keeps what is made, with a file for so many clips.
        clips: Number of all clips.
        per_file: Number of clips of such a file.
    """
    command = subprocess.Popen([sys.executable, "-m", "staanet", *words, "--workers", str(WORKERS)])
    samples, most = [], 0
    while command.poll() is None:
        if progress.is_dir():
            most = max(most, len(list(progress.glob("part-*.json*"))))
        workers = max((private(pid) for pid in descendants(command.pid)), default=0.0)
        if most:
            samples.append((min(most * per_file, clips), private(command.pid), workers))
        time.sleep(0.5)
    if command.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: ended with {command.returncode}")
    return samples


def growth(samples: list[Sample], clips: int) -> float:
    """Return the memory at the end in relation to that near the beginning, command and workers together."""
    early = [command + worker for done, command, worker in samples if 0.1 <= done / clips < 0.2]
    late = [command + worker for done, command, worker in samples if 0.9 <= done / clips < 1]
    return max(late) / max(early)


def draw(found: dict[str, list[Sample]]) -> None:
    """Draw the memory of the commands against the clips that are done."""
    style = {key: DARK if value == INK else value for key, value in STYLE.items()}
    with matplotlib.rc_context(style), atomic_write(FIGURE) as path:
        figure = Figure(figsize=(7, 2.6), layout="constrained")
        for axes, (name, samples) in zip(figure.subplots(1, len(found), sharey=True), found.items(), strict=True):
            done = [sample[0] for sample in samples]
            axes.plot(done, [sample[1] for sample in samples], color=PALETTE[0], label="command")
            axes.plot(done, [sample[2] for sample in samples], color=PALETTE[1], label="largest worker")
            axes.set(title=f"staanet {name}", xlabel="clips", ylim=(0, None))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", " "))
        figure.axes[0].set_ylabel("private memory in MB")
        figure.axes[0].legend()
        figure.savefig(path, dpi=160, format="png")


def main(clips: int | None) -> None:
    count = clips or CLIPS
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        speakers, sentences = max(3, count // PER_SPEAKER), PER_SPEAKER // 4
        corpus = ["--set", f"speakers={speakers}", "--set", f"sentences={sentences}", "--set", "seconds=[0.5, 0.6]"]
        data, out = place / "data", place / "adversarial"
        words = ["prepare", "synthetic", ".", "--out", str(data), *corpus]
        found = {"prepare": sampled(words, data.with_name("data.progress"), count, 64)}
        with seeded("model"):
            checkpoints.save(create_model("zhao19", ("anger", "joy"), seconds=0.1), place / "model")
        words = ["attack", "fgsm", str(data), str(out), "--source", str(place / "model"), "--device", "cpu"]
        found["attack"] = sampled(words, out.with_name("adversarial.progress"), count, 8)
    for name, samples in found.items():
        measured = growth(samples, count)
        print(f"{name}: {samples[0]} to {samples[-1]}, {measured:.3f}")
        if clips is None:
            claim = f"memory of staanet {name} near the end of {count} clips to that near the beginning, at most"
            write(f"many_clips_{name}", claim, 1.1, measured, "x")
    if clips is None:
        draw(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, help="number of clips of a trial, which writes nothing")
    main(parser.parse_args().clips)
