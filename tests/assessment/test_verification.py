"""Verification of an evaluation: its files, and its figures from the results of the clips."""

import json
import shutil

import pytest

import staanet
from staanet.assessment import runs
from staanet.assessment.verification import verify
from staanet.core.checksums import add
from staanet.core.errors import StaanetError


@pytest.fixture
def out(model, recordings, tmp_path):
    staanet.evaluate(f"{model}:decide", recordings, tmp_path / "out", preset="quick", budgets=[60.0, 40.0])
    return tmp_path / "out"


def edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_an_evaluation_fits_until_something_in_it_is_changed(out, model, recordings, caplog):
    found = verify(out)
    assert (found.problems, found.outcomes) == ([], 12)
    assert found.files > 8
    part = next(path for path in out.glob("parts/*/*.json") if path.stem.isdecimal())
    damaged = [out / "evaluation.json", out / "clips.json", part, next(out.glob("datasets/*/shard-*"))]
    for path in damaged:
        kept = shutil.copy2(path, out.parent / "kept")
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
        assert any(str(path) in line for line in verify(out).problems)
        shutil.copy2(kept, path)
    assert verify(out).fits
    edit(part, lambda rows: rows[0].update(predicted="neutral" if rows[0]["predicted"] == "anger" else "anger"))
    again = staanet.evaluate(f"{model}:decide", recordings, out, preset="quick", budgets=[60.0, 40.0])
    assert f"{part}: expected " in caplog.text
    assert again.accuracy_clean == pytest.approx(10 / 12)
    assert verify(out).fits


def test_figures_that_do_not_follow_from_the_clips_are_named(out):
    edit(out / "evaluation.json", lambda held: held.update(accuracy_robust=0.99))
    with pytest.raises(StaanetError, match=r"evaluation\.json: expected .* bytes, got .*; evaluate again"):
        runs.read(out)
    runs.seal_files(out)
    (line,) = verify(out).problems
    assert line.startswith(f"{out / 'evaluation.json'}: expected accuracy_robust = ")
    part = next(path for path in out.glob("parts/*/*.json") if path.stem.isdecimal())
    edit(part, lambda rows: rows.reverse())
    add(part.parent, [part])
    assert any(f"{out / 'clips.json'}: expected the results in parts/" in line for line in verify(out).problems)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(StaanetError, match="expected a folder that `staanet evaluate` wrote"):
        verify(tmp_path)
