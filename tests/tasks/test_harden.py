"""Hardening of a model from a file, on clips with one feature that attacks can move and one that they cannot."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

import staanet
from in_process import Here
from in_process import as_before as as_before
from staanet.cli import app
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.corpora import Folder
from staanet.data import prepare
from staanet.engines import Local
from staanet.models import create_model, loader_of
from staanet.tasks.harden_plan import method_defence
from staanet.training.hardening import HardeningTraining
from tiny import WHISPER, hugging_face

SIZE, RATE = 1600, 16_000
TONE, WEAK = 0.02, 0.002
BUDGET = Budget(epsilon=0.005)
"""Largest change: more than the weak pattern, less than the tone."""

TRAINING = {"epochs": 5, "learning_rate": 0.25, "batch_size": 32, "guard": 0.3}

NETWORK = f"""
import math

import torch
from torch import nn

labels = ["anger", "neutral"]
seconds = 0.1


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        tone = torch.sin(torch.arange({SIZE}) * 2 * math.pi * 200 / {RATE})
        pattern = torch.randint(2, ({SIZE},), generator=torch.Generator().manual_seed(0)) * 2.0 - 1
        rows = torch.stack([tone / tone.square().sum() / {TONE}, pattern / {SIZE} / {WEAK}])
        self.register_buffer("rows", rows)
        self.head = nn.Linear(2, 2, bias=False)
        self.other = nn.Linear(2, 2, bias=False)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.other.weight)

    def forward(self, clips):
        features = clips @ self.rows.T
        return self.head(features) + self.other(features)


def network():
    return Network()


def without_weights(clips):
    return torch.stack([clips.sum(1), -clips.sum(1)], 1)


