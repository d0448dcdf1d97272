import json

import one_pass
import pytest
import torch

from staanet import create_attack, create_generator, create_model
from staanet.core import checkpoints
from staanet.core.classifier import as_classifier
from staanet.core.seeds import seeded
from staanet.training.generator import GeneratorTraining
from tiny import TINY

LENGTHS = torch.tensor([100])


@pytest.fixture
def folder(tmp_path, dataset, split):
    """Checkpoints of an untrained model and of untrained generators, as training writes them."""
    with seeded("one_pass"):
        model = create_model("emo18", labels=dataset.labels, seconds=0.1)
        generators = [create_generator(name, **TINY[name]) for name in ("compact", "gradient_conditional")]
    checkpoints.save(model, tmp_path / "emo18", made_from={"dataset": dataset.digest}, split=split)
    for generator in generators:
        checkpoints.save(generator, tmp_path / generator.name, made_from={"training": GeneratorTraining(batch_size=2)})
    return tmp_path


def test_every_attack_is_measured_and_drawn(folder, dataset):
    given = {"source": folder / "emo18", "dataset": dataset.folder, "clips": 2, "steps": 3}
    out, figure = folder / "one_pass.json", folder / "one_pass.svg"
    words = [word for name, value in {**given, "out": out, "figure": figure}.items() for word in (f"--{name}", value)]
    generators = ["--generator", folder / "compact", "--generator", folder / "gradient_conditional"]
    one_pass.main([str(word) for word in (*words, *generators)])
    rows = json.loads(out.read_text())
    points = {(row["attack"], row.get("steps")) for row in rows if row["sparsity"] == 0.01}
    by_gradients = {(name, steps) for name in one_pass.BY_GRADIENTS for steps in (1, 2, 3)}
    assert points == by_gradients | {("staa_net", None), ("one_gradient", None), ("noise", None)}
    assert all(0 <= row["asr"] <= 1 and row["seconds_per_clip"] > 0 for row in rows)
    assert all(row["training_seconds"] > 0 for row in rows if "generator" in row)
    assert "one_gradient, gradient_conditional" in figure.read_text()


class Linear:
    """Two classes, of which the second is decided on once the sum of a clip is above its threshold."""

    def __init__(self, threshold):
        self.threshold = threshold

    def __call__(self, waveforms):
        above = waveforms.sum(1) - self.threshold
        return torch.stack([-above, above], dim=1)


def test_a_run_says_after_how_many_gradients_a_clip_was_fooled():
    clip = torch.full((1, 100), 0.1)
    epsilon = 0.1 * 10 ** (-one_pass.SNR_DB / 20)
    model = as_classifier(Linear(10 + 12 * 0.6 * epsilon))  # 0.6 of epsilon at 12 samples takes three steps
    scene = one_pass.Scene(model, None, None, [one_pass.Clip(clip, torch.tensor([0]))])
    rows = {row["steps"]: row["asr"] for row in one_pass.by_gradients(scene, "sparse_pgd", 0.12, 5)}
    assert rows == {1: 0, 2: 0, 3: 1, 5: 1}
    for steps, asr in rows.items():
        attack = create_attack("sparse_pgd", steps=steps, snr_db=one_pass.SNR_DB, sparsity=0.12)
        assert int(model(attack(model, *scene.clips[0]), LENGTHS).argmax()) == asr


def test_changes_beyond_the_count_do_not_count_as_fooled():
    watched = one_pass.Watched(as_classifier(Linear(10.5)), torch.full((1, 100), 0.1), torch.tensor([0]), count=2)
    changed = torch.full((1, 100), 0.1)
    changed[0, :3] = 0.5
    watched(changed, LENGTHS)
    changed[0, 0] = 0.1
    with pytest.raises(one_pass.FooledError):
        watched(changed, LENGTHS)


def test_a_training_pays_after_the_clips_whose_saving_is_its_time():
    row = {"sparsity": 0.12, "asr": 0.5, "seconds_per_clip": 0.1, "training_seconds": 100.0}
    others = [
        {"attack": "sparse_pgd", "steps": steps, "sparsity": 0.12, "asr": asr, "seconds_per_clip": seconds}
        for steps, asr, seconds in ((1, 0.4, 0.2), (2, 0.6, 0.6), (3, 0.7, 0.9))
    ]
    assert one_pass.pays_after(row, others) == (200, "sparse_pgd, 2 steps")
    assert one_pass.pays_after({**row, "asr": 0.9}, others) == (None, None)
    assert one_pass.pays_after({**row, "seconds_per_clip": 0.7}, others) == (None, "sparse_pgd, 2 steps")
