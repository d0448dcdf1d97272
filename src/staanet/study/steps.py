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
from staanet.core.files import discard, read_jsonl, write_jsonl
from staanet.core.records import NO_SOURCE, Record
from staanet.core.seeds import derive, seeded
from staanet.core.signature import plain
from staanet.data import Store
from staanet.defences import InputDefence, TrainingDefence
from staanet.evaluation import PERCEPTION, AdversarialSet, Domain, FeatureStore, clean_logits, evaluate, make, perceive
from staanet.evaluation.case import figures as case_figures
from staanet.evaluation.sanity import sanity
from staanet.evaluation.worst import found, worst
from staanet.metrics.perception import PACKAGES
from staanet.models import VICTIMS, CnnLstm, FeatureView, Victim, load_victim
from staanet.models.wrappers import DefendedView, LabelView
from staanet.study import examples
from staanet.study.experiment import Experiment
from staanet.study.found import Settings, found_or_made, signed
from staanet.study.speech import Part, Speech
from staanet.training.classifier import train_victim
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
        self._clean: dict[tuple[str, Part, int | None, Domain], dict[str, Tensor]] = {}
        self._features: dict[tuple[str, Part], FeatureStore] = {}

    def victim(self, name: str, part: Part) -> Victim:
        """Return a trained victim that has not heard the test clips of a part."""
        plan, home = self.experiment.victims[name], self.speech.home(name, part)
        training, defence = plan.resolved(), plan.defended()
        if isinstance(defence, InputDefence) and plan.of:
            return DefendedView(self.victim(plan.of, part), defence)
        if training is None:
            return self._as_it_is(name, part)
        store, split = self.speech.store(home.corpus), self.speech.split(home)
        settings = self.victim_settings(name, part)
        place = self.out / "victims" / f"{name}-{signed(settings)}"

        def trained() -> None:
            with seeded(self.experiment.seed, "weights", plan.model):
                victim = VICTIMS[plan.model](plan.built(store.labels, store.sample_rate))
            progress = place.with_name(f"{place.name}.progress")
            history = train_victim(
                victim,
                store,
                split.train,
                split.val,
                training,
                progress,
                settings["seed"],
                self.device,
                defence=defence if isinstance(defence, TrainingDefence) else None,
                of=self.victim(plan.of, part) if plan.of else None,
            )
            checkpoints.save(victim, place, made_from=settings, split=split, history=history)
            discard(progress)

        found_or_made("victim", [place / checkpoints.CONFIG], trained)
        return load_victim(place)

    def _as_it_is(self, name: str, part: Part) -> Victim:
        """Return a checkpoint that is not trained here.

        Raises:
            StaanetError: its head is new, or does not know the emotions, and somebody asks what it decides.
        """
        plan, labels = self.experiment.victims[name], self.speech.labels(part.corpus)
        if self.experiment.headless(name):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StaanetWarning)
                settings = replace(plan.built((), self.experiment.sample_rate), labels=labels)
                return cast(Victim, VICTIMS[plan.model](settings).eval())
        with warnings.catch_warnings():
            warnings.simplefilter("error", StaanetWarning)
            try:
                victim: Victim = VICTIMS[plan.model](plan.built((), self.experiment.sample_rate)).eval()
            except StaanetWarning as warning:
                raise StaanetError(
                    f"victim {name}: {warning}; give it a training, or take it as a source of contrastive only"
                ) from None
        if not set(labels) <= set(victim.labels):
            raise StaanetError(
                f"victim {name}: expected a checkpoint that knows {', '.join(labels)}, got one of "
                f"{', '.join(victim.labels)}; rename them in its config.json (id2label), or give it a training"
            )
        return victim

    def judge(self, name: str, part: Part) -> Victim:
        """Return a victim that decides between the experiment's emotions only."""
        victim = self.victim(name, part)
        labels = self.speech.labels(part.corpus)
        return victim if victim.labels == labels else LabelView(victim, labels)

    def meeting(self, attack: str, victim: str, part: Part) -> tuple[Victim | FeatureView, Store]:
        """Return a victim and the clips of a part, as an attack meets them: as waveforms, or as its features."""
        judge, store = self.judge(victim, part), self.speech.clips(part.corpus)
        if self.experiment.use(attack).domain == "waveform":
            return judge, store
        if not isinstance(judge, CnnLstm):
            raise StaanetError(
                f"attack {attack}: expected {victim} to decide between its own emotions, which its features are for, "
                "got fewer; set crossed = false"
            )
        if (victim, part) not in self._features:
            self._features[victim, part] = FeatureStore(store, judge)
        features = self._features[victim, part]
        return features.view(self.speech.test(part)), features

    def victim_settings(self, name: str, part: Part) -> Settings:
        """Return all that decides a victim's weights."""
        plan, home = self.experiment.victims[name], self.speech.home(name, part)
        store, split = self.speech.store(home.corpus), self.speech.split(home)
        defence, of = plan.defended(), self.victim_settings(plan.of, part) if plan.of else {}
        shielded = {} if defence is None else {"defence": {"name": defence.name, **plain(defence)}}
        if isinstance(defence, InputDefence):
            return {**of, **shielded, **({"of": of} if "defence" in of else {})}
        training, built = plan.resolved(), plan.built(store.labels, store.sample_rate)
        settings: Settings = {"model": plan.model, "seconds": built.seconds, **VICTIMS[plan.model].origin(built)}
        if training is None:
            return settings
        return settings | {
            "training": plain(training),
            "store": store.digest,
            "labels": list(store.labels),
            "split": split.digest(),
            "seed": derive(self.experiment.seed, "victim", plan.model, split.fold),
            **shielded,
            **({"of": of} if of else {}),
        }

    def generator(self, name: str, source: str, part: Part) -> Path:
        """Return the folder of a generator trained against a source, on the corpus of the source."""
        plan, home = self.experiment.generators[name], self.speech.home(source, part)
        split = self.speech.split(home)
        settings = self.generator_settings(name, source, part)
        place = self.out / "generators" / f"{name}-{source}-{signed(settings)}"

        def trained() -> None:
            with seeded(self.experiment.seed, "weights", plan.generator):
                generator = create_generator(plan.generator, **plan.sizes)
            progress = place.with_name(f"{place.name}.progress")
            history = train_generator(
                generator,
                self.victim(source, part),
                self.speech.store(home.corpus),
                split.train,
                split.val,
                plan.resolved(self.experiment.budget, source),
                progress,
                settings["seed"],
                self.device,
            )
            checkpoints.save(generator, place, made_from=settings, history=history)
            discard(progress)

        found_or_made("generator", [place / checkpoints.CONFIG], trained)
        return place

    def generator_settings(self, name: str, source: str, part: Part) -> Settings:
        """Return all that decides a generator's weights."""
        plan, home = self.experiment.generators[name], self.speech.home(source, part)
        return {
            "generator": plan.generator,
            "sizes": plain(plan.built()),
            "training": plain(plan.resolved(self.experiment.budget, source)),
            "source": self.victim_settings(source, part),
            "seed": derive(self.experiment.seed, "generator", plan.generator, self.speech.split(home).fold),
        }

    def attack(self, name: str, source: str, part: Part) -> Attack:
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

    def _sparsity(self, name: str, source: str, part: Part) -> float | None:
        """Return the mean sparsity, on the source, of the attack that an attack is to be as sparse as."""
        other = self.experiment.as_sparse_as(name)
        if other is None:
            return None
        made = records.read(self.record(other, source, self._stand_in(source, part), part))
        return max(made.sparsity, LEAST_SPARSITY)

    def attack_settings(self, name: str, source: str, part: Part) -> Settings:
        """Return all that decides an adversarial set."""
        generator, other = self.experiment.generator_of(name), self.experiment.as_sparse_as(name)
        use = self.experiment.use(name)
        fields = plain(self.experiment.attack(name))
        if self.experiment.unbounded(name):
            fields["budget"]["epsilon"] = None
        if other:
            fields["budget"]["sparsity"] = self.attack_settings(other, source, part)
        if generator:
            fields["generator"] = self.generator_settings(generator, source, part)
        return {
            "attack": fields,
            "source": None if source == NO_SOURCE else self.victim_settings(source, part),
            "store": self.speech.store(part.corpus).digest,
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

    def adversarial(self, name: str, source: str, part: Part) -> AdversarialSet:
        """Return the test clips attacked."""
        settings = self.attack_settings(name, source, part)
        place = self.out / "adversarial" / f"{name}-{source}-{signed(settings)}"

        def attacked() -> None:
            stand_in = self._stand_in(source, part)
            victim, store = self.meeting(name, stand_in, part)
            labels = {clip: store.label(clip) for clip in self.speech.attacked(name, part)}
            if self.experiment.use(name).labels_from == "predictions":
                clean = self.clean(name, stand_in, part, self._size(source, part))
                labels = {clip: int(clean[clip].argmax()) for clip in labels}
            make(
                self.attack(name, source, part),
                victim,
                store,
                labels,
                place,
                protocol=self.experiment.protocol,
                batch_size=self.experiment.batch_size,
                seed=settings["seed"],
                device=self.device,
            )

        found_or_made("adversarial set", [place / "done.json"], attacked)
        return AdversarialSet(place)

    def perception(self, name: str, source: str, part: Part) -> list[dict[str, Any]] | None:
        """Return how the attacked clips sound beside the clean ones, a row each; None where the experiment asks not."""
        if not self.experiment.perception or self.experiment.use(name).domain == "feature":
            return None
        adversarial = self.adversarial(name, source, part)
        path = adversarial.folder / PERCEPTION

        def perceived() -> None:
            write_jsonl(path, perceive(self.speech.clips(part.corpus), self.speech.attacked(name, part), adversarial))

        found_or_made("perception", [path], perceived)
        return read_jsonl(path)

    def record(self, name: str, source: str, target: str, part: Part) -> Path:
        """Return the path of the record of a case."""
        experiment = self.experiment
        settings = {
            **self.attack_settings(name, source, part),
            "target": self.victim_settings(target, part),
            "perception": experiment.perception,
            "folds_planned": self._folds_planned(part),
        }
        path = self._record_path(settings, name, source, target)

        def evaluated() -> None:
            victim, store = self.meeting(name, target, part)
            size = self._size(source, part)
            figures, rows = evaluate(
                victim,
                store,
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

        found_or_made("record", [path, path.with_suffix(".jsonl")], evaluated)
        return path

    def worst(self, name: str, source: str, target: str, part: Part) -> Path:
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
                rows, len(self.speech.labels(part.corpus)), made | dict.fromkeys(("comb_share", "comb_share_victim"))
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

        found_or_made("record", [path, path.with_suffix(".jsonl")], taken)
        return path

    def _record_path(self, settings: Settings, name: str, source: str, target: str) -> Path:
        return records.record_path(self.out / "records", signed(settings), source, target, name)

    def _write(
        self,
        name: str,
        source: str,
        target: str,
        part: Part,
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
            signature=signed(settings),
            experiment=self.name,
            corpus=self.speech.store(part.corpus).corpus,
            stands_for=experiment.plans[part.corpus].stands_for,
            part=split.part,
            split=split.digest(),
            fold=split.fold,
            folds=() if split.fold is None else (split.fold,),
            folds_planned=self._folds_planned(part),
            source=source,
            target=target,
            attack=name,
            generator=experiment.generator_of(name),
            defence=None if (shield := experiment.victims[target].defended()) is None else shield.name,
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

    def _folds_planned(self, part: Part) -> int:
        return 0 if self.speech.split(part).fold is None else len(self.speech.splits(part.corpus))

    def clean(self, attack: str, name: str, part: Part, size: int) -> dict[str, Tensor]:
        """Return a victim's logits on the clean test clips as an attack meets them, taken once."""
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

    def examples(self, name: str, source: str, part: Part) -> list[Path]:
        """Return the folders of some clips to listen to."""
        use, targets = self.experiment.use(name), self.experiment.targets_for(name, source, part.corpus)
        settings = {**self.attack_settings(name, source, part), "targets": targets}
        cases = {target: self.record(name, source, target, part) for target in targets}
        _, store = self.meeting(name, self._stand_in(source, part), part)
        return examples.write(
            self.out / "examples",
            f"{name}-{source}-{signed(settings)}",
            store,
            self.adversarial(name, source, part),
            {target: records.read_outcomes(path) for target, path in cases.items()},
            chosen=use.examples or 0,
            about={"attack": name, "source": source, "domain": use.domain},
        )

    def _packages(self, *victims: str) -> list[str]:
        """Return what the numbers of some victims depend on beside the library's own dependencies."""
        plans = [self.experiment.victims[name] for name in victims if name != NO_SOURCE]
        return sorted({package for plan in plans for package in VICTIMS[plan.model].packages})

    def _size(self, source: str, part: Part) -> int:
        """Return the trained length, in samples, that clips are fitted to under the paper's protocol, 0 for none."""
        seconds = self.victim_settings(self._stand_in(source, part), part)["seconds"]
        return round((seconds or 0) * self.experiment.sample_rate)

    def _stand_in(self, source: str, part: Part) -> str:
        """Return the source, or the first target for an attack that does the same on all."""
        return self.experiment.targets_of(part.corpus)[0] if source == NO_SOURCE else source
