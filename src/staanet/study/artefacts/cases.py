"""The cases of a study: adversarial examples evaluated on one target model, and the worst case over several attacks."""

import abc
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from staanet.core import records
from staanet.core.records import Record
from staanet.core.seeds import derive
from staanet.core.signature import signature
from staanet.evaluation import evaluate
from staanet.evaluation.case import figures as case_figures
from staanet.evaluation.record import Case as CaseFacts
from staanet.evaluation.record import write_record
from staanet.evaluation.worst import worst, worst_case_figures
from staanet.metrics.perception import PACKAGES
from staanet.study.artefact import Artefact, Settings, Step
from staanet.study.artefacts.adversarial import AdversarialExamples
from staanet.study.artefacts.models import StudyModel

COSTS = ("seconds_per_clip", "queries", "gradients")


class RecordedCase(Artefact, abc.ABC):
    """A case with a record and a row per clip.

    Args:
        name: Name of the attack in the record.
        examples: The adversarial examples; of a worst case, those of its first member.
        target: The model that they are evaluated on.
    """

    kind = "record"

    def __init__(self, name: str, examples: AdversarialExamples, target: StudyModel) -> None:
        self.name, self.examples, self.target = name, examples, target
        self.workspace = examples.workspace

    @cached_property
    def path(self) -> Path:
        """File of the record."""
        return records.record_path(
            self.workspace.out / "records", self.signature, self.examples.source, self.target.name, self.name
        )

    @property
    def title(self) -> str:
        """Its kind and the name of its record."""
        return f"{self.kind} {self.path.stem}"

    @property
    def files(self) -> Sequence[Path]:
        """The record and its outcomes."""
        return (self.path, self.path.with_suffix(".jsonl"))

    @property
    def record(self) -> Record:
        """The record, made if it is missing."""
        self.ensure()
        return records.read(self.path)

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """The outcomes, a row per clip."""
        self.ensure()
        return records.read_outcomes(self.path)

    def _write(self, figures: Mapping[str, Any], rows: list[dict[str, Any]]) -> None:
        """Write the record and the outcomes."""
        workspace, examples, target = self.workspace, self.examples, self.target
        experiment, place = workspace.experiment, examples.place
        split, attack, plan = workspace.data.split(place), examples.attack, examples.plan
        defence = target.plan.resolved_defence()
        packages = {package for model in {examples.source_model, target} for package in model.packages}
        case = CaseFacts(
            signature=self.signature,
            experiment=workspace.name,
            corpus=workspace.data.dataset(place.corpus).corpus,
            stands_for=experiment.corpus_plans[place.corpus].stands_for,
            subset=split.subset,
            split=split.digest(),
            fold=split.fold,
            folds_planned=workspace.data.folds_planned(place),
            source=examples.source,
            target=target.name,
            attack=self.name,
            generator=plan.generator,
            defence=None if defence is None else defence.name,
            protocol=experiment.protocol,
            labels_from=plan.use.labels_from or experiment.labels_from,
            domain=plan.use.domain,
            seed=experiment.seed,
            budget_epsilon=None if plan.unbounded else attack.budget.epsilon,
            budget_snr_db=attack.budget.snr_db,
            budget_sparsity=attack.budget.sparsity,
            labels=list(workspace.data.labels(place.corpus)),
            settings=self.settings,
            packages=(*(PACKAGES if experiment.perception else ()), *attack.packages, *sorted(packages)),
            device=workspace.device,
        )
        write_record(workspace.out / "records", case, self._with_signs(figures), rows)

    def _with_signs(self, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Return figures with the signs of the target model; of gradients that are not finite, those of the attack."""
        signs = self.examples.inputs.signs(self.examples.plan, self.target, self.examples.fitted_length)
        return {**signs, "nonfinite_gradients": None, **figures}


class Case(RecordedCase):
    """Adversarial examples evaluated on a target model."""

    def __init__(self, examples: AdversarialExamples, target: StudyModel) -> None:
        super().__init__(examples.plan.name, examples, target)

    def _settings(self) -> Settings:
        plan, place, data = self.examples.plan, self.examples.place, self.workspace.data
        known = data.dataset(place.corpus).utterances
        voices = [[clip, known[clip].speaker, known[clip].gender] for clip in data.attacked_clips(plan, place)]
        return {
            **self.examples.settings,
            "target": self.target.settings,
            "voices": signature(voices),
            "perception": self.workspace.experiment.perception,
            "folds_planned": self.workspace.data.folds_planned(self.examples.place),
        }

    @property
    def follows_from(self) -> Sequence[Step]:
        """The adversarial examples, the target model, and what decided the attack."""
        return (self.examples, self.target, *self.examples.deciding)

    def build(self) -> None:
        """Evaluate the adversarial examples and write the record."""
        workspace, examples, experiment = self.workspace, self.examples, self.workspace.experiment
        model, dataset = examples.inputs.of(examples.plan, self.target)
        size = examples.fitted_length
        figures, rows = evaluate(
            model,
            dataset,
            workspace.data.attacked_clips(examples.plan, examples.place),
            examples.load(),
            examples.inputs.clean_logits(examples.plan, self.target, size),
            protocol=experiment.protocol,
            size=size,
            batch_size=experiment.batch_size,
            seed=derive(experiment.seed, "control"),
            device=workspace.device,
            perception=examples.perception(),
        )
        self._write(figures, rows)


class WorstCase(RecordedCase):
    """The worst case, clip by clip, over the members of an ensemble of attacks.

    Args:
        name: Name of the ensemble in the experiment.
        members: A case per member, by its name.
    """

    def __init__(self, name: str, members: Mapping[str, Case]) -> None:
        first = next(iter(members.values()))
        super().__init__(name, first.examples, first.target)
        self.members = members

    def _settings(self) -> Settings:
        return {"worst": {name: case.signature for name, case in self.members.items()}}

    @property
    def follows_from(self) -> Sequence[Step]:
        """Its members, the target model, and what decided their first attack."""
        return (*self.members.values(), self.target, *self.examples.deciding)

    def build(self) -> None:
        """Take the worst outcome of each clip and write the record."""
        data, place = self.workspace.data, self.examples.place
        rows = worst({name: case.outcomes for name, case in self.members.items()})
        by_member = {name: case.record for name, case in self.members.items()}
        costs = {cost: sum(getattr(record, cost) for record in by_member.values()) for cost in COSTS}
        shares = [record.nonfinite_gradients or 0.0 for record in by_member.values()]
        known = costs | {"comb_share": None, "comb_share_model": None, "nonfinite_gradients": max(shares)}
        figures = case_figures(rows, len(data.labels(place.corpus)), known)
        rates = {name: record.asr for name, record in by_member.items()}
        self._write(worst_case_figures(figures, rows, rates), rows)
