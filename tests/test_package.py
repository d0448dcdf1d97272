"""Tests of the wheel: what it contains, and that it works in an environment without this repository."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import staanet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of the built sdist and wheel."""
    pytest.importorskip("hatchling", reason="builds packages; part of the extra dev")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    """Return the path of the wheel."""
    (path,) = built.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_is_small_and_contains_the_package_only(wheel):
    assert wheel.name == f"staanet-{staanet.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 2**20
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"staanet", f"staanet-{staanet.__version__}.dist-info"}
    endings = {Path(name).suffix for name in names if name.startswith("staanet/")}
    assert endings <= {
        ".py",
        ".typed",
        ".toml",
        ".json",
        ".bib",
        ".j2",
        ".css",
        ".js",
        ".index",
        ".html",
        ".svg",
        ".LICENSE",
    }
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / "staanet").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert not [name for name in names if re.search(r"test_|conftest|results/|\.wav|\.safetensors", name)]
    for name in (
        "py.typed",
        "cli/catalogue.json",
        "cli/references.bib",
        "experiments/smoke.toml",
        "report/page.html.j2",
    ):
        assert f"staanet/{name}" in names


@pytest.mark.slow
def test_the_source_distribution_contains_what_the_wheel_is_built_from(built):
    (path,) = built.glob("*.tar.gz")
    assert path.stat().st_size < 1e6
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    tops = {name.partition("/")[0] for name in names}
    expected = {"src", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "constraints.txt", "pyproject.toml"}
    assert tops - {"PKG-INFO", ".gitignore"} == expected


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own(wheel, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    packages = next((environment / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)  # noqa: S202 (our own wheel)
    borrowed = tmp_path / "borrowed"
    borrowed.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():  # all that is installed here but this library
        if "staanet" not in path.name.lower() and path.suffix != ".pth":
            (borrowed / path.name).symlink_to(path)
    (packages / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}

    def run(*arguments):
        command = [environment / "bin" / "python", "-m", "staanet", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = [environment / "bin" / "python", "-c", "import staanet; print(staanet.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(environment)
    assert run("--version").strip() == staanet.__version__
    assert "--out" in run("demo", "--help")
    assert "fgsm" in run("list", "attacks")
    sizes = ("--set", "speakers=6", "--set", "sentences=1", "--set", "seconds=[0.5, 0.6]")
    run("prepare", "synthetic", ".", "--out", "speech", *sizes)
    run("train", "zhao19", "--dataset", "speech", "--out", "model", "--seconds", "0.2", "--set", "epochs=1")
    assert "fooled" in run("attack", "noise", "speech", "adversarial", "--source", "model")
    shutil.rmtree(environment)


PINNED = {
    name.lower(): version
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and line[0] != "#"
    for name, _, version in [line.partition("==")]
}


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_every_requirement_is_met_by_a_pinned_version(extra):
    lines = EXTRAS[extra] if extra else PROJECT["dependencies"]
    for requirement in map(Requirement, lines):
        if requirement.name == "staanet":
            assert requirement.extras <= set(EXTRAS)
            continue
        assert requirement.name.lower() in PINNED, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(PINNED[requirement.name.lower()]), str(requirement)


def test_continuous_integration_tries_every_extra():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"extra: \[(.*)\]", workflow)
    assert set(listed.split(", ")) == set(EXTRAS) - {"dev", "docs"}
    assert "run: .ci/run" in workflow


def test_version_changelog_and_citations_agree():
    version = staanet.__version__
    assert f'version = "{version}"' not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name, line in (
        ("CITATION.cff", f"version: {version}\n"),
        ("README.md", f"version = {{{version}}}"),
        ("CHANGELOG.md", f"## [{version}]"),
        ("src/staanet/cli/references.bib", f"  version = {{{version}}}"),
    ):
        assert line in (ROOT / name).read_text(encoding="utf-8"), f"{name} does not say {version}"
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert released[0] == version, "the newest released version of the changelog is another one"
