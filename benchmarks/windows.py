"""Peak memory of a process that attacks a long recording window by window.

python benchmarks/windows.py             five minutes of synthetic speech
python benchmarks/windows.py --full      an hour
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from claims import MEMORY_UNIT, write

from staanet import create_generator, create_model
from staanet.audio.files import writing
from staanet.core.checkpoints import save
from staanet.core.seeds import seeded
from staanet.corpora import Synthetic

RATE = 16_000


def record(path: Path, seconds: int) -> None:
    """Write synthetic speech of this length, in which the same minute of sentences is repeated."""
    corpus = Synthetic(speakers=3, sentences=5)
    clips = [corpus.read(path, utterance)[0] for utterance in corpus.validate(path).utterances]
    minute = np.resize(np.concatenate(clips), (60 * RATE, 1))
    with writing(path, RATE, 1) as put:
        for _ in range(seconds // 60):
            put(minute)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    minutes = 60 if parser.parse_args().full else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with seeded("benchmark"):
            save(create_model("emo18", labels="abcd", seconds=3.0), folder / "emo18")
            save(create_generator("compact"), folder / "compact")
        record(folder / "recording.flac", 60 * minutes)
        command = [sys.executable, "-m", "staanet", "--quiet", "attack", "staa_net"]
        command += [f"{folder}/recording.flac", f"{folder}/attacked.flac"]
        command += ["--source", f"{folder}/emo18", "--generator", f"{folder}/compact"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEMORY_UNIT
    write(
        f"windows_{minutes}_minutes", f"memory of an attack on {minutes} minutes in windows, at most", 1.0, memory, "GB"
    )


if __name__ == "__main__":
    main()
