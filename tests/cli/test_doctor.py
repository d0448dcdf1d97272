import json
from importlib import metadata

import pytest

from staanet.cli import installation
from staanet.core.version import __version__


def test_doctor_lists_what_is_installed(staanet):
    status, out, err = staanet("doctor", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["versions"]["staanet"] == __version__
    assert found["versions"]["torch"] == metadata.version("torch")
    assert found["computer"]["threads"] >= 1
    assert found["computer"]["devices"][0] == "cpu"
    extras = set(metadata.metadata("staanet").get_all("Provides-Extra")) - {"dev", "docs"}
    assert set(found["extras"]) == extras


def test_a_missing_or_old_package_is_named_with_the_command_that_installs_it(staanet, monkeypatch):
    installed = {"onnx": "1.18", "onnxruntime": "1.2"}
    monkeypatch.setattr(installation, "_version", lambda name: installed.get(name))
    extra = installation.extras()["export"]
    assert sorted(extra["problems"]) == ["onnxruntime is 1.2, expected >=1.20", "onnxscript is missing"]
    assert extra["install"] == 'pip install "staanet[export]"'
    status, out, _ = staanet("doctor", "--fast")
    assert status == 0
    (line,) = [line for line in out.splitlines() if line.split()[:1] == ["export"]]
    assert "onnxscript is missing" in line
    assert line.endswith('; pip install "staanet[export]"')
    assert "torch (missing)" in out


@pytest.mark.parametrize("variable", ["STAANET_CORPORA", "STAANET_CHECKPOINTS"])
def test_folders_are_searched_where_the_library_looks(staanet, monkeypatch, tmp_path, variable):
    monkeypatch.delenv(variable, raising=False)
    assert f"{variable} is not set" in staanet("doctor", "--fast")[1]
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    assert "which is not a folder" in staanet("doctor", "--fast")[1]
    monkeypatch.setenv(variable, str(tmp_path))
    assert "found none" in staanet("doctor", "--fast")[1]
    (tmp_path / "emodb" / "model").mkdir(parents=True)
    (tmp_path / "emodb" / "model" / "config.json").write_text("{}", encoding="utf-8")
    found = json.loads(staanet("doctor", "--fast", "--json")[1])
    kind = variable.removeprefix("STAANET_").lower()
    assert found[kind]["found"] == (["emodb"] if kind == "corpora" else ["emodb/model"])
