"""A study: one experiment in one folder, whose artefacts are created with references to what they follow from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from staanet.core.records import NO_SOURCE
from staanet.study.artefacts.adversarial import AdversarialExamples
from staanet.study.artefacts.cases import Case, RecordedCase, WorstCase
from staanet.study.artefacts.generators import TrainedGenerator
from staanet.study.artefacts.inputs import Inputs
from staanet.study.artefacts.models import EnsembleModel, StudyModel, study_model
from staanet.study.attack_plans import AttackPlan
from staanet.study.data import CorpusSplit, StudyData
from staanet.study.experiment import Experiment
from staanet.study.serving import Served, served
from staanet.study.workspace import Workspace


class Attacked(NamedTuple):
    """An attack on one source model with the clips of a split.

    Args:
        plan: The attack.
        source: Name of the source model, `none` for a model-free attack.
        cases: Its cases by the name of the target model: the members of an ensemble come first.
    """

    plan: AttackPlan
    source: str
    cases: Mapping[str, Sequence[RecordedCase]]


class Study:
    """One experiment in one folder; each of its artefacts exists once.

    Args:
        name: Name of the experiment.
        experiment: The experiment.
        out: The run's folder.
        root: Folder of the corpus; `$STAANET_CORPORA/<name>` by default.
        device: Device to compute on.
        prepared: Folders of its datasets by the names of their corpora, if another process has prepared them.
    """

    def __init__(
        self,
        name: str,
        experiment: Experiment,
        out: Path,
        root: Path | None,
        device: torch.device,
        prepared: Mapping[str, Path] | None = None,
    ) -> None:
        self.experiment = experiment
        self.data = StudyData(experiment, out, root, prepared)
        self.out = out
        self.inputs = Inputs(Workspace(name, experiment, self.data, out, device))
        self._models: dict[tuple[str, CorpusSplit], StudyModel] = {}
        self._generators: dict[tuple[str, StudyModel], TrainedGenerator] = {}
        self._adversarial: dict[tuple[str, str, CorpusSplit], AdversarialExamples] = {}
        self._cases: dict[tuple[AdversarialExamples, StudyModel], Case] = {}

    def model(self, name: str, place: CorpusSplit) -> StudyModel:
        """Return a model that was not trained on the test clips of a split."""
        if (name, place) not in self._models:
            plan, workspace = self.experiment.models[name], self.inputs.workspace
            base = None if plan.base_model is None else self.model(plan.base_model, place)
            members = [self.model(member, place) for member in plan.members]
            self._models[name, place] = (
                EnsembleModel(workspace, name, place, members) if members else study_model(workspace, name, place, base)
            )
        return self._models[name, place]

    def served(self, source: str, place: CorpusSplit) -> Served:
        """Return the attacks that are run on a source model with the clips of a split."""
        plans = [
            plan
            for plan in self.experiment.attack_plans.values()
            if source in self.experiment.sources_of(plan, place.corpus)
        ]
        if source == NO_SOURCE:
            return Served({plan.name: plan for plan in plans})
        return served(plans, self.model(source, place))

    def generator(self, name: str, source: StudyModel) -> TrainedGenerator:
        """Return a generator against a source model."""
        if (name, source) not in self._generators:
            self._generators[name, source] = TrainedGenerator(name, source)
        return self._generators[name, source]

    def adversarial(self, plan: AttackPlan, source: str, place: CorpusSplit) -> AdversarialExamples:
        """Return the adversarial examples of an attack on a source model, `none` for a model-free attack."""
        key = (plan.name, source, place)
        if key not in self._adversarial:
            # a model-free attack takes length and sampling rate of the first target
            name = self.experiment.first_target(place.corpus) if source == NO_SOURCE else source
            model = self.model(name, place)
            other = None if plan.sparsity_of is None else self.experiment.attack_plans[plan.sparsity_of]
            self._adversarial[key] = AdversarialExamples(
                self.inputs,
                plan,
                source,
                model,
                generator=None if plan.generator is None else self.generator(plan.generator, model),
                sparsity_from=None if other is None else self.case(self.adversarial(other, source, place), model),
            )
        return self._adversarial[key]

    def case(self, examples: AdversarialExamples, target: StudyModel) -> Case:
        """Return adversarial examples evaluated on a target model."""
        if (examples, target) not in self._cases:
            self._cases[examples, target] = Case(examples, target)
        return self._cases[examples, target]

    def attacked(self, place: CorpusSplit) -> tuple[list[Attacked], list[str]]:
        """Return all attacks with the clips of a split, and a sentence for each that is not run, without any work."""
        experiment = self.experiment
        sources = {plan.name: experiment.sources_of(plan, place.corpus) for plan in experiment.attack_plans.values()}
        served_sources = dict.fromkeys(source for names in sources.values() for source in names)
        serving = {source: self.served(source, place) for source in served_sources}
        attacked = []
        for name, names in sources.items():
            for source in names:
                plan = serving[source].plans.get(name)
                if plan is not None:
                    targets = experiment.targets_of(plan, source, place.corpus)
                    cases = {target: self.cases(plan, source, target, place) for target in targets}
                    attacked.append(Attacked(plan, source, cases))
        return attacked, [sentence for one in serving.values() for sentence in one.left_out]

    def cases(self, plan: AttackPlan, source: str, target: str, place: CorpusSplit) -> list[RecordedCase]:
        """Return the cases of an attack on a source and a target model: the members of an ensemble come first."""
        model = self.model(target, place)
        members = {run.name: self.case(self.adversarial(run, source, place), model) for run in plan.runs}
        return [*members.values(), *([WorstCase(plan.name, members)] if plan.members else [])]
