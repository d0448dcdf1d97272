"""Verification of a run: nothing is wrong with a finished one, and planted damage is named with its file."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from staanet import study
from staanet.core import records
from staanet.core.checksums import CHECKSUMS, add, seal
from staanet.core.errors import StaanetError
from staanet.core.files import read_json, write_json
from staanet.core.run import Run
from staanet.study.verification import verify

EXPERIMENT = """
batch_size = 4
corpus = { name = "synthetic", settings = { speakers = 6, sentences = 1, seconds = [0.5, 0.6] } }
split = { folds = 3, run = [0] }
budget = { snr_db = 17.0, sparsity = 0.12 }

[models.emo18]
model = "emo18"
seconds = 0.1
training = { epochs = 1, batch_size = 16 }

[models.rounded]
model = "emo18"
base_model = "emo18"
seconds = 0.1
defence = "rounding"

[attacks.standard]
[attacks.noise]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("verified")
    (place / "tiny.toml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("staanet.study.attack_plans.STANDARD", {"noise": {}, "fgsm": {}})
        study.run(place / "tiny.toml", place / "run")
    return place / "run"


@pytest.fixture
def out(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def one(out, pattern):
    return sorted(out.glob(pattern))[0]


def test_a_finished_run_fits_with_its_records_and_a_sample_of_outcomes(finished):
    found = verify(finished)
    assert found.lines()[-1].endswith("everything fits")
    assert (found.problems, found.not_checked) == ([], [])
    assert found.records == len(Run(finished).records)
    assert found.outcomes >= 2 * found.records


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGED = (
    "datasets/*/shard-00000.safetensors",
    "datasets/*/manifest.jsonl",
    "models/*/model.safetensors",
    "adversarial/*/batch-*.safetensors",
    "adversarial/*/done.json",
    "models/*/config.json",
    "records/*.json",
    "records/*.jsonl",
    "splits/*.json",
    "run.json",
)


@pytest.mark.parametrize("pattern", DAMAGED)
def test_a_flipped_bit_is_named(out, pattern):
    path = one(out, pattern)
    flip(path)
    found = verify(out, clips=0)
    assert not found.fits
    assert any(str(path) in line for line in found.problems), found.problems


def test_ten_kinds_of_damage_at_once_are_all_named(out):
    paths = [one(out, pattern) for pattern in DAMAGED]
    for path in paths:
        flip(path)
    found = verify(out, clips=0)
    for path in paths:
        assert any(str(path) in line for line in found.problems), path


def test_a_record_that_was_edited_with_its_checksum_does_not_follow_from_its_outcomes(out):
    path = one(out, "records/*.json")
    values = {**read_json(path), "snr_energy_db": 99.0}
    write_json(path, values)
    add(path.parent, [path])
    (line,) = verify(out, clips=0).problems
    assert "as the run wrote it, got one that was changed afterwards" in line
    contents = read_json(out / "run.json")
    contents["records_sha256"][path.stem] = records.record_hash(values)
    write_json(out / "run.json", contents)
    seal(out, [out / "run.json", *(out / "splits").iterdir()])
    (line,) = verify(out, clips=0).problems
    assert "expected snr_energy_db = " in line
    assert line.startswith(str(path))


def test_other_weights_do_not_give_the_outcomes(out):
    folder = one(out, "models/emo18-*")
    tensors = load_file(folder / "model.safetensors")
    turned = {name: -tensor if name.endswith("weight") else tensor for name, tensor in tensors.items()}
    save_file(turned, folder / "model.safetensors")
    seal(folder)
    assert any("from the audio and the model in the folder, got" in line for line in verify(out).problems)


def test_other_adversarial_clips_do_not_give_the_outcomes(out):
    folder = one(out, "adversarial/standard.fgsm-*")
    for path in folder.glob("batch-*"):
        clips = {name: torch.zeros_like(tensor) for name, tensor in load_file(path).items() if name[0] != "/"}
        save_file({**load_file(path), **clips}, path)
    seal(folder)
    assert any("fgsm" in line and "expected l0 = " in line for line in verify(out).problems)


def test_a_worst_case_follows_from_its_members(out):
    path = one(out, "records/standard-*.jsonl")
    rows = records.read_outcomes(path.with_suffix(".json"))
    other = "standard.noise" if rows[0]["member"] == "standard.fgsm" else "standard.fgsm"
    path.write_text("".join(json.dumps({**row, "member": other}) + "\n" for row in rows))
    problems = verify(out).problems
    assert any(str(path) in line for line in problems)


def test_what_is_not_there_is_said(out):
    shutil.rmtree(out / "models")
    found = verify(out)
    assert found.fits
    reason = "outcomes were not computed again, because the model emo18 is not in the folder"
    assert any(reason in line for line in found.not_checked)
    for path in out.rglob(CHECKSUMS):
        path.unlink()
    found = verify(out)
    assert found.fits
    assert any("the files have no checksums, as of an earlier version" in line for line in found.not_checked)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(StaanetError, match=r"expected a folder that `staanet run` wrote, found no run\.json"):
        verify(tmp_path)
