"""The speech that a study is about: corpora, prepared stores, and the splits whose parts are attacked."""

import os
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.seeds import derive
from staanet.core.signature import plain
from staanet.corpora import Corpus
from staanet.data import Split, Store, prepare
from staanet.study.experiment import Experiment
from staanet.study.found import Settings, found_or_made, signed


class Part(NamedTuple):
    """One split of one corpus: where clips are attacked, and where the victims that have not heard them are trained."""

    corpus: str
    number: int


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


class Speech:
    """The clips of an experiment, and who is heard in which part.

    Args:
        experiment: what it says.
        out: where stores and splits are written.
        root: of the corpus; `$STAANET_CORPORA/<name>` where left out.
    """

    def __init__(self, experiment: Experiment, out: Path, root: Path | None) -> None:
        self.experiment = experiment
        self.out = out
        self.root = root
        self._corpora: dict[str, tuple[Corpus, Path, str]] = {}
        self._stores: dict[str, Store] = {}
        self._splits: dict[str, tuple[Split, ...]] = {}

    def corpus(self, name: str) -> tuple[Corpus, Path, str]:
        """Return a corpus, its folder, and the hash of what lies there."""
        if name not in self._corpora:
            plan = self.experiment.plans[name]
            corpus = plan.build()
            root = corpus_root(plan.name, self.root) if corpus.on_disk else Path()
            self._corpora[name] = corpus, root, corpus.fingerprint(root)
        return self._corpora[name]

    def store(self, name: str) -> Store:
        """Return a prepared corpus."""
        if name not in self._stores:
            plan, rate = self.experiment.plans[name], self.experiment.sample_rate
            corpus, root, fingerprint = self.corpus(name)
            pieces = plan.cut()
            settings = {
                "corpus": {"name": plan.name, "settings": plan.settings},
                "clips": fingerprint,
                "sample_rate": rate,
                "trim_db": plan.trim_db,
                **({} if pieces is None else {"pieces": plain(pieces)}),
            }
            place = self.out / "stores" / f"{corpus.name}-{signed(settings)}"
            found_or_made(
                "store", [place / "store.json"], lambda: prepare(corpus, root, place, rate, plan.trim_db, pieces)
            )
            self._stores[name] = Store(place)
        return self._stores[name]

    def labels(self, corpus: str) -> tuple[str, ...]:
        """Return the emotions that clips of a corpus are decided between, where corpora are crossed those of all.

        Raises:
            StaanetError: crossed corpora with fewer than two in common.
        """
        if not self.experiment.crossed:
            return self.store(corpus).labels
        spoken = {name: self.store(name).labels for name in self.experiment.plans}
        first = next(iter(spoken.values()))
        shared = tuple(label for label in first if all(label in labels for labels in spoken.values()))
        if len(shared) < 2:
            told = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in spoken.items())
            raise StaanetError(f"expected corpora with two or more emotions in common, got {told}")
        return shared

    def clips(self, name: str) -> Store:
        """Return a prepared corpus held to the emotions of the experiment."""
        return self.store(name).only(self.labels(name))

    def splits(self, name: str) -> tuple[Split, ...]:
        """Return the splits of a corpus that are evaluated, written beside the records."""
        if name not in self._splits:
            plan = self.experiment.plans[name].split or self.experiment.split
            store = self.store(name)
            utterances = list(store.utterances.values())
            try:
                splits = plan.splits(utterances, self.experiment.seed)
            except StaanetError as error:
                raise StaanetError(f"corpus {store.corpus}: {error}") from error
            for split in splits:
                store.check(split)
                write_json(self.split_path(split), {**plain(split), **self._counted(name, split)})
            self._splits[name] = splits
        return self._splits[name]

    def split_path(self, split: Split) -> Path:
        """Return where a split is written."""
        return self.out / "splits" / f"{split.digest()}.json"

    def _counted(self, name: str, split: Split) -> Settings:
        """Return of which corpus a split is, and how many clips of each emotion are in each of its parts."""
        store, plan = self.clips(name), self.experiment.plans[name]
        parts = {"train": split.train, "val": split.val, split.part: split.test}
        clips = {}
        for part, chosen in {**parts, "all": [clip for ids in parts.values() for clip in ids]}.items():
            counts = Counter(store.utterances[clip].label for clip in chosen if clip in store.utterances)
            clips[part] = {**{label: counts[label] for label in store.labels}, "all": counts.total()}
        return {"corpus": plan.stands_for or store.corpus, "clips": clips}

    def parts(self) -> list[Part]:
        """Return what is evaluated: every split of every corpus."""
        return [Part(name, number) for name in self.experiment.plans for number in range(len(self.splits(name)))]

    def check_examples(self) -> None:
        """Refuse clips to listen to that are attacked nowhere, before any of the long steps.

        Raises:
            StaanetError: there is one.
        """
        wanted = self.experiment.examples
        if isinstance(wanted, int):
            return
        attacked = {clip for part in self.parts() for clip in self.test(part)}
        if lost := [clip for clip in wanted if clip not in attacked]:
            raise StaanetError(
                f"examples: expected clips that are attacked, got {lost[0]!r}, which is in training or not of the "
                "corpus; hold its speaker out (split.held_out), or name another"
            )

    def check_genders(self) -> None:
        """Refuse a table by gender of clips of which it is not known.

        Raises:
            StaanetError: there is one.
        """
        for part in self.parts():
            clips = [self.clips(part.corpus).utterances[clip] for clip in self.test(part)]
            if lost := sum(clip.gender is None for clip in clips):
                raise StaanetError(
                    f"by_gender: expected the gender of every clip of {part.corpus}, got none of {lost} of "
                    f"{len(clips)}; add it to the metadata, or leave by_gender out"
                )

    def split(self, part: Part) -> Split:
        """Return the split of a part."""
        return self.splits(part.corpus)[part.number]

    def test(self, part: Part) -> list[str]:
        """Return the test clips of a part, those of the experiment's emotions."""
        known, count = self.clips(part.corpus).utterances, self.experiment.clips
        clips = [clip for clip in self.split(part).test if clip in known]
        if count is None or count >= len(clips):
            return clips
        return sorted(random.Random(derive(self.experiment.seed, "clips", *part)).sample(clips, count))

    def attacked(self, name: str, part: Part) -> list[str]:
        """Return the test clips of a part that an attack meets."""
        clips, count = self.test(part), self.experiment.use(name).clips
        if count is None or count >= len(clips):
            return clips
        return sorted(random.Random(derive(self.experiment.seed, "attacked", *part)).sample(clips, len(clips))[:count])

    def home(self, victim: str, part: Part) -> Part:
        """Return the part whose training clips a victim hears to be judged on `part`: this, or one of its corpus."""
        own = self.experiment.home(victim)
        return part if own == part.corpus else Part(own, part.number % len(self.splits(own)))
