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
from staanet.evaluation.adversarial import DONE, attack_batches, batch_name
from staanet.study.artefact import Artefact, Settings, Step
from staanet.study.artefacts.generators import TrainedGenerator
from staanet.study.artefacts.inputs import Inputs
from staanet.study.artefacts.models import StudyModel
from staanet.study.attack_plans import SPEECH_CLIPS, AttackPlan

LEAST_SPARSITY = 1e-6
"""The sparsity of an attack that takes that of one which changed nothing: one sample of each clip."""


SHARE = 4
"""Number of batches that are handed to a worker together."""


class RecordedExamples(Protocol):
    """Adversarial examples with a record of their figures."""

    examples: "AdversarialExamples"

    @property
    def follows_from(self) -> Sequence[Step]:
        """What must exist before it."""

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
        """The file that a complete adversarial set has, and how it sounds if the experiment measures that."""
        return (self.folder / DONE, *([self.folder / PERCEPTION] if self.measures_perception else []))

    @property
    def measures_perception(self) -> bool:
        """Whether it is measured how each attacked clip sounds."""
        return self.workspace.experiment.perception and self.plan.use.domain != "feature"

    @property
    def follows_from(self) -> Sequence[Step]:
        """The source model, what decides the attack, and its shares; that with the longest clips comes first."""
        return (self.source_model, *self.deciding, *reversed(self.shares))

    @cached_property
    def shares(self) -> Sequence["Share"]:
        """Its shares, which several workers make at a time; none if it is small or its clips are features."""
        data = self.workspace.data
        if self.plan.use.domain == "feature":
            return ()
        clips, dataset = data.attacked_clips(self.plan, self.place), data.labelled(self.place.corpus)
        batches = dataset.batches(clips, self.workspace.experiment.batch_size)
        parts = [batches[start : start + SHARE] for start in range(0, len(batches), SHARE)]
        return [Share(self, number, part) for number, part in enumerate(parts)] if len(parts) > 1 else ()

    @property
    def deciding(self) -> Sequence[Step]:
        """What `attack` needs: the generator, a record with the sparsity, and for the range of features the model."""
        needed = (self.generator, self.sparsity_from, self.source_model if self.plan.unbounded else None)
        return [step for step in needed if step is not None]

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
        """Run the attack on the clips, and measure how they sound if the experiment does."""
        if not (self.folder / DONE).is_file():
            self._make()
        if self.measures_perception:
            self._measure_perception()

    def _make(self) -> None:
        model, dataset = self.inputs.of(self.plan, self.source_model)
        make_adversarial_set(
            self.attack,
            model,
            dataset,
            self._labels(),
            self.folder,
            protocol=self.workspace.experiment.protocol,
            batch_size=self.workspace.experiment.batch_size,
            seed=self.settings["seed"],
            device=self.workspace.device,
        )

    def attack_batches(self, batches: Sequence[Sequence[str]]) -> None:
        """Run the attack on some of the batches."""
        model, dataset = self.inputs.of(self.plan, self.source_model)
        attack_batches(
            self.attack,
            model,
            dataset,
            self._labels([clip for ids in batches for clip in ids]),
            self.folder,
            batches,
            protocol=self.workspace.experiment.protocol,
            seed=self.settings["seed"],
            device=self.workspace.device,
        )

    def _labels(self, some: Sequence[str] | None = None) -> dict[str, int]:
        """Return the class that the attack moves each clip away from; of all clips, or of whole batches of them."""
        clips = self.workspace.data.attacked_clips(self.plan, self.place) if some is None else some
        if self.plan.use.labels_from == "predictions":
            logits = self.inputs.clean_logits(self.plan, self.source_model, self.fitted_length, some)
            return {clip: int(logits[clip].argmax()) for clip in clips}
        _, dataset = self.inputs.of(self.plan, self.source_model)
        return {clip: dataset.label(clip) for clip in clips}

    def load(self) -> AdversarialSet:
        """Return the adversarial set."""
        self.ensure()
        return AdversarialSet(self.folder)

    def perception(self) -> list[dict[str, Any]] | None:
        """Return how each attacked clip sounds, a row per clip; None if the experiment does not measure it."""
        return read_jsonl(self.ensure().folder / PERCEPTION) if self.measures_perception else None

    def _measure_perception(self) -> None:
        clips = self.workspace.data.attacked_clips(self.plan, self.place)
        dataset = self.workspace.data.labelled(self.place.corpus)
        write_jsonl(self.folder / PERCEPTION, perceive(dataset, clips, AdversarialSet(self.folder)))
        checksums.add(self.folder, [self.folder / PERCEPTION])


class Share(Artefact):
    """Some batches of an adversarial set.

    Args:
        examples: The adversarial set.
        number: Number of the share among those of the set.
        batches: The ids of the clips of each batch.
    """

    kind = "share"

    def __init__(self, examples: AdversarialExamples, number: int, batches: Sequence[Sequence[str]]) -> None:
        self.examples, self.number, self.batches = examples, number, batches

    @property
    def title(self) -> str:
        """The title of the adversarial set, and the number of the share."""
        return f"{self.examples.title}, {self.kind} {self.number + 1}"

    @property
    def files(self) -> Sequence[Path]:
        """The file of each batch."""
        return [self.examples.folder / batch_name(ids) for ids in self.batches]

    @property
    def follows_from(self) -> Sequence[Step]:
        """The source model, and what decides the attack."""
        return (self.examples.source_model, *self.examples.deciding)

    def _settings(self) -> Settings:
        return {**self.examples.settings, "share": self.number}

    def build(self) -> None:
        """Run the attack on the clips."""
        self.examples.attack_batches(self.batches)
