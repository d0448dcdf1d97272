"""The steps of a study: each is found by the hash of all that decides it, or made."""

import logging
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staanet.attacks import Attack
from staanet.attacks.generator import create_generator
from staanet.core import checkpoints, provenance, records
from staanet.core.errors import StaanetError
from staanet.core.files import discard, write_json
from staanet.core.records import Record
from staanet.core.seeds import derive, seeded
from staanet.core.signature import plain, signature
from staanet.core.version import __version__
from staanet.corpora import Split, Store, by_speaker, folds, prepare
from staanet.evaluation import AdversarialSet, clean_logits, evaluate, make
from staanet.models import Victim, create_victim, load_victim
from staanet.study import examples
from staanet.study.experiment import NO_SOURCE, Experiment
from staanet.training.classifier import train_victim
from staanet.training.generator import train_generator

logger = logging.getLogger(__name__)

Settings = dict[str, Any]


def corpus_root(name: str, root: Path | None) -> Path:
    """Return where a corpus lies: `root`, or `$STAANET_CORPORA/<name>`.

    Raises:
        StaanetError: neither is given.
    """
    if root is not None:
        return root
    shelf = os.environ.get("STAANET_CORPORA")
    if shelf is None:
        raise StaanetError(f"expected the folder of {name}: give --root, or set STAANET_CORPORA to the folder above it")
    return Path(shelf) / name


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
        self.out = out
        self.root = root
        self.device = device
        self._clean: dict[tuple[str, int | None, int], dict[str, Tensor]] = {}

    @cached_property
    def store(self) -> Store:
        """The prepared corpus."""
        plan = self.experiment.corpus
        rate = self.experiment.sample_rate
        place = self.out / "stores" / f"{plan.name}-{self._signature({'corpus': plan, 'sample_rate': rate})}"

        def prepared() -> None:
            corpus = plan.build()
            prepare(corpus, corpus_root(plan.name, self.root) if corpus.on_disk else Path(), place, rate)

        self._found_or_made("store", place / "store.json", prepared)
        return Store(place)

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """The splits to evaluate, written beside the records."""
        plan = self.experiment.split
        utterances = list(self.store.utterances.values())
        if plan.folds is None:
            splits: tuple[Split, ...] = (by_speaker(utterances, plan.shares, self.experiment.seed),)
        else:
            splits = folds(utterances, plan.folds, self.experiment.seed)
            wrong = [fold for fold in plan.run if not 0 <= fold < plan.folds]
            if wrong:
                raise StaanetError(f"expected folds to run in 0..{plan.folds - 1}, got {wrong}")
            splits = tuple(split for split in splits if not plan.run or split.fold in plan.run)
        for split in splits:
            self.store.check(split)
            write_json(self.out / "splits" / f"{split.digest()}.json", plain(split))
        return splits

    def victim(self, name: str, split: Split) -> Victim:
        """Return a trained victim."""
        plan = self.experiment.victims[name]
        settings = self.victim_settings(name, split)
        place = self.out / "victims" / f"{name}-{self._signature(settings)}"

        def trained() -> None:
            with seeded(self.experiment.seed, "weights", plan.model):
                victim = create_victim(
                    plan.model, self.store.labels, seconds=plan.seconds, sample_rate=self.store.sample_rate
                )
            progress = place.with_name(f"{place.name}.progress")
            history = train_victim(
                victim, self.store, split.train, split.val, plan.resolved(), progress, settings["seed"], self.device
            )
            checkpoints.save(victim, place, made_from=settings, split=split, history=history)
            discard(progress)

        self._found_or_made("victim", place / checkpoints.CONFIG, trained)
        return load_victim(place)

    def victim_settings(self, name: str, split: Split) -> Settings:
        """Return all that decides a victim's weights."""
        plan = self.experiment.victims[name]
        return {
            "model": plan.model,
            "seconds": plan.seconds,
            "training": plain(plan.resolved()),
            "store": self.store.digest,
            "labels": list(self.store.labels),
            "split": split.digest(),
            "seed": derive(self.experiment.seed, "victim", plan.model, split.fold),
        }

    def generator(self, name: str, source: str, split: Split) -> Path:
        """Return the folder of a generator trained against a source."""
        plan = self.experiment.generators[name]
        settings = self.generator_settings(name, source, split)
        place = self.out / "generators" / f"{name}-{source}-{self._signature(settings)}"

        def trained() -> None:
            with seeded(self.experiment.seed, "weights", plan.generator):
                generator = create_generator(plan.generator, **plan.sizes)
            progress = place.with_name(f"{place.name}.progress")
            history = train_generator(
                generator,
                self.victim(source, split),
                self.store,
                split.train,
                split.val,
                plan.resolved(self.experiment.budget),
                progress,
                settings["seed"],
                self.device,
            )
            checkpoints.save(generator, place, made_from=settings, history=history)
            discard(progress)

        self._found_or_made("generator", place / checkpoints.CONFIG, trained)
        return place

    def generator_settings(self, name: str, source: str, split: Split) -> Settings:
        """Return all that decides a generator's weights."""
        plan = self.experiment.generators[name]
        return {
            "generator": plan.generator,
            "sizes": plain(plan.built()),
            "training": plain(plan.resolved(self.experiment.budget)),
            "source": self.victim_settings(source, split),
            "seed": derive(self.experiment.seed, "generator", plan.generator, split.fold),
        }

    def attack(self, name: str, source: str, split: Split) -> Attack:
        """Return an attack, its generator trained."""
        generator = self.experiment.generator_of(name)
        return self.experiment.attack(name, self.generator(generator, source, split) if generator else None)

    def attack_settings(self, name: str, source: str, split: Split) -> Settings:
        """Return all that decides an adversarial set."""
        generator = self.experiment.generator_of(name)
        fields = plain(self.experiment.attack(name))
        if generator:
            fields["generator"] = self.generator_settings(generator, source, split)
        return {
            "attack": fields,
            "source": None if source == NO_SOURCE else self.victim_settings(source, split),
            "protocol": self.experiment.protocol,
            "labels_from": self.experiment.labels_from,
            "seed": derive(self.experiment.seed, "attack"),
        }

    def adversarial(self, name: str, source: str, split: Split) -> AdversarialSet:
        """Return the test clips attacked."""
        settings = self.attack_settings(name, source, split)
        place = self.out / "adversarial" / f"{name}-{source}-{self._signature(settings)}"

        def attacked() -> None:
            place.mkdir(parents=True, exist_ok=True)
            make(
                self.attack(name, source, split),
                self.victim(self._stand_in(source), split),
                self.store,
                split.test,
                place,
                protocol=self.experiment.protocol,
                labels_from=self.experiment.labels_from,
                batch_size=self.experiment.batch_size,
                seed=settings["seed"],
                device=self.device,
            )

        self._found_or_made("adversarial set", place / "done.json", attacked)
        return AdversarialSet(place)

    def record(self, name: str, source: str, target: str, split: Split) -> Path:
        """Return the path of the record of a case."""
        experiment = self.experiment
        attack_settings = self.attack_settings(name, source, split)
        settings = {**attack_settings, "target": self.victim_settings(target, split)}
        case = self._signature(settings)
        path = records.record_path(self.out / "records", case, source, target, name)

        def evaluated() -> None:
            victim = self.victim(target, split)
            size = round(experiment.victims[self._stand_in(source)].seconds * self.store.sample_rate)
            figures, rows = evaluate(
                victim,
                self.store,
                split.test,
                self.adversarial(name, source, split),
                self.clean(target, victim, split, size),
                protocol=experiment.protocol,
                size=size,
                batch_size=experiment.batch_size,
                seed=derive(experiment.seed, "control"),
                device=self.device,
            )
            budget = experiment.attack(name).budget
            commit, tree_clean = provenance.commit()
            record = Record(
                signature=case,
                experiment=self.name,
                corpus=self.store.corpus,
                split=split.digest(),
                fold=split.fold,
                source=source,
                target=target,
                attack=name,
                generator=experiment.generator_of(name),
                defence=None,
                protocol=experiment.protocol,
                labels_from=experiment.labels_from,
                seed=experiment.seed,
                budget_epsilon=budget.epsilon,
                budget_snr_db=budget.snr_db,
                budget_sparsity=budget.sparsity,
                labels=list(self.store.labels),
                settings=settings,
                versions=provenance.versions(),
                commit=commit,
                tree_clean=tree_clean,
                device=provenance.device_name(self.device),
                **figures,
            )
            records.write(self.out / "records", record, rows)

        self._found_or_made("record", path, evaluated)
        return path

    def clean(self, name: str, victim: Victim, split: Split, size: int) -> dict[str, Tensor]:
        """Return a victim's logits on the clean test clips, taken once."""
        key = (name, split.fold, size)
        if key not in self._clean:
            self._clean[key] = clean_logits(
                victim,
                self.store,
                split.test,
                protocol=self.experiment.protocol,
                size=size,
                batch_size=self.experiment.batch_size,
                device=self.device,
            )
        return self._clean[key]

    def examples(self, name: str, source: str, split: Split) -> list[Path]:
        """Return the folders of some clips to listen to."""
        settings = {**self.attack_settings(name, source, split), "targets": self.experiment.target_names}
        cases = {target: self.record(name, source, target, split) for target in self.experiment.target_names}
        return examples.write(
            self.out / "examples",
            f"{name}-{source}-{self._signature(settings)}",
            self.store,
            self.adversarial(name, source, split),
            {target: records.read_outcomes(path) for target, path in cases.items()},
            count=self.experiment.examples,
            about={"attack": name, "source": source},
        )

    def _stand_in(self, source: str) -> str:
        """Return the source, or the first one for an attack that does the same on all."""
        return self.experiment.source_names[0] if source == NO_SOURCE else source

    def _signature(self, settings: Settings) -> str:
        return signature({"version": __version__, **settings})

    @staticmethod
    def _found_or_made(kind: str, done: Path, made: Callable[[], None]) -> None:
        shown = done if done.suffix == ".json" and kind == "record" else done.parent
        if done.is_file():
            logger.debug("%s %s: found", kind, shown.name)
            return
        logger.info("%s %s", kind, shown.name)
        made()
