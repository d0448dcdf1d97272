"""A toy run: an experiment on synthetic speech with tiny networks, so that everything in it is tested in minutes.

Names, training, attacks and files are those of the experiment; there is only less of them. Its numbers mean nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from staanet.core.files import atomic_write
from staanet.core.seeds import seeded
from staanet.data.splits import OFFICIAL_SUBSETS
from staanet.models import HuggingFace
from staanet.study.experiment import Experiment
from staanet.study.plans import CorpusPlan, GeneratorPlan, ModelPlan, SplitPlan

SECONDS = 0.25
"""Length in seconds to which every model repeats or cuts clips, if it does."""

CLIPS = {"sentences": 1, "seconds": (0.5, 0.6)}

FRAMES: Mapping[str, Any] = {"frame": 4, "widths": (8, 16), "detail": 2}

SIZES: Mapping[str, Mapping[str, Any]] = {
    "compact": FRAMES,
    "compact_magnitudes": FRAMES,
    "conditional": FRAMES,
    "conditional_small": FRAMES,
    "deconvolutional": FRAMES,
    "gradient_conditional": FRAMES,
    "gradient_deconvolutional": FRAMES,
    "universal": {"period": 1000},
    "wave_unet": {"channels": (8, 16, 32)},
    "wave_unet_magnitudes": {"channels": (8, 16, 32)},
}
"""Sizes of the tiny generators, by architecture."""

WHISPER = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64}

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "cnn_lstm": {"spectrogram": {"bands": 32, "n_fft": 64, "hop": 20, "decibels": "published"}, "width": 8},
    "whisper": {"architecture": WHISPER, "checkpoint": None, "frozen": True},
}
"""Settings of the models whose defaults do not fit such short clips, or need a checkpoint."""

TRANSFORMER: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": (16, 16),
    "conv_kernel": (20, 8),
    "conv_stride": (10, 4),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 16,
}

ENCODER = {
    key: TRANSFORMER[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
}

ON_SPECTROGRAMS: Mapping[str, Mapping[str, Any]] = {
    "audio-spectrogram-transformer": ENCODER,
    "wav2vec2-bert": ENCODER,
    "whisper": WHISPER,
}
"""Sizes of the tiny networks on spectrograms, by `model_type`; their input keeps its size."""

MOST = {"steps": 20, "rounds": 2, "restarts": 1, "queries": 24, "population": 8, "starts": 10, "draws": 6}
"""The largest values of the settings that make attacks slow."""

FEW = 4
"""Number of clips for an attack that the experiment does not run on all clips."""


def toy_experiment(experiment: Experiment, checkpoints: Path) -> Experiment:
    """Return the toy version of an experiment.

    Args:
        experiment: The experiment.
        checkpoints: Folder in which tiny checkpoints are written that replace those of Hugging Face.

    Raises:
        StaanetError: the synthetic corpus lacks an emotion of one of the corpora.
    """
    corpora = {name: _corpus(plan, experiment.split_plan(name)) for name, plan in experiment.corpus_plans.items()}
    splits = {name: _split(experiment.split_plan(name)) for name in experiment.corpus_plans}
    labels = {name: tuple(plan.settings["emotions"]) for name, plan in corpora.items()}
    return replace(
        experiment,
        title=f"TOY RUN: {experiment.title}",
        corpus=None,
        corpora={name: replace(plan, split=splits[name]) for name, plan in corpora.items()},
        models={
            name: _model(plan, labels[experiment.training_corpus(name)], checkpoints)
            for name, plan in experiment.models.items()
        },
        generators={name: _generator(plan) for name, plan in experiment.generators.items()},
        attacks={name: _attack(experiment, name) for name in experiment.attacks},
        examples=_examples(experiment.examples, labels),
    )


def _corpus(plan: CorpusPlan, split: SplitPlan) -> CorpusPlan:
    """Return synthetic speech with the emotions of a corpus, and with enough speakers for its split."""
    segmentation, emotions = plan.segmentation(), plan.build().labels(Path())
    emotions = emotions if segmentation is None else segmentation.labels(emotions)
    sessions: tuple[str, ...] = ()
    if split.by == "session":
        subsets = split.subsets or ({} if split.folds else OFFICIAL_SUBSETS)
        sessions = tuple(name for names in subsets.values() for name in names)
        sessions = sessions or tuple(str(number + 1) for number in range(split.folds or 0))
    speakers = max(6, 2 * len(sessions), 2 * (split.folds or 0))
    short = {"seconds": 2 * SECONDS, "min_seconds": 0.0, "pitches": [1.5], "speeds": []}
    return replace(
        plan,
        name="synthetic",
        settings={**CLIPS, "speakers": speakers, "emotions": emotions, "sessions": sessions},
        segments=None if segmentation is None else short,
        stands_for=plan.name,
    )


def _split(split: SplitPlan) -> SplitPlan:
    """Return a split with synthetic speakers: the first are held out, and named subsets of speakers become shares."""
    held_out = tuple(f"s{number:02d}" for number, _ in enumerate(split.held_out))
    return replace(split, held_out=held_out, subsets={} if split.by == "speaker" else split.subsets)


def _model(plan: ModelPlan, labels: tuple[str, ...], checkpoints: Path) -> ModelPlan:
    """Return a model that is tiny or takes short clips, trained for one epoch; one from elsewhere stays as it is."""
    if plan.architecture is None:
        return plan
    settings = {**plan.settings, **SETTINGS.get(plan.model, {})}
    if "architecture" in plan.settings and issubclass(plan.architecture, HuggingFace):
        given = plan.settings["architecture"]
        settings["architecture"] = {**given, **ON_SPECTROGRAMS.get(given.get("model_type"), TRANSFORMER)}
    elif issubclass(plan.architecture, HuggingFace):
        settings["checkpoint"] = str(_checkpoint(checkpoints / plan.model, plan.model, labels))
    training = _table(plan.training) | {"epochs": 1, "batch_size": 8, "crop": None, "precision": "float32"}
    return replace(
        plan,
        seconds=None if plan.resolved_settings(("a", "b"), 16_000).seconds is None else SECONDS,
        settings=settings,
        training=plan.training if plan.resolved_training() is None else training,
    )


def _generator(plan: GeneratorPlan) -> GeneratorPlan:
    """Return a tiny generator, trained for one epoch."""
    changes = {"epochs": 1, "precision": "float32"}
    return replace(
        plan,
        sizes={**plan.sizes, **SIZES.get(plan.generator, {})},
        training=_table(plan.training) | changes,
        per_source={source: _table(training) | changes for source, training in plan.per_source.items()},
    )


def _table(training: str | dict[str, Any]) -> dict[str, Any]:
    return {"preset": training} if isinstance(training, str) else training


def _attack(experiment: Experiment, name: str) -> dict[str, Any]:
    """Return an attack's table with smaller values of the settings that make it slow."""
    table, plan = experiment.attacks[name], experiment.attack_plans[name]
    if plan.members:
        return table
    attack, fewer = plan.build(), {"clips": FEW} if "clips" in table else {}
    return {**table, **fewer, **{key: most for key, most in MOST.items() if (getattr(attack, key, None) or 0) > most}}


