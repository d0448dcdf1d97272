"""The steps of a study: each is found by the hash of all that decides it, or made."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from staanet.attacks import Attack
from staanet.attacks.generator import create_generator
from staanet.core import checkpoints, provenance, records
from staanet.core.classifier import bounds_of
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.files import read_jsonl, remove, write_jsonl
from staanet.core.records import NO_SOURCE, Record
from staanet.core.seeds import derive, seeded
from staanet.core.signature import to_jsonable
from staanet.data import Dataset
from staanet.defences import InputDefence, TrainingDefence
from staanet.evaluation import (
    PERCEPTION,
    AdversarialSet,
    Domain,
    FeatureDataset,
    clean_logits,
    evaluate,
    make,
    perceive,
)
from staanet.evaluation.case import figures as case_figures
from staanet.evaluation.sanity import sanity
from staanet.evaluation.worst import found, worst
from staanet.metrics.perception import PACKAGES
from staanet.models import MODELS, CnnLstm, FeatureView, Model, load_model
from staanet.models.wrappers import DefendedView, LabelView
from staanet.study import examples
from staanet.study.experiment import Experiment
from staanet.study.found import Settings, ensure, signature_of
from staanet.study.speech import CorpusSplit, Speech
from staanet.training.classifier import train_model
from staanet.training.generator import train_generator

LEAST_SPARSITY = 1e-6
"""Of an attack that is to be as sparse as one that changed nothing: a sample of each clip."""

COSTS = ("seconds_per_clip", "queries", "gradients")


class Steps:
    """What a study makes, each thing in a place named by the settings that decide it.

    Args:
        name: of the experiment.
        experiment: what it says.
        out: where everything is written.
        root: of the corpus; `$STAANET_CORPORA/<name>` where left out.
        device: to compute on.
    """

    def __init__(self, name: str, experiment: Experiment, out: Path, root: Path | None, device: torch.device) -> None:
        self.name = name
        self.experiment = experiment
        self.speech = Speech(experiment, out, root)
        self.out = out
        self.device = device
        self._clean: dict[tuple[str, CorpusSplit, int | None, Domain], dict[str, Tensor]] = {}
        self._features: dict[tuple[str, CorpusSplit], FeatureDataset] = {}

    def model(self, name: str, part: CorpusSplit) -> Model:
        """Return a trained model that has not heard the test clips of a part."""
        plan, home = self.experiment.models[name], self.speech.home(name, part)
        training, defence = plan.resolved(), plan.defended()
        if isinstance(defence, InputDefence) and plan.base_model:
            return DefendedView(self.model(plan.base_model, part), defence)
        if training is None:
            return self._as_it_is(name, part)
        dataset, split = self.speech.dataset(home.corpus), self.speech.split(home)
        settings = self.model_settings(name, part)
        place = self.out / "models" / f"{name}-{signature_of(settings)}"

        def trained() -> None:
            with seeded(self.experiment.seed, "weights", plan.model):
                model = MODELS[plan.model](plan.built(dataset.labels, dataset.sample_rate))
            progress = place.with_name(f"{place.name}.progress")
            history = train_model(
                model,
                dataset,
                split.train,
                split.val,
                training,
                progress,
                settings["seed"],
                self.device,
                defence=defence if isinstance(defence, TrainingDefence) else None,
                base_model=self.model(plan.base_model, part) if plan.base_model else None,
            )
            checkpoints.save(model, place, made_from=settings, split=split, history=history)
            remove(progress)

        ensure("model", [place / checkpoints.CONFIG], trained)
        return load_model(place)

    def _as_it_is(self, name: str, part: CorpusSplit) -> Model:
        """Return a checkpoint that is not trained here.

        Raises:
            StaanetError: its head is new, or does not know the emotions, and somebody asks what it decides.
        """
        plan, labels = self.experiment.models[name], self.speech.labels(part.corpus)
        if self.experiment.needs_representation(name):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StaanetWarning)
                settings = replace(plan.built((), self.experiment.sample_rate), labels=labels)
                return cast(Model, MODELS[plan.model](settings).eval())
        with warnings.catch_warnings():
            warnings.simplefilter("error", StaanetWarning)
            try:
                model: Model = MODELS[plan.model](plan.built((), self.experiment.sample_rate)).eval()
            except StaanetWarning as warning:
                raise StaanetError(
                    f"model {name}: {warning}; give it a training, or take it as a source of contrastive only"
                ) from None
        if not set(labels) <= set(model.labels):
            raise StaanetError(
                f"model {name}: expected a checkpoint that knows {', '.join(labels)}, got one of "
                f"{', '.join(model.labels)}; rename them in its config.json (id2label), or give it a training"
            )
        return model

    def judge(self, name: str, part: CorpusSplit) -> Model:
        """Return a model that decides between the experiment's emotions only."""
        model = self.model(name, part)
        labels = self.speech.labels(part.corpus)
        return model if model.labels == labels else LabelView(model, labels)

    def meeting(self, attack: str, model: str, part: CorpusSplit) -> tuple[Model | FeatureView, Dataset]:
        """Return a model and the clips of a part, as an attack meets them: as waveforms, or as its features."""
        judge, dataset = self.judge(model, part), self.speech.clips(part.corpus)
        if self.experiment.use(attack).domain == "waveform":
            return judge, dataset
        if not isinstance(judge, CnnLstm):
            raise StaanetError(
                f"attack {attack}: expected {model} to decide between its own emotions, which its features are for, "
                "got fewer; set cross_corpus = false"
            )
        if (model, part) not in self._features:
            self._features[model, part] = FeatureDataset(dataset, judge)
        features = self._features[model, part]
        return features.view(self.speech.test(part)), features

    def model_settings(self, name: str, part: CorpusSplit) -> Settings:
        """Return all that decides a model's weights."""
        plan, home = self.experiment.models[name], self.speech.home(name, part)
        dataset, split = self.speech.dataset(home.corpus), self.speech.split(home)
        defence, of = plan.defended(), self.model_settings(plan.base_model, part) if plan.base_model else {}
        shielded = {} if defence is None else {"defence": {"name": defence.name, **to_jsonable(defence)}}
        if isinstance(defence, InputDefence):
            return {**of, **shielded, **({"base_model": of} if "defence" in of else {})}
        training, built = plan.resolved(), plan.built(dataset.labels, dataset.sample_rate)
        settings: Settings = {"model": plan.model, "seconds": built.seconds, **MODELS[plan.model].identity(built)}
        if training is None:
            return settings
        return settings | {
            "training": to_jsonable(training),
            "dataset": dataset.digest,
            "labels": list(dataset.labels),
            "split": split.digest(),
            "seed": derive(self.experiment.seed, "victim", plan.model, split.fold),
            **shielded,
            **({"base_model": of} if of else {}),
        }

    def generator(self, name: str, source: str, part: CorpusSplit) -> Path:
        """Return the folder of a generator trained against a source, on the corpus of the source."""
        plan, home = self.experiment.generators[name], self.speech.home(source, part)
        split = self.speech.split(home)
        settings = self.generator_settings(name, source, part)
        place = self.out / "generators" / f"{name}-{source}-{signature_of(settings)}"

        def trained() -> None:
            with seeded(self.experiment.seed, "weights", plan.generator):
                generator = create_generator(plan.generator, **plan.sizes)
            progress = place.with_name(f"{place.name}.progress")
            history = train_generator(
                generator,
                self.model(source, part),
                self.speech.dataset(home.corpus),
                split.train,
                split.val,
                plan.resolved(self.experiment.budget, source),
                progress,
                settings["seed"],
                self.device,
            )
            checkpoints.save(generator, place, made_from=settings, history=history)
            remove(progress)

        ensure("generator", [place / checkpoints.CONFIG], trained)
        return place

    def generator_settings(self, name: str, source: str, part: CorpusSplit) -> Settings:
        """Return all that decides a generator's weights."""
        plan, home = self.experiment.generators[name], self.speech.home(source, part)
        return {
            "generator": plan.generator,
            "sizes": to_jsonable(plan.built()),
            "training": to_jsonable(plan.resolved(self.experiment.budget, source)),
            "source": self.model_settings(source, part),
            "seed": derive(self.experiment.seed, "generator", plan.generator, self.speech.split(home).fold),
        }

    def attack(self, name: str, source: str, part: CorpusSplit) -> Attack:
        """Return an attack, its generator trained, and as sparse as another where it is to be."""
        generator = self.experiment.generator_of(name)
        if self.experiment.unbounded(name):
            view, _ = self.meeting(name, source, part)
            low, high = bounds_of(view)
            return self.experiment.attack(name, width=high - low)
        sparsity = self._sparsity(name, source, part)
        if generator is None:
            return self.experiment.attack(name, sparsity=sparsity)
        place = self.generator(generator, source, part)
        return self.experiment.attack(name, place, checkpoints.digest(place), sparsity)

    def _sparsity(self, name: str, source: str, part: CorpusSplit) -> float | None:
        """Return the mean sparsity, on the source, of the attack that an attack is to be as sparse as."""
        other = self.experiment.as_sparse_as(name)
        if other is None:
            return None
        made = records.read(self.record(other, source, self._stand_in(source, part), part))
        return max(made.sparsity, LEAST_SPARSITY)

    def attack_settings(self, name: str, source: str, part: CorpusSplit) -> Settings:
        """Return all that decides an adversarial set."""
        generator, other = self.experiment.generator_of(name), self.experiment.as_sparse_as(name)
        use = self.experiment.use(name)
        fields = to_jsonable(self.experiment.attack(name))
        if self.experiment.unbounded(name):
            fields["budget"]["epsilon"] = None
        if other:
            fields["budget"]["sparsity"] = self.attack_settings(other, source, part)
        if generator:
            fields["generator"] = self.generator_settings(generator, source, part)
        return {
            "attack": fields,
            "source": None if source == NO_SOURCE else self.model_settings(source, part),
            "dataset": self.speech.dataset(part.corpus).digest,
            "labels": list(self.speech.labels(part.corpus)),
            "split": self.speech.split(part).digest(),
            "clips": self.experiment.clips,
            "size": self._size(source, part) if self.experiment.protocol == "paper" else None,
            "protocol": self.experiment.protocol,
            "labels_from": use.labels_from,
            "seed": derive(self.experiment.seed, "attack"),
            **({"domain": use.domain} if use.domain != "waveform" else {}),
            **({"attacked": use.clips} if use.clips is not None else {}),
        }

    def adversarial(self, name: str, source: str, part: CorpusSplit) -> AdversarialSet:
        """Return the test clips attacked."""
        settings = self.attack_settings(name, source, part)
        place = self.out / "adversarial" / f"{name}-{source}-{signature_of(settings)}"

        def attacked() -> None:
            stand_in = self._stand_in(source, part)
            model, dataset = self.meeting(name, stand_in, part)
            labels = {clip: dataset.label(clip) for clip in self.speech.attacked(name, part)}
            if self.experiment.use(name).labels_from == "predictions":
                clean = self.clean(name, stand_in, part, self._size(source, part))
                labels = {clip: int(clean[clip].argmax()) for clip in labels}
            make(
                self.attack(name, source, part),
                model,
                dataset,
                labels,
                place,
                protocol=self.experiment.protocol,
                batch_size=self.experiment.batch_size,
                seed=settings["seed"],
                device=self.device,
            )

        ensure("adversarial set", [place / "done.json"], attacked)
        return AdversarialSet(place)

    def perception(self, name: str, source: str, part: CorpusSplit) -> list[dict[str, Any]] | None:
        """Return how the attacked clips sound beside the clean ones, a row each; None where the experiment asks not."""
        if not self.experiment.perception or self.experiment.use(name).domain == "feature":
            return None
        adversarial = self.adversarial(name, source, part)
        path = adversarial.folder / PERCEPTION

        def perceived() -> None:
            write_jsonl(path, perceive(self.speech.clips(part.corpus), self.speech.attacked(name, part), adversarial))

        ensure("perception", [path], perceived)
        return read_jsonl(path)

    def record(self, name: str, source: str, target: str, part: CorpusSplit) -> Path:
        """Return the path of the record of a case."""
        experiment = self.experiment
        settings = {
            **self.attack_settings(name, source, part),
            "target": self.model_settings(target, part),
            "perception": experiment.perception,
            "folds_planned": self._folds_planned(part),
        }
        path = self._record_path(settings, name, source, target)

        def evaluated() -> None:
            model, dataset = self.meeting(name, target, part)
            size = self._size(source, part)
            figures, rows = evaluate(
                model,
                dataset,
                self.speech.attacked(name, part),
                self.adversarial(name, source, part),
                self.clean(name, target, part, size),
                protocol=experiment.protocol,
                size=size,
                batch_size=experiment.batch_size,
                seed=derive(experiment.seed, "control"),
                device=self.device,
                perception=self.perception(name, source, part),
            )
            self._write(name, source, target, part, settings, figures, rows)

        ensure("record", [path, path.with_suffix(".jsonl")], evaluated)
        return path

    def worst(self, name: str, source: str, target: str, part: CorpusSplit) -> Path:
        """Return the path of the record of the worst case over an attack's members, each with a record of its own."""
        experiment = self.experiment
        paths = {member: self.record(member, source, target, part) for member in experiment.members(name)}
        settings = {"worst": {member: path.stem.rsplit("-", 1)[-1] for member, path in paths.items()}}
        path = self._record_path(settings, name, source, target)

        def taken() -> None:
            members = {member: records.read(path) for member, path in paths.items()}
            rows = worst({member: records.read_outcomes(path) for member, path in paths.items()})
            made = {cost: sum(getattr(r, cost) for r in members.values()) for cost in COSTS}
            figures = case_figures(
                rows, len(self.speech.labels(part.corpus)), made | dict.fromkeys(("comb_share", "comb_share_model"))
            )
            checks = sanity(
                self.judge(target, part),
                self.speech.clips(part.corpus),
                self.speech.test(part),
                batch_size=experiment.batch_size,
                device=self.device,
            )
            rates = {member: record.asr for member, record in members.items()}
            self._write(name, source, target, part, settings, found(figures, rows, rates, checks), rows)

        ensure("record", [path, path.with_suffix(".jsonl")], taken)
        return path

    def _record_path(self, settings: Settings, name: str, source: str, target: str) -> Path:
        return records.record_path(self.out / "records", signature_of(settings), source, target, name)

    def _write(
        self,
        name: str,
        source: str,
        target: str,
        part: CorpusSplit,
        settings: Settings,
        figures: dict[str, Any],
        rows: list[dict[str, Any]],
    ) -> None:
        """Write a record and its outcomes."""
        experiment, split = self.experiment, self.speech.split(part)
        attack = self.attack((experiment.members(name) or (name,))[0], source, part)
        budget = attack.budget
        commit, tree_clean = provenance.commit()
        record = Record(
            signature=signature_of(settings),
            experiment=self.name,
            corpus=self.speech.dataset(part.corpus).corpus,
            stands_for=experiment.plans[part.corpus].stands_for,
            subset=split.subset,
            split=split.digest(),
            fold=split.fold,
            folds=() if split.fold is None else (split.fold,),
            folds_planned=self._folds_planned(part),
            source=source,
            target=target,
            attack=name,
            generator=experiment.generator_of(name),
            defence=None if (shield := experiment.models[target].defended()) is None else shield.name,
            protocol=experiment.protocol,
            labels_from=experiment.use(name).labels_from or experiment.labels_from,
            domain=experiment.use(name).domain,
            seed=experiment.seed,
            budget_epsilon=None if experiment.unbounded(name) else budget.epsilon,
            budget_snr_db=budget.snr_db,
            budget_sparsity=budget.sparsity,
            labels=list(self.speech.labels(part.corpus)),
            settings=settings,
            versions=provenance.versions(
                *(PACKAGES if experiment.perception else ()), *attack.packages, *self._packages(source, target)
            ),
            commit=commit,
            tree_clean=tree_clean,
            device=provenance.device_name(self.device),
            **figures,
        )
        records.write(self.out / "records", record, rows)

    def _folds_planned(self, part: CorpusSplit) -> int:
        return 0 if self.speech.split(part).fold is None else len(self.speech.splits(part.corpus))

    def clean(self, attack: str, name: str, part: CorpusSplit, size: int) -> dict[str, Tensor]:
        """Return a model's logits on the clean test clips as an attack meets them, taken once."""
        key = (name, part, size if self.experiment.protocol == "paper" else None, self.experiment.use(attack).domain)
        if key not in self._clean:
            self._clean[key] = clean_logits(
                *self.meeting(attack, name, part),
                self.speech.test(part),
                protocol=self.experiment.protocol,
                size=size,
                batch_size=self.experiment.batch_size,
                device=self.device,
            )
        return self._clean[key]

    def examples(self, name: str, source: str, part: CorpusSplit) -> list[Path]:
        """Return the folders of some clips to listen to."""
        use, targets = self.experiment.use(name), self.experiment.targets_for(name, source, part.corpus)
        settings = {**self.attack_settings(name, source, part), "targets": targets}
        cases = {target: self.record(name, source, target, part) for target in targets}
        _, dataset = self.meeting(name, self._stand_in(source, part), part)
        return examples.write(
            self.out / "examples",
            f"{name}-{source}-{signature_of(settings)}",
            dataset,
            self.adversarial(name, source, part),
            {target: records.read_outcomes(path) for target, path in cases.items()},
            chosen=use.examples or 0,
            about={"attack": name, "source": source, "domain": use.domain},
        )

    def _packages(self, *models: str) -> list[str]:
        """Return what the numbers of some models depend on beside the library's own dependencies."""
        plans = [self.experiment.models[name] for name in models if name != NO_SOURCE]
        return sorted({package for plan in plans for package in MODELS[plan.model].packages})

    def _size(self, source: str, part: CorpusSplit) -> int:
        """Return the trained length, in samples, that clips are fitted to under the paper's protocol, 0 for none."""
        seconds = self.model_settings(self._stand_in(source, part), part)["seconds"]
        return round((seconds or 0) * self.experiment.sample_rate)

    def _stand_in(self, source: str, part: CorpusSplit) -> str:
        """Return the source, or the first target for an attack that does the same on all."""
        return self.experiment.targets_of(part.corpus)[0] if source == NO_SOURCE else source
