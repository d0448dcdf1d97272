import copy
import itertools

import pytest
import torch

from staanet.attacks.generator import create_generator
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.metrics import observe
from staanet.models import create_model
from staanet.training.batch_augmentation import BatchAugmentation
from staanet.training.classifier import train_model
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining, _Averaged, train_generator
from staanet.training.settings import MODEL_PRESETS, ModelTraining
from tiny import TINY

CPU = torch.device("cpu")


def model(dataset):
    with seeded("victim"):
        return create_model("zhao19", dataset.labels, seconds=0.1)


def test_the_papers_settings():
    paper = MODEL_PRESETS["paper"]
    assert (paper.epochs, paper.batch_size, paper.learning_rate) == (30, 8, 1e-3)
    assert (paper.schedule, paper.keep, paper.augmentation.noise) == ("constant", "last", 0.0)
    generator = GENERATOR_PRESETS["paper"]
    assert (generator.epochs, generator.batch_size, generator.learning_rate, generator.halve_every) == (20, 8, 1e-4, 5)
    assert (generator.losses.magnitude, generator.losses.sparsity, generator.losses.quantisation) == (1e-3, 1e-4, 1e-4)
    assert generator.losses.confidence == 0
    assert generator.budget == Budget(epsilon=0.05)


def test_a_model_learns_its_training_clips(dataset, split, tmp_path):
    learner = model(dataset)
    settings = ModelTraining(epochs=12, batch_size=4, augmentation=MODEL_PRESETS["paper"].augmentation)
    history = train_model(learner, dataset, split.train, split.train, settings, tmp_path / "progress", 0, CPU)
    assert history[-1]["accuracy"] > 0.75
    assert not learner.training


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", TINY)
def test_a_generator_takes_a_step_that_leaves_the_model_alone(dataset, split, tmp_path, name, preset):
    source = model(dataset).eval()
    before = {key: value.clone() for key, value in source.state_dict().items()}
    with seeded("generator"):
        generator = create_generator(name, **TINY[name])
    weights = {key: value.clone() for key, value in generator.state_dict().items()}
    settings = GeneratorTraining(
        budget=GENERATOR_PRESETS[preset].budget, losses=GENERATOR_PRESETS[preset].losses, epochs=1, batch_size=8
    )
    history = train_generator(
        generator, source, dataset, split.train, split.val, settings, tmp_path / "progress", 0, CPU
    )
    assert all(torch.equal(value, before[key]) for key, value in source.state_dict().items())
    assert all(parameter.requires_grad for parameter in source.parameters())
    assert any(not torch.equal(value, weights[key]) for key, value in generator.state_dict().items())
    assert {"loss_adversarial", "asr", "control", "excess", "sparsity", "snr_peak_db"} <= set(history[0])
    assert ("comb" in history[0]) == (history[0]["sparsity"] < 1)
    assert 0 <= history[0]["sparsity"] <= settings.budget.sparsity


# ------------------------------------------------------------------ crops, shares, precision


def calls_of(network, name, monkeypatch):
    """Return a list to which each call of a method appends the network's training mode, the input and the output."""
    calls = []
    method = getattr(network, name)

    def recorded(x, *rest):
        out = method(x, *rest)
        calls.append((network.training, x, out))
        return out

    monkeypatch.setattr(network, name, recorded)
    return calls


@pytest.mark.parametrize(("crop", "size"), [(None, 1600), (0.05, 800), (0.3, 4800)])
def test_steps_use_the_crop_and_validation_the_trained_length(dataset, split, tmp_path, monkeypatch, crop, size):
    learner = model(dataset)
    calls = calls_of(learner, "classify", monkeypatch)
    settings = ModelTraining(epochs=1, batch_size=8, crop=crop)
    train_model(learner, dataset, split.train, split.val, settings, tmp_path / "progress", 0, CPU)
    assert {x.shape[1] for training, x, _ in calls if training} == {size}
    assert {x.shape[1] for training, x, _ in calls if not training} == {1600}