def _examples(wanted: int | tuple[str, ...], labels: Mapping[str, tuple[str, ...]]) -> int | tuple[str, ...]:
    """Return as many clips of the first speaker, who is held out if the experiment names clips."""
    if isinstance(wanted, int):
        return wanted
    return tuple(f"s00-{emotion}-00" for emotion, _ in zip(next(iter(labels.values())), wanted, strict=False))


def _checkpoint(folder: Path, model: str, labels: tuple[str, ...]) -> Path:
    """Return a folder with a tiny checkpoint of random weights, written as `transformers` writes them."""
    from transformers import CONFIG_MAPPING, AutoModelForAudioClassification, Wav2Vec2FeatureExtractor
    from transformers.utils import logging

    if not folder.is_dir():
        known: dict[str, Any] = {
            "id2label": dict(enumerate(labels)),
            "label2id": {label: number for number, label in enumerate(labels)},
        }
        family = model if model in CONFIG_MAPPING else "wav2vec2"
        with seeded("checkpoint", model):
            network = AutoModelForAudioClassification.from_config(CONFIG_MAPPING[family](**TRANSFORMER, **known))
        for parameter in network.parameters():
            parameter.data *= 5  # with freshly initialised weights all clips get nearly the same logits
        bars = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        with atomic_write(folder) as temporary:
            network.save_pretrained(temporary)
            Wav2Vec2FeatureExtractor(sampling_rate=16_000, do_normalize=True).save_pretrained(temporary)
        if bars:
            logging.enable_progress_bar()
    return folder
