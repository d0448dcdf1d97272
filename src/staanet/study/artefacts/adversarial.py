"""The adversarial examples of a study: the test clips of a split, attacked on one source model."""

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from staanet.attacks import Attack
from staanet.core import checkpoints, checksums
from staanet.core.classifier import bounds_of
from staanet.core.files import read_jsonl, write_jsonl
from staanet.core.records import NO_SOURCE, Record
from staanet.core.seeds import derive
from staanet.core.signature import to_jsonable
from staanet.evaluation import PERCEPTION, AdversarialSet, make_adversarial_set, perceive
from staanet.study.artefact import Artefact, Settings, ensure_files
from staanet.study.artefacts.generators import TrainedGenerator
from staanet.study.artefacts.inputs import Inputs
from staanet.study.artefacts.models import StudyModel
from staanet.study.attack_plans import SPEECH_CLIPS, AttackPlan

LEAST_SPARSITY = 1e-6
"""The sparsity of an attack that takes that of one which changed nothing: one sample of each clip."""


class RecordedExamples(Protocol):
    """Adversarial examples with a record of their figures."""

    examples: "AdversarialExamples"

    @property
    def record(self) -> Record:
        """The record."""


class AdversarialExamples(Artefact):
    """The clips of a split as an attack changed them.

    Args:
        inputs: The inputs of attacks in the study.
        plan: The attack.
        source: Name of the source model, `none` for a model-free attack.
        source_model: The source model; for a model-free attack the model whose length and sampling rate it takes.
        generator: The generator that the attack uses, if it uses one.
        sparsity_from: The case whose mean sparsity the attack takes, if it takes that of another attack.
    """

    kind = "adversarial set"

    def __init__(
        self,
        inputs: Inputs,
        plan: AttackPlan,
        source: str,
        source_model: StudyModel,
        *,
        generator: TrainedGenerator | None = None,
        sparsity_from: RecordedExamples | None = None,
    ) -> None:
        self.inputs, self.workspace = inputs, inputs.workspace
        self.plan, self.source, self.source_model, self.place = plan, source, source_model, source_model.place
        self.generator, self.sparsity_from = generator, sparsity_from

    @cached_property
    def folder(self) -> Path:
        """Folder of the adversarial set."""
        return self.workspace.out / "adversarial" / f"{self.plan.name}-{self.source}-{self.signature}"

    @property
    def files(self) -> Sequence[Path]:
        """The file that a complete adversarial set has."""
        return (self.folder / "done.json",)

    @property
    def fitted_length(self) -> int:
        """Length in samples to which the protocol `paper` repeats or cuts clips before the attack."""
        return self.source_model.trained_length

    def _settings(self) -> Settings:
        experiment, data, use = self.workspace.experiment, self.workspace.data, self.plan.use
        attack = to_jsonable(self.plan.build())
        if self.plan.unbounded:
            attack["budget"]["epsilon"] = None
        if self.sparsity_from is not None:
            attack["budget"]["sparsity"] = self.sparsity_from.examples.settings
        if self.generator is not None:
            attack["generator"] = self.generator.settings
        return {
            "attack": attack,
            "source": None if self.source == NO_SOURCE else self.source_model.settings,
            "dataset": data.dataset(self.place.corpus).digest,
            "labels": list(data.labels(self.place.corpus)),
            "split": data.split(self.place).digest(),
            "clips": experiment.clips,
            "size": self.fitted_length if experiment.protocol == "paper" else None,
            "protocol": experiment.protocol,
            "labels_from": use.labels_from,
            "seed": derive(experiment.seed, "attack"),
            **({"domain": use.domain} if use.domain != "waveform" else {}),
            **({"attacked": use.clips} if use.clips is not None else {}),
        }

    @cached_property
    def attack(self) -> Attack:
        """The attack, its generator trained and its budget resolved."""
        if self.plan.unbounded:
            view, _ = self.inputs.of(self.plan, self.source_model)
            low, high = bounds_of(view)
            return self.plan.build(width=high - low)
        sparsity = None
        if self.sparsity_from is not None:
            sparsity = max(self.sparsity_from.record.sparsity, LEAST_SPARSITY)
        if self.generator is None:
            return self.plan.build(sparsity=sparsity, speech=self._speech() if self.plan.needs_speech else None)
        folder = self.generator.ensure().folder
        return self.plan.build(folder, checkpoints.digest(folder), sparsity)

    def _speech(self) -> tuple[Tensor, ...]:
        """Return training clips of the split, drawn by the seed, for an attack that mixes speech of others."""
        data = self.workspace.data
        dataset, clips = data.dataset(self.place.corpus), sorted(data.split(self.place).train)
        drawn = random.Random(derive(self.workspace.experiment.seed, "speech", *self.place))
        return tuple(dataset.waveform(clip) for clip in drawn.sample(clips, min(SPEECH_CLIPS, len(clips))))

    def build(self) -> None:
        """Run the attack on the clips."""
        experiment, data = self.workspace.experiment, self.workspace.data
        model, dataset = self.inputs.of(self.plan, self.source_model)
        labels = {clip: dataset.label(clip) for clip in data.attacked_clips(self.plan, self.place)}
        if self.plan.use.labels_from == "predictions":
            logits = self.inputs.clean_logits(self.plan, self.source_model, self.fitted_length)
            labels = {clip: int(logits[clip].argmax()) for clip in labels}
        make_adversarial_set(
            self.attack,
            model,
            dataset,
            labels,
            self.folder,
            protocol=experiment.protocol,
            batch_size=experiment.batch_size,
            seed=self.settings["seed"],
            device=self.workspace.device,
        )

    def load(self) -> AdversarialSet:
        """Return the adversarial set."""
        self.ensure()
        return AdversarialSet(self.folder)

    def perception(self) -> list[dict[str, Any]] | None:
        """Return how each attacked clip sounds, a row per clip; None if the experiment does not measure it."""
        if not self.workspace.experiment.perception or self.plan.use.domain == "feature":
            return None
        adversarial, path = self.load(), self.folder / PERCEPTION
        clips = self.workspace.data.attacked_clips(self.plan, self.place)
        dataset = self.workspace.data.labelled(self.place.corpus)

        def make() -> None:
            write_jsonl(path, perceive(dataset, clips, adversarial))
            checksums.add(self.folder, [path])

        ensure_files("perception", [path], make)
        return read_jsonl(path)
