"""A study killed in the middle of any step goes on and ends with the records of an uninterrupted one."""

import os
import signal
import subprocess
import sys

import pytest

from run_results import results

DRIVER = """
import os, signal, sys
from importlib import import_module
import torch

torch.set_num_threads(1)
from staanet import study

experiment, out, module, name, calls = sys.argv[1:]
if module:
    room = import_module(module)
    original, left = getattr(room, name), int(calls)

    def killer(*arguments, **keywords):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **keywords)

    setattr(room, name, killer)
study.run(experiment, out)
"""

MOMENTS = {
    "dataset": ("staanet.data.preparation", "write_jsonl", 1),
    "model, first epoch": ("staanet.training.classifier", "fit_length", 2),
    "model, later epoch": ("staanet.training.classifier", "fit_length", 9),
    "model, while its progress is written": ("staanet.training.loop", "save_tensors", 2),
    "model, before its checkpoint": ("staanet.core.checkpoints", "write_json", 1),
    "generator": ("staanet.training.generator", "observe", 4),
    "adversarial set": ("staanet.evaluation.adversarial", "save_tensors", 2),
    "evaluation": ("staanet.evaluation.case", "observe", 2),
    "record, after its outcomes": ("staanet.core.records", "write_json", 3),
    "examples": ("staanet.study.artefacts.listening", "write_json", 2),
    "report": ("staanet.report.page", "write_text", 1),
}


def run(experiment, out, module="", name="", calls=0):
    command = [sys.executable, "-c", DRIVER, experiment, out, module, name, calls]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def uninterrupted(toy, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    done = run(toy, out)
    assert done.returncode == 0, done.stderr
    assert len(results(out)) == 10
    return results(out)


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_study_goes_on(toy, uninterrupted, tmp_path, moment):
    killed = run(toy, tmp_path, *MOMENTS[moment])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert results(tmp_path) != uninterrupted or moment in ("examples", "report")
    again = run(toy, tmp_path)
    assert again.returncode == 0, again.stderr
    assert results(tmp_path) == uninterrupted
    assert (tmp_path / "report" / "index.html").is_file()
    left = [path for path in tmp_path.rglob("*") if ".partial" in path.name or ".progress" in path.name]
    assert not left, [os.fspath(path) for path in left]
