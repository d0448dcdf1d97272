"""The steps of a study: each is found by the hash of all that decides it, or made."""

import logging
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from staanet.attacks import Attack
from staanet.attacks.generator import create_generator
from staanet.core import checkpoints, provenance, records
from staanet.core.errors import StaanetError
from staanet.core.files import discard, read_jsonl, write_json, write_jsonl
from staanet.core.records import NO_SOURCE, Record
from staanet.core.seeds import derive, seeded
from staanet.core.signature import plain, signature
from staanet.core.version import __version__
from staanet.corpora import Corpus, Split, Store, by_speaker, folds, prepare
from staanet.evaluation import PERCEPTION, AdversarialSet, clean_logits, evaluate, make, perceive
from staanet.metrics.perception import PACKAGES
from staanet.models import Victim, create_victim, load_victim
from staanet.study import examples
from staanet.study.experiment import Experiment
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
        self._clean: dict[tuple[str, int | None, int | None], dict[str, Tensor]] = {}

    @cached_property
    def corpus(self) -> tuple[Corpus, Path, str]:
        """The corpus, its folder, and the hash of what lies there."""
        plan = self.experiment.corpus
        corpus = plan.build()
        root = corpus_root(plan.name, self.root) if corpus.on_disk else Path()
        return corpus, root, corpus.fingerprint(root)

    @cached_property
    def store(self) -> Store:
        """The prepared corpus."""
        corpus, root, fingerprint = self.corpus
        rate, trim_db = self.experiment.sample_rate, self.experiment.trim_db
        settings = {
            "corpus": self.experiment.corpus,
            "clips": fingerprint,
            "sample_rate": rate,
            "trim_db": trim_db,
        }
        place = self.out / "stores" / f"{corpus.name}-{self._signature(settings)}"
        self._found_or_made("store", [place / "store.json"], lambda: prepare(corpus, root, place, rate, trim_db))
        return Store(place)

    @cached_property
    def splits(self) -> tuple[Split, ...]:
        """The splits to evaluate, written beside the records."""
        plan = self.experiment.split
        utterances = list(self.store.utterances.values())
        try:
            if plan.folds is None:
                splits: tuple[Split, ...] = (by_speaker(utterances, plan.shares, self.experiment.seed),)
            else:
                splits = folds(utterances, plan.folds, self.experiment.seed, plan.run)
        except StaanetError as error:
            raise StaanetError(f"corpus {self.store.corpus}: {error}") from error
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

        self._found_or_made("victim", [place / checkpoints.CONFIG], trained)
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

        self._found_or_made("generator", [place / checkpoints.CONFIG], trained)
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
        if generator is None:
            return self.experiment.attack(name)
        place = self.generator(generator, source, split)
        return self.experiment.attack(name, place, checkpoints.digest(place))

    def attack_settings(self, name: str, source: str, split: Split) -> Settings:
        """Return all that decides an adversarial set."""
        generator = self.experiment.generator_of(name)
        fields = plain(self.experiment.attack(name))
        if generator:
            fields["generator"] = self.generator_settings(generator, source, split)
        return {
            "attack": fields,
            "source": None if source == NO_SOURCE else self.victim_settings(source, split),
            "store": self.store.digest,
            "labels": list(self.store.labels),
            "split": split.digest(),
            "size": self._size(source) if self.experiment.protocol == "paper" else None,
            "protocol": self.experiment.protocol,
            "labels_from": self.experiment.labels_from,
            "seed": derive(self.experiment.seed, "attack"),
        }

    def adversarial(self, name: str, source: str, split: Split) -> AdversarialSet:
        """Return the test clips attacked."""
        settings = self.attack_settings(name, source, split)
        place = self.out / "adversarial" / f"{name}-{source}-{self._signature(settings)}"

        def attacked() -> None:
            stand_in = self._stand_in(source)
            victim = self.victim(stand_in, split)
            if self.experiment.labels_from == "predictions":
                clean = self.clean(stand_in, victim, split, self._size(source))
                labels = {clip: int(logits.argmax()) for clip, logits in clean.items()}
            else:
                labels = {clip: self.store.label(clip) for clip in split.test}
            make(
                self.attack(name, source, split),
                victim,
                self.store,
                labels,
                place,
                protocol=self.experiment.protocol,
                batch_size=self.experiment.batch_size,
                seed=settings["seed"],
                device=self.device,
            )

        self._found_or_made("adversarial set", [place / "done.json"], attacked)
        return AdversarialSet(place)

    def perception(self, name: str, source: str, split: Split) -> list[Settings] | None:
        """Return how each attacked test clip sounds beside the clean one, None where the experiment does not ask."""
        if not self.experiment.perception:
            return None
        adversarial = self.adversarial(name, source, split)
        path = adversarial.folder / PERCEPTION
        self._found_or_made(
            "perception", [path], lambda: write_jsonl(path, perceive(self.store, split.test, adversarial))
        )
        return read_jsonl(path)

    def record(self, name: str, source: str, target: str, split: Split) -> Path:
        """Return the path of the record of a case."""
        experiment = self.experiment
        attack_settings = self.attack_settings(name, source, split)
        target_settings = self.victim_settings(target, split)
        settings = {**attack_settings, "target": target_settings, "perception": experiment.perception}
        case = self._signature(settings)
        path = records.record_path(self.out / "records", case, source, target, name)

        def evaluated() -> None:
            victim = self.victim(target, split)
            size = self._size(source)
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
                perception=self.perception(name, source, split),
            )
            budget = experiment.attack(name).budget
            commit, tree_clean = provenance.commit()
            record = Record(
                signature=case,
                experiment=self.name,
                corpus=self.store.corpus,
                split=split.digest(),
                fold=split.fold,
                folds=() if split.fold is None else (split.fold,),
                folds_planned=0 if split.fold is None else len(self.splits),
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
                versions=provenance.versions(*(PACKAGES if experiment.perception else ())),
                commit=commit,
                tree_clean=tree_clean,
                device=provenance.device_name(self.device),
                **figures,
            )
            records.write(self.out / "records", record, rows)

        self._found_or_made("record", [path, path.with_suffix(".jsonl")], evaluated)
        return path

    def clean(self, name: str, victim: Victim, split: Split, size: int) -> dict[str, Tensor]:
        """Return a victim's logits on the clean test clips, taken once."""
        key = (name, split.fold, size if self.experiment.protocol == "paper" else None)
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

    def _size(self, source: str) -> int:
        """Return the trained length, in samples, that clips are fitted to under the paper's protocol."""
        return round(self.experiment.victims[self._stand_in(source)].seconds * self.store.sample_rate)

    def _stand_in(self, source: str) -> str:
        """Return the source, or the first one for an attack that does the same on all."""
        return self.experiment.source_names[0] if source == NO_SOURCE else source

    def _signature(self, settings: Settings) -> str:
        return signature({"version": __version__, **settings})

    @staticmethod
    def _found_or_made(kind: str, last: Sequence[Path], make: Callable[[], object]) -> None:
        """Make a thing unless its last files are there."""
        shown = last[0].stem if kind == "record" else last[0].parent.name
        if all(path.is_file() for path in last):
            logger.debug("%s %s: found", kind, shown)
            return
        logger.info("%s %s", kind, shown)
        make()
