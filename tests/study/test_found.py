"""What a run finds is verified: damage is told with the name of the file, removed, and never used."""

import json
import logging
import os
import shutil

import pytest

from core.made_up import ROWS, made_record
from staanet.core import records
from staanet.core.checksums import CHECKSUMS, add, damages, seal
from staanet.core.files import write_json
from staanet.core.run import Layout, Run
from staanet.study.found import mend, steps


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run as to its files, which hold anything."""
    out = tmp_path_factory.mktemp("finished")
    whole = {
        "datasets/d": ("dataset.json", "manifest.jsonl", "shard-00000.safetensors"),
        "models/m": ("config.json", "model.safetensors"),
        "generators/g": ("config.json", "model.safetensors"),
        "examples/e": ("example.json", "original.flac", "adversarial.flac"),
        "adversarial/a": ("batch-1.safetensors", "batch-2.safetensors", "done.json"),
    }
    for folder, names in whole.items():
        for name in names:
            write_json(out / folder / name, [folder, name])
        seal(out / folder)
    paths = [write_made(out, name) for name in ("noise", "fgsm")]
    write_json(out / "splits" / "s.json", {})
    Run(out).write(Layout("Title"), records=paths, splits=[out / "splits" / "s.json"])
    return out


@pytest.fixture
def out(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def write_made(out, name):
    return records.write(out / "records", made_record(name, attack=name), ROWS)


def files(out):
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_nothing_is_wrong_with_a_finished_run(out, caplog):
    before = files(out)
    assert mend(out) == []
    assert not caplog.records
    assert files(out) == before


REMOVED = {
    "datasets/d/shard-00000.safetensors": "datasets/d",
    "datasets/d/dataset.json": "datasets/d",
    "models/m/model.safetensors": "models/m",
    "models/m/config.json": "models/m",
    "models/m/checksums.jsonl": "models/m",
    "generators/g/model.safetensors": "generators/g",
    "examples/e/adversarial.flac": "examples/e",
    "adversarial/a/batch-1.safetensors": "adversarial/a/batch-1.safetensors adversarial/a/done.json",
    "adversarial/a/done.json": "adversarial/a/done.json",
    "adversarial/a/checksums.jsonl": "adversarial/a",
    "records/noise-text-text-noise.json": "records/noise-text-text-noise",
    "records/noise-text-text-noise.jsonl": "records/noise-text-text-noise",
    "run.json": "run.json",
    "splits/s.json": "splits/s.json",
    "checksums.jsonl": "checksums.jsonl",
}


@pytest.mark.parametrize("name", REMOVED)
def test_damage_is_told_and_removed_with_what_it_belongs_to_and_nothing_else(out, name, caplog):
    before = files(out)
    size = (out / name).stat().st_size
    (out / name).write_bytes(bytes(size))
    (found,) = mend(out)
    assert found.path == out / name
    (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert line.getMessage().startswith(f"{out / name}: expected ")
    assert line.getMessage().endswith("; it is not used, and made again")
    gone = before - files(out)
    assert gone
    assert all(any(path.startswith(start) for start in REMOVED[name].split()) for path in gone)
    assert mend(out) == []


@pytest.mark.parametrize("name", ["models/m/model.safetensors", "adversarial/a/batch-2.safetensors"])
def test_a_missing_file_is_damage_too(out, name):
    (out / name).unlink()
    assert [damage.path for damage in mend(out)] == [out / name]


def test_a_record_that_somebody_removed_is_only_missing(out, caplog):
    path = next((out / "records").glob("*noise.json"))
    path.unlink()
    assert mend(out) == []
    assert not caplog.records


def test_an_edited_record_is_not_used(out):
    path = next((out / "records").glob("*noise.json"))
    values = json.loads(path.read_text())
    write_json(path, {**values, "experiment": "another"})
    assert [damage.path for damage in mend(out)] == [path]
    assert not path.exists()


def test_results_of_an_earlier_version_get_checksums(out):
    shutil.rmtree(out / "records")
    for path in list(out.rglob(CHECKSUMS)):
        path.unlink()
    assert steps(out) == [
        out / kind / kind[0] for kind in ("datasets", "models", "generators", "examples", "adversarial")
    ]
    assert mend(out) == []
    assert all((folder / CHECKSUMS).is_file() for folder in steps(out))
    (out / "models" / "m" / "model.safetensors").write_text("other")
    assert len(mend(out)) == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    write_json(tmp_path / "models" / "mine" / "config.json", {})
    write_json(tmp_path / "adversarial" / "mine" / "done.json", {})
    mend(tmp_path)
    assert files(tmp_path) == {"models/mine/config.json", "adversarial/mine/done.json"}


def test_a_set_whose_last_file_was_never_listed_is_not_complete(out):
    folder = out / "adversarial" / "a"
    seal(folder, sorted(folder.glob("batch-*")))
    assert mend(out) == []
    assert sorted(path.name for path in folder.iterdir()) == ["batch-1.safetensors", "batch-2.safetensors", CHECKSUMS]


def test_times_alone_are_no_damage(out):
    for path in out.rglob("*"):
        os.utime(path)
    assert mend(out) == []


def test_a_line_added_later_counts(out):
    path = out / "adversarial" / "a" / "batch-1.safetensors"
    path.write_text("again")
    add(path.parent, [path])
    assert damages(path.parent) == []