def test_a_crop_too_short_for_the_model_raises(dataset, split, tmp_path):
    settings = ModelTraining(epochs=1, crop=0.01)
    with pytest.raises(StaanetError, match=r"a crop of 0.016 s or more for zhao19, got 0.01"):
        train_model(model(dataset), dataset, split.train, split.val, settings, tmp_path / "progress", 0, CPU)
    assert not (tmp_path / "progress").exists()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_models_precision_is_that_of_its_training_only(dataset, split, tmp_path, monkeypatch, precision):
    learner = model(dataset)
    calls = calls_of(learner, "classify", monkeypatch)
    settings = ModelTraining(epochs=1, batch_size=8, precision=precision)
    (figures,) = train_model(learner, dataset, split.train, split.val, settings, tmp_path / "progress", 0, CPU)
    assert {out.dtype for training, _, out in calls if training} == {getattr(torch, precision)}
    assert {out.dtype for training, _, out in calls if not training} == {torch.float32}
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in learner.state_dict().values())
    assert 0 < figures["loss"] < 3


def fitted(dataset, split, progress, seed=0, **settings):
    """Train a tiny generator for two epochs; return its weights, its figures, and the clips of each step."""
    source = model(dataset).eval()
    with seeded("generator"):
        generator = create_generator("compact", **TINY["compact"])
    steps, recording = [], copy.copy(dataset)

    def batch(clips):
        if generator.training:
            steps.append(list(clips))
        return dataset.batch(clips)

    recording.batch = batch
    settings = GeneratorTraining(**{"epochs": 2, "batch_size": 3, **settings})
    history = train_generator(generator, source, recording, split.train, split.val, settings, progress, seed, CPU)
    return generator.state_dict(), history, steps


