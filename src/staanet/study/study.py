"""A study: one experiment in one folder, with its data, its models, its cases, and what they share in memory."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.evaluation import FeatureDataset, clean_logits
from staanet.evaluation.features import ClipDataset
from staanet.models import FeatureView, HasFeatures, Model
from staanet.study.artefacts.adversarial import AdversarialExamples
from staanet.study.artefacts.cases import Case, RecordedCase, WorstCase
from staanet.study.artefacts.generators import TrainedGenerator
from staanet.study.artefacts.models import StudyModel, study_model
from staanet.study.attack_plans import AttackPlan
from staanet.study.data import CorpusSplit, StudyData
from staanet.study.experiment import Experiment


class Study:
    """One experiment in one folder; each of its artefacts exists once.

    Args:
        name: Name of the experiment.
        experiment: The experiment.
        out: The run's folder.
        root: Folder of the corpus; `$STAANET_CORPORA/<name>` by default.
        device: Device to compute on.
    """

    def __init__(self, name: str, experiment: Experiment, out: Path, root: Path | None, device: torch.device) -> None:
        self.name = name
        self.experiment = experiment
        self.data = StudyData(experiment, out, root)
        self.out = out
        self.device = device
        self._models: dict[tuple[str, CorpusSplit], StudyModel] = {}
        self._generators: dict[tuple[str, StudyModel], TrainedGenerator] = {}
        self._adversarial: dict[tuple[str, str, CorpusSplit], AdversarialExamples] = {}
        self._cases: dict[tuple[AdversarialExamples, StudyModel], Case] = {}
        self._logits: dict[tuple[StudyModel, int | None, str], dict[str, Tensor]] = {}
        self._features = cache(self._feature_dataset)

    def model(self, name: str, place: CorpusSplit) -> StudyModel:
        """Return a model that was not trained on the test clips of a split."""
        if (name, place) not in self._models:
            self._models[name, place] = study_model(self, name, place)
        return self._models[name, place]

    def generator(self, name: str, source: StudyModel) -> TrainedGenerator:
        """Return a generator against a source model."""
        if (name, source) not in self._generators:
            self._generators[name, source] = TrainedGenerator(self, name, source)
        return self._generators[name, source]

    def adversarial(self, plan: AttackPlan, source: str, place: CorpusSplit) -> AdversarialExamples:
        """Return the adversarial examples of an attack on a source model."""
        key = (plan.name, source, place)
        if key not in self._adversarial:
            self._adversarial[key] = AdversarialExamples(self, plan, source, place)
        return self._adversarial[key]

    def case(self, examples: AdversarialExamples, target: StudyModel) -> Case:
        """Return adversarial examples evaluated on a target model."""
        if (examples, target) not in self._cases:
            self._cases[examples, target] = Case(self, examples, target)
        return self._cases[examples, target]

    def cases(self, plan: AttackPlan, source: str, target: str, place: CorpusSplit) -> list[RecordedCase]:
        """Return the cases of an attack on a source and a target model: the members of an ensemble come first."""
        model = self.model(target, place)
        members = {run.name: self.case(self.adversarial(run, source, place), model) for run in plan.runs}
        return [*members.values(), *([WorstCase(self, plan.name, members)] if plan.members else [])]

    def inputs_of(self, plan: AttackPlan, model: StudyModel) -> tuple[Model | FeatureView, ClipDataset]:
        """Return a model and the clips of its split in an attack's domain: as waveforms, or as the model's features.

        Raises:
            StaanetError: the model decides between fewer emotions than its features were made for.
        """
        if plan.use.domain == "waveform":
            return model.load_for_labels(), self.data.labelled(model.place.corpus)
        features = self._features(model)
        return features.view(self.data.test_clips(model.place)), features

    def _feature_dataset(self, model: StudyModel) -> FeatureDataset:
        network = model.load_for_labels()
        if not isinstance(network, HasFeatures):
            raise StaanetError(
                f"expected {model.name} to decide between the emotions that its features are for, got fewer; set "
                "cross_corpus = false"
            )
        return FeatureDataset(self.data.labelled(model.place.corpus), network)

    def clean_logits(self, plan: AttackPlan, model: StudyModel, size: int) -> dict[str, Tensor]:
        """Return a model's logits on the clean test clips in the domain of an attack, computed once.

        Args:
            plan: The attack.
            model: The model.
            size: Length in samples to which the protocol `paper` fits clips.
        """
        key = (model, size if self.experiment.protocol == "paper" else None, plan.use.domain)
        if key not in self._logits:
            self._logits[key] = clean_logits(
                *self.inputs_of(plan, model),
                self.data.test_clips(model.place),
                protocol=self.experiment.protocol,
                size=size,
                batch_size=self.experiment.batch_size,
                device=self.device,
            )
        return self._logits[key]
