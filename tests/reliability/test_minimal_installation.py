"""An installation without extras: every module can be imported, and what needs an extra names it in one line."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"adversarial-robustness-toolbox": "art", "scikit-learn": "sklearn"}
"""The module of a package that is called otherwise."""

CODE = """
import importlib, pkgutil, sys
BLOCKED = set({blocked!r})
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Finder())
import staanet
from staanet.core.errors import StaanetError
for module in pkgutil.walk_packages(staanet.__path__, "staanet."):
    if not module.name.endswith("__main__") and not module.name.startswith("staanet.web."):  # the extra `web`
        importlib.import_module(module.name)
from pathlib import Path
for read in (
    lambda: importlib.import_module("staanet.corpora").Hdf5().validate(Path(__file__)),
    lambda: staanet.load_model("http://127.0.0.1:9/model"),
):
    try:
        read()
    except StaanetError as error:
        assert "install staanet[" in str(error) and "\\n" not in str(error), error
    else:
        raise AssertionError("read without its package")
print("imported")
"""


def optional() -> list[str]:
    """Return the modules of the packages that only extras install."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {
        line.partition("[")[0].partition(">")[0].partition("=")[0].strip()
        for extra, lines in extras.items()
        if extra != "dev"
        for line in lines
    }
    return sorted({MODULES.get(name, name.replace("-", "_")) for name in names} - {"staanet"})


@pytest.mark.slow
def test_everything_is_imported_without_the_packages_of_extras(tmp_path):
    script = tmp_path / "minimal.py"
    script.write_text(CODE.format(blocked=optional()))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "imported\n"
