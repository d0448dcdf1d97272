"""Time and memory of the demo, which makes its own corpus and trains its own models and generators."""

import resource
import subprocess
import sys
import tempfile
import time

from claims import MEMORY_UNIT, write


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "staanet", "--quiet", "demo", "--out", f"{folder}/demo"]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        minutes = (time.perf_counter() - began) / 60
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEMORY_UNIT
    write("demo_time", "the whole demo, at most", 3.0, minutes, "minutes")
    write("demo_memory", "the demo's largest memory, at most", 3.0, memory, "GB")


if __name__ == "__main__":
    main()
