"""Time and memory of the demo, which makes its own corpus, trains its own model and evaluates it."""

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
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            demo.stdout.readline()
            first = (time.perf_counter() - began) / 60
            demo.stdout.read()
        minutes = (time.perf_counter() - began) / 60
        if demo.returncode:
            raise SystemExit(f"the demo ended with status {demo.returncode}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEMORY_UNIT
    write("demo_first_figure", "the demo's first figure, at most", 1.0, first, "minutes")
    write("demo_time", "the whole demo with its page, at most", 2.0, minutes, "minutes")
    write("demo_memory", "the demo's largest memory, at most", 3.0, memory, "GB")


if __name__ == "__main__":
    main()
