"""CPU time of `staanet --help`, which the command line takes before it does anything; it imports no torch."""

import resource
import subprocess
import sys

from claims import write


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    command = [sys.executable, "-m", "staanet", "--help"]
    measured = min(cpu_seconds(command) for _ in range(15))
    write("startup", "staanet --help, least of 15, at most", 0.3, measured, "seconds of CPU time")


if __name__ == "__main__":
    main()