def same(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


def test_a_share_of_the_clips_has_as_many_steps(dataset, split, tmp_path):
    n = len(split.train)
    runs = {share: fitted(dataset, split, tmp_path / f"{share}", share=share)[2] for share in (1.0, 0.5, 0.01)}
    assert {len(steps) for steps in runs.values()} == {2 * -(-n // 3)}
    assert {sum(map(len, steps)) for steps in runs.values()} == {2 * n}
    clips = {share: {clip for step in steps for clip in step} for share, steps in runs.items()}
    assert clips[1.0] == set(split.train)
    assert [len(clips[share]) for share in (0.5, 0.01)] == [round(0.5 * n), 1]
    assert clips[0.01] < clips[0.5] < clips[1.0]
    epoch = [clip for step in runs[0.5][: -(-n // 3)] for clip in step]
    assert max(map(epoch.count, epoch)) - min(map(epoch.count, epoch)) <= 1


def test_the_seed_decides_which_clips_a_share_holds(dataset, split, tmp_path):
    first, again, other = (
        {clip for step in fitted(dataset, split, tmp_path / name, seed=seed, epochs=1, share=0.5)[2] for clip in step}
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert first == again != other


AUGMENTED = {"augmentation": BatchAugmentation(), "schedule": "cosine", "warm_up": 0.2}


@pytest.mark.parametrize(
    "settings",
    [{"share": 0.4}, {"precision": "bfloat16"}, AUGMENTED, {"average": 0.9}],
    ids=["share", "precision", "augmented", "averaged"],
)
def test_an_interrupted_generator_ends_with_the_same_bits(dataset, split, tmp_path, monkeypatch, settings):
    weights, history, steps = fitted(dataset, split, tmp_path / "whole", **settings)
    validated = itertools.count(1)
    with monkeypatch.context() as patch:

        def stopped(*arguments, **keywords):
            if next(validated) > len(dataset.batches(split.val, 3)):
                raise KeyboardInterrupt
            return observe(*arguments, **keywords)

        patch.setattr("staanet.training.generator.observe", stopped)
        with pytest.raises(KeyboardInterrupt):
            fitted(dataset, split, tmp_path / "progress", **settings)
    interrupted = fitted(dataset, split, tmp_path / "progress", **settings)
    assert interrupted[1] == history
    assert interrupted[2] == steps[len(steps) // 2 :]
    assert same(interrupted[0], weights)


def test_a_running_mean_of_the_weights_is_kept_and_changes_no_step(dataset, split, tmp_path):
    last, history, _ = fitted(dataset, split, tmp_path / "last")
    mean, averaged, _ = fitted(dataset, split, tmp_path / "mean", average=0.9)
    losses = [[figures["loss_adversarial"] for figures in run] for run in (history, averaged)]
    assert losses[0] == losses[1]
    assert not same(last, mean)
    with seeded("generator"):
        first = create_generator("compact", **TINY["compact"]).state_dict()
    moved = [sum(float((weights[name] - first[name]).norm()) for name in first) for weights in (mean, last)]
    assert 0 < moved[0] < moved[1]


def test_the_first_weights_soon_leave_the_running_mean():
    generator = create_generator("compact", **TINY["compact"])
    averaged = _Averaged(generator, 0.5)
    (bias, mean) = (network.magnitudes.output.bias.data for network in (generator, averaged.mean))
    bias.fill_(3.0)
    mean.fill_(1.0)
    averaged.update(0)
    assert float(mean) == pytest.approx(0.1 * 1 + 0.9 * 3)
    bias.fill_(0.0)
    averaged.update(1000)
    assert float(mean) == pytest.approx(1.4)


def test_a_conditional_generator_sees_many_budgets_and_learning_rates(dataset, split, tmp_path, monkeypatch):
    generator = create_generator("conditional", **TINY["conditional"])
    shares, rates, draw = [], [], generator.budgets.draw

    def drawn(waveforms, lengths):
        epsilon, counts = draw(waveforms, lengths)
        shares.extend((counts / lengths).tolist())
        return epsilon, counts

    def step(self, *_):
        rates.append(self.param_groups[0]["lr"])

    monkeypatch.setattr(type(generator.budgets), "draw", lambda _, *clips: drawn(*clips))
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    settings = GeneratorTraining(**{"epochs": 1, "batch_size": 3, **AUGMENTED})
    source = model(dataset).eval()
    train_generator(generator, source, dataset, split.train, (), settings, tmp_path / "progress", 0, CPU)
    assert len(set(shares)) > len(split.train) // 2
    assert 0.004 < min(shares) < 0.03 < max(shares) <= 0.15
    assert rates[0] == 0
    assert max(rates) <= settings.learning_rate
    assert 0 < rates[-1] < max(rates)


def test_a_generators_precision_is_that_of_the_model_in_training(dataset, split, tmp_path, monkeypatch):
    source = model(dataset).eval()
    calls = calls_of(source, "classify", monkeypatch)
    with seeded("generator"):
        generator = create_generator("compact", **TINY["compact"])
    settings = GeneratorTraining(epochs=1, batch_size=8, precision="bfloat16")
    clips = split.train, split.val
    (figures,) = train_generator(generator, source, dataset, *clips, settings, tmp_path / "progress", 0, CPU)
    assert {out.dtype for _, x, out in calls if x.requires_grad} == {torch.bfloat16}
    assert {out.dtype for _, x, out in calls if not x.requires_grad} == {torch.float32}
    assert all(tensor.dtype == torch.float32 for tensor in generator.parameters())
    exact, _, _ = fitted(dataset, split, tmp_path / "exact", epochs=1, batch_size=8)
    assert not same(exact, generator.state_dict())
    assert 0 < figures["loss_adversarial"] < 10


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1, float("nan")])
def test_an_invalid_share_raises(share):
    with pytest.raises(StaanetError, match=r"share in .0, 1., got .*; it is a share, not a percentage"):
        GeneratorTraining(share=share)


# ------------------------------------------------------------------ without validation clips


def test_without_validation_clips_the_last_epoch_is_kept_and_the_same_is_learnt(dataset, split, tmp_path):
    settings = ModelTraining(epochs=2, batch_size=8, schedule="constant", keep="last")
    learners = model(dataset), model(dataset)
    for learner, val in zip(learners, (split.val, ()), strict=True):
        path = tmp_path / f"{len(val)}"
        history = train_model(learner, dataset, split.train, val, settings, path, 0, CPU)
    assert [set(figures) for figures in history] == [{"loss"}] * 2
    for one, other in zip(learners[0].parameters(), learners[1].parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("changes", [{"keep": "best"}, {"keep": "last", "schedule": "plateau"}])
def test_missing_validation_clips_raise_if_they_are_needed(dataset, split, tmp_path, changes):
    with pytest.raises(StaanetError, match="expected validation clips, by which epochs are compared, got none"):
        train_model(model(dataset), dataset, split.train, (), ModelTraining(**changes), tmp_path / "progress", 0, CPU)


def test_a_generator_needs_no_validation_clips(dataset, split, tmp_path):
    generator = create_generator("compact", **TINY["compact"])
    settings = GeneratorTraining(epochs=1, batch_size=8)
    history = train_generator(
        generator, model(dataset).eval(), dataset, split.train, (), settings, tmp_path / "progress", 0, CPU
    )
    assert set(history[0]) == {"loss_adversarial"}