def without_gradients(clips):
    return without_weights(clips.detach()).numpy()
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "network.py"
    path.write_text(NETWORK)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Eight speakers: the weak pattern always tells the emotion, the tone on five clips of six."""
    folder = tmp_path_factory.mktemp("clips")
    tone = np.sin(np.arange(SIZE) * 2 * np.pi * 200 / RATE)
    pattern = torch.randint(2, (SIZE,), generator=torch.Generator().manual_seed(0)).numpy() * 2.0 - 1
    for speaker in range(8):
        for emotion, sign in (("anger", 1), ("neutral", -1)):
            (folder / "corpus" / emotion).mkdir(parents=True, exist_ok=True)
            for number in range(6):
                reliable = -1 if number == 5 else 1
                samples = sign * (reliable * TONE * tone + WEAK * pattern)
                name = folder / "corpus" / emotion / f"s{speaker:02d}-{number}.wav"
                soundfile.write(name, samples + 0.1 * np.eye(1, SIZE, 3)[0], RATE, subtype="FLOAT")
    return prepare(Folder(), folder / "corpus", folder / "data", RATE).folder


@pytest.fixture
def harden(file, clips, tmp_path):
    def run(method, out=None, name="network", data=clips, **settings):
        given = {"budget": BUDGET, "training": TRAINING, "trust": True, **settings}
        return staanet.harden(f"{file}:{name}", data, tmp_path / (out or method), method=method, **given)

    return run


SMALL = {"sizes": {"frame": 16, "widths": (8, 16), "detail": 2}, "factor": 0.02}
"""A small generator, and a learning rate for it in proportion to that of the linear model."""


@pytest.mark.parametrize(
    ("method", "settings"),
    [("pgd", {}), ("generator", SMALL), pytest.param("trades", {}, marks=pytest.mark.slow)],
)
def test_hardening_raises_robust_accuracy_above_the_control_that_is_trained_with_noise(harden, method, settings):
    noise = harden("noise")
    assert noise.uar_after > 0.95
    assert noise.robust_uar_after < 0.6
    hardened = harden(method, method_settings=settings)
    assert hardened.robust_uar_after > noise.robust_uar_after + 0.15
    assert hardened.guarded
    assert hardened.cost > 1.5


@pytest.mark.parametrize(("method", "collapse"), [("noise", 0.0), ("pgd", 0.5)])
def test_the_control_has_no_robustness_that_could_collapse(harden, tmp_path, method, collapse):
    harden(method, training={**TRAINING, "epochs": 1})
    (config,) = (tmp_path / method).glob("*.json")
    assert json.loads(config.read_text())["made_from"]["training"]["collapse"] == collapse


FEW = Budget(epsilon=0.1, sparsity=0.03)
"""48 samples by 0.1: again more than the weak pattern, less than the tone."""


@pytest.mark.parametrize("method", ["pgd", pytest.param("trades", marks=pytest.mark.slow)])
def test_hardening_against_changes_of_few_samples_raises_robust_accuracy_above_the_control(harden, method):
    to_the_end = {**TRAINING, "keep": "last", "collapse": 0.0}
    noise = harden("noise", budget=FEW, training=to_the_end)
    assert noise.uar_after > 0.95
    assert noise.robust_uar_after < 0.6
    hardened = harden(method, budget=FEW, training=to_the_end)
    assert hardened.robust_uar_after > noise.robust_uar_after + 0.15
    assert hardened.robust_uar_after > hardened.robust_uar_before
    assert hardened.guarded


def test_a_folder_of_hugging_face_is_hardened_and_needs_it_no_longer(clips, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr("staanet.tasks.course.TEST_STEPS", (2,))
    folder = hugging_face(tmp_path / "plain", labels=("anger", "neutral"))
    before = staanet.load_model(folder)
    training = {"epochs": 1, "validation_steps": 1, "guard": 1.0, "learning_rate": 1e-3}
    found = staanet.harden(folder, clips, tmp_path / "hard", method="fast", training=training)
    shutil.rmtree(folder)
    hardened = staanet.load_model(tmp_path / "hard")
    assert (hardened.labels, hardened.sample_rate, hardened.name) == (before.labels, before.sample_rate, before.name)
    changed = [name for name, old in before.state_dict().items() if not torch.equal(old, hardened.state_dict()[name])]
    assert any("encoder" in name for name in changed)
    assert read_json(tmp_path / "hard" / "config.json")["hardening"]["robust_uar_after"] == found.robust_uar_after
    samples = torch.rand(1, SIZE)
    assert not torch.equal(before(samples), hardened(samples))


def test_a_hardened_model_is_loaded_with_its_weights_and_only_with_trust(harden, file, tmp_path):
    found = harden("fast")
    with pytest.raises(StaanetError, match="permission to run code"):
        staanet.load_model(tmp_path / "fast")
    loaded = staanet.load_model(tmp_path / "fast", trust=True)
    before = staanet.load_model(f"{file}:network", trust=True)
    assert not torch.equal(loaded.state_dict()["parts.0.head.weight"], before.state_dict()["parts.0.head.weight"])
    about = read_json(tmp_path / "fast" / "config.json")
    assert about["hardening"]["robust_uar_after"] == found.robust_uar_after
    file.rename(file.with_name("elsewhere.py"))
    try:
        with pytest.raises(StaanetError, match=r"expected the model network.py:network that was hardened"):
            staanet.load_model(tmp_path / "fast", trust=True)
    finally:
        file.with_name("elsewhere.py").rename(file)


def test_only_named_weights_are_trained(harden, tmp_path):
    harden("fast", only="parts.0.head", training={**TRAINING, "epochs": 1})
    weights = staanet.load_model(tmp_path / "fast", trust=True).state_dict()
    assert (weights["parts.0.other.weight"] == 0).all()
    assert (weights["parts.0.head.weight"] != 0).any()
    with pytest.raises(StaanetError, match=r"weights whose names begin with 'nose', found parts.0.head.weight"):
        harden("fast", only=["parts.0.head", "nose"])


def test_the_first_layers_of_a_frozen_encoder_are_trained_if_they_are_named(dataset, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr("staanet.tasks.course.TEST_STEPS", (1,))
    model = create_model("whisper", dataset.labels, architecture=WHISPER, frozen=True)
    staanet.core.checkpoints.save(model, tmp_path / "plain")
    settings = {"only": ["encoder.conv1", "head"], "training": {"epochs": 1, "validation_steps": 1}}
    staanet.harden(tmp_path / "plain", dataset.folder, tmp_path / "hard", method="fast", **settings)
    hardened = staanet.load_model(tmp_path / "hard")
    same = {name for name, old in model.state_dict().items() if torch.equal(old, hardened.state_dict()[name])}
    changed = {name for name, _ in model.named_parameters()} - same
    assert changed == {"encoder.conv1.weight", "encoder.conv1.bias", "head.linear.weight", "head.linear.bias"} | (
        changed & {"head.layer_weights"}
    )
    assert hardened.is_frozen


@pytest.mark.slow
@pytest.mark.parametrize(("method", "settings"), [("pgd", {}), ("generator", SMALL)])
def test_an_interrupted_hardening_resumes_with_the_same_weights(harden, tmp_path, monkeypatch, method, settings):
    given = {"method_settings": settings, "training": {**TRAINING, "epochs": 3, "schedule": "constant"}}
    harden(method, "whole", **given)
    scored = HardeningTraining.ended

    def interrupted(self, history):
        if len(history) == 2:
            raise KeyboardInterrupt
        return scored(self, history)

    monkeypatch.setattr(HardeningTraining, "ended", interrupted)
    with pytest.raises(KeyboardInterrupt):
        harden(method, "resumed", **given)
    monkeypatch.setattr(HardeningTraining, "ended", scored)
    harden(method, "resumed", **given)
    one, other = (staanet.load_model(tmp_path / name, trust=True).state_dict() for name in ("whole", "resumed"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not list(tmp_path.glob("*.progress"))


def test_a_checkpoint_of_this_library_stays_one_and_can_be_certified(dataset, tmp_path):
    model = create_model("emo18", dataset.labels, seconds=0.1)
    staanet.core.checkpoints.save(model, tmp_path / "plain")
    settings = {"method": "partition", "method_settings": {"samples": 1600}, "training": {"epochs": 1}}
    found = staanet.harden(tmp_path / "plain", dataset.folder, tmp_path / "parts", **settings)
    assert (found.robust_uar_before, found.robust_uar_after) == (None, None)
    assert "staanet certify" in "\n".join(found.lines())
    certified = staanet.certify(tmp_path / "parts", dataset.folder, tmp_path / "certificate")
    assert certified.smoothing == "partition"
    assert certified.n < len(dataset.utterances)  # clips that it was trained on are left out


def figures(*robust, uar=0.8, before=0.8):
    return [{"uar": uar, "uar_before": before, "robust_uar": value} for value in robust]


def test_a_collapse_of_robustness_ends_the_training_and_a_lost_guard_is_penalised():
    settings = HardeningTraining(guard=0.05)
    assert settings.collapsed(figures(0.2, 0.4, 0.3)) is None
    assert settings.collapsed(figures(0.2, 0.4, 0.1, 0.5)) == 3
    assert settings.ended(figures(0.2, 0.4, 0.1))
    robust, accurate = figures(0.9, uar=0.7)[0], figures(0.1, uar=0.76)[0]
    assert settings.score(accurate) > settings.score(robust)


@pytest.mark.parametrize(
    ("method", "budget", "attack", "steps"),
    [
        ("pgd", Budget(snr_db=40.0), "pgd", 5),
        ("fast", Budget(snr_db=40.0), "pgd", 1),
        ("pgd", Budget(snr_db=17.0, sparsity=0.01), "sparse_pgd", 5),
        ("trades", Budget(snr_db=17.0, sparsity=0.01), "sparse_pgd", 5),
        ("noise", Budget(snr_db=40.0), "noise", None),
    ],
)
def test_a_method_trains_against_the_attack_of_its_budget(method, budget, attack, steps):
    defence = method_defence(method, budget, 5, {})
    built = defence.build()
    assert (built.name, getattr(built, "steps", None), built.budget) == (attack, steps, budget)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "luck"}, "expected a method from"),
        ({"method": "pgd", "budget": Budget(snr_db=0.0)}, "silence any clip, so that nothing can be learnt"),
        ({"method": "pgd", "budget": Budget(epsilon=1.0)}, "silence any clip, so that nothing can be learnt"),
        ({"method": "noise", "budget": Budget(epsilon=0.0)}, "got epsilon = 0, which 24-bit audio cannot hold"),
        ({"method": "fast", "budget": Budget(snr_db=200.0, sparsity=0.1)}, "got 200 dB, which 24-bit audio cannot"),
        ({"method": "pgd", "name": "without_gradients"}, "expected a model with gradients"),
        ({"method": "pgd", "name": "without_weights"}, "expected a model with weights"),
        ({"method": "pgd", "training": {"guard": 2.0}}, "guard in"),
        ({"method": "pgd", "training": {"validation_steps": 0}}, "validation_steps of 1 or more"),
    ],
)
def test_bad_input_is_refused_before_the_work(harden, tmp_path, settings, message):
    with pytest.raises(StaanetError, match=message):
        harden(**settings)
    assert not list(tmp_path.iterdir())


def test_clips_that_are_not_prepared_are_refused(harden, tmp_path):
    with pytest.raises(StaanetError, match="staanet prepare"):
        harden("pgd", data=tmp_path)


def test_a_worker_hardens_to_the_same_weights_and_what_is_complete_is_not_trained_again(harden, tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    whole = harden("fast", "whole")
    torch.set_num_threads(threads)
    found = harden("fast", "by-a-worker", engine=Local(2))
    assert replace(found, cost=0.0) == replace(whole, cost=0.0)
    one, other = (staanet.load_model(tmp_path / name, trust=True).state_dict() for name in ("whole", "by-a-worker"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not list(tmp_path.glob("*.progress"))
    monkeypatch.setattr("staanet.tasks.course.Course.run", None)
    assert harden("fast", "by-a-worker", engine=Local(2)) == harden("fast", "by-a-worker") == found


@pytest.mark.usefixtures("as_before")
def test_an_error_of_a_worker_is_told_in_one_line(harden, monkeypatch):
    monkeypatch.setattr("staanet.tasks.course.Course.run", None)
    with pytest.raises(StaanetError, match=r"expected 1 more results in .*out, 1 are missing: the hardened model"):
        harden("fast", "out", engine=Here())


def test_several_processes_have_no_engine():
    from typer.testing import CliRunner

    words = ["harden", "model", "clips", "-o", "out", "--engine", "local", "--workers", "2", "--processes", "2"]
    result = CliRunner().invoke(app, words)
    assert "expected one worker to train, got the engine local for 2 processes" in str(result.exception)


def test_the_command_line_hardens(file, clips, tmp_path):
    from typer.testing import CliRunner

    words = ["harden", f"{file}:network", str(clips), "-o", str(tmp_path / "out"), "--trust", "--json"]
    words += ["--method", "fast", "--snr-db", "30", "--set", "epochs=1", "--set", "learning_rate=0.1"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["budget"] == {"snr_db": 30.0, "sparsity": 1.0}


def test_a_hardened_model_is_named_by_the_code_that_it_runs_and_a_damaged_one_is_refused(harden, file, tmp_path):
    harden("fast")
    reference, whole = str(tmp_path / "fast"), file.read_text()
    before = loader_of(reference).identity(reference)
    file.write_text(whole + "\nseldom = 1\n")
    assert loader_of(reference).identity(reference) != before
    file.write_text(whole)
    assert loader_of(reference).identity(reference) == before
    weights = tmp_path / "fast" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(StaanetError, match="harden it again"):
        staanet.load_model(reference, trust=True)


def test_a_hardening_with_other_settings_of_the_model_is_another_one(harden, tmp_path):
    first = harden("fast", training={**TRAINING, "epochs": 1})
    kept = read_json(tmp_path / "fast" / "config.json")
    harden("fast", training={**TRAINING, "epochs": 1}, model_settings={"crop": "centre"})
    assert read_json(tmp_path / "fast" / "config.json")["made_from"] != kept["made_from"]
    assert first.method == "fast"
