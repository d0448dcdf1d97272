"""Writes `requirements.lock`: every installed package with its version and the SHA-256 of the archive that pip chooses.

    python tools/supply_chain/lock.py

The versions are those of this environment, which `make venv` installs from `constraints.txt`; pip names the hashes in a
trial run that installs nothing. torch is left out: there is a build for each kind of machine (CPU, CUDA), and their
hashes differ from that of the index, so that its version alone is pinned, in `constraints.txt`. For a checked
installation, run `pip install "$(grep ^torch== constraints.txt)"`, and then
`pip install --require-hashes --no-deps -r requirements.lock`.
"""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
LOCK = HERE / "requirements.lock"
LEFT_OUT = {"torch", "staanet", "pip", "setuptools"}
HEAD = """# Every package of the development environment with the hash of its archive, for Python {python} on Linux
# (x86-64). Made by tools/supply_chain/lock.py, which says how it is used. torch is pinned in constraints.txt without
# a hash, because its builds for CPUs and GPUs differ.
"""


def main() -> None:
    """Write the lock."""
    installed = sorted(
        {
            (found.metadata["Name"].lower().replace("_", "-"), found.version)
            for found in distributions()
            if "+" not in found.version and found.metadata["Name"].lower() not in LEFT_OUT
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder) / "wanted.txt", Path(folder) / "report.json"
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in installed))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), "-r", str(wanted)], check=True)  # noqa: S603
        found = json.loads(report.read_text())["install"]
    lines = []
    for entry in sorted(found, key=lambda entry: entry["metadata"]["name"].lower()):
        digest = entry["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        pin = f"{entry['metadata']['name']}=={entry['metadata']['version']}"
        lines.append(f"{pin} --hash=sha256:{digest}" if digest else f"# {pin}: expected a hash, got none")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    LOCK.write_text(HEAD.format(python=version) + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{LOCK.name}: {len(lines)} packages, {sum('--hash' in line for line in lines)} with a hash")


if __name__ == "__main__":
    main()
