"""The speech that a study is about: corpora, prepared datasets, and the splits whose parts are attacked."""

import os
import random
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.seeds import derive
from staanet.core.signature import to_jsonable
from staanet.corpora import Corpus
from staanet.data import Dataset, Split, prepare
from staanet.study.experiment import Experiment
from staanet.study.found import Settings, ensure, signature_of


class CorpusSplit(NamedTuple):
    """One split of one corpus: where clips are attacked, and where the models that have not heard them are trained."""

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
        out: where datasets and splits are written.
        root: of the corpus; `$STAANET_CORPORA/<name>` where left out.
    """

    def __init__(self, experiment: Experiment, out: Path, root: Path | None) -> None:
        self.experiment = experiment
        self.out = out
        self.root = root
        self._corpora: dict[str, tuple[Corpus, Path, str]] = {}
        self._stores: dict[str, Dataset] = {}
        self._splits: dict[str, tuple[Split, ...]] = {}

    def corpus(self, name: str) -> tuple[Corpus, Path, str]:
        """Return a corpus, its folder, and the hash of what lies there."""
        if name not in self._corpora:
            plan = self.experiment.plans[name]
            corpus = plan.build()
            root = corpus_root(plan.name, self.root) if corpus.on_disk else Path()
            self._corpora[name] = corpus, root, corpus.fingerprint(root)
        return self._corpora[name]

    def dataset(self, name: str) -> Dataset:
        """Return a prepared corpus."""
        if name not in self._stores:
            plan, rate = self.experiment.plans[name], self.experiment.sample_rate
            corpus, root, fingerprint = self.corpus(name)
            segments = plan.cut()
            settings = {
                "corpus": {"name": plan.name, "settings": plan.settings},
                "clips": fingerprint,
                "sample_rate": rate,
                "trim_db": plan.trim_db,
                **({} if segments is None else {"segments": to_jsonable(segments)}),
            }
            place = self.out / "datasets" / f"{corpus.name}-{signature_of(settings)}"
            ensure(
                "dataset", [place / "dataset.json"], lambda: prepare(corpus, root, place, rate, plan.trim_db, segments)
            )
            self._stores[name] = Dataset(place)
        return self._stores[name]

    def labels(self, corpus: str) -> tuple[str, ...]:
        """Return the emotions that clips of a corpus are decided between, where corpora are cross_corpus those of all.

        Raises:
            StaanetError: cross_corpus corpora with fewer than two in common.
        """
        if not self.experiment.cross_corpus:
            return self.dataset(corpus).labels
        spoken = {name: self.dataset(name).labels for name in self.experiment.plans}
        first = next(iter(spoken.values()))
        shared = tuple(label for label in first if all(label in labels for labels in spoken.values()))
        if len(shared) < 2:
            told = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in spoken.items())
            raise StaanetError(f"expected corpora with two or more emotions in common, got {told}")
        return shared

    def clips(self, name: str) -> Dataset:
        """Return a prepared corpus held to the emotions of the experiment."""
        return self.dataset(name).only(self.labels(name))

    def splits(self, name: str) -> tuple[Split, ...]:
        """Return the splits of a corpus that are evaluated, written beside the records."""
        if name not in self._splits:
            plan = self.experiment.plans[name].split or self.experiment.split
            dataset = self.dataset(name)
            utterances = list(dataset.utterances.values())
            try:
                splits = plan.splits(utterances, self.experiment.seed)
            except StaanetError as error:
                raise StaanetError(f"corpus {dataset.corpus}: {error}") from error
            for split in splits:
                dataset.check(split)
                write_json(self.split_path(split), {**to_jsonable(split), **self._counted(name, split)})
            self._splits[name] = splits
        return self._splits[name]

    def split_path(self, split: Split) -> Path:
        """Return where a split is written."""
        return self.out / "splits" / f"{split.digest()}.json"

    def _counted(self, name: str, split: Split) -> Settings:
        """Return of which corpus a split is, and how many clips of each emotion are in each of its parts."""
        dataset, plan = self.clips(name), self.experiment.plans[name]
        parts = {"train": split.train, "val": split.val, split.subset: split.test}
        clips = {}
        for part, chosen in {**parts, "all": [clip for ids in parts.values() for clip in ids]}.items():
            counts = Counter(dataset.utterances[clip].label for clip in chosen if clip in dataset.utterances)
            clips[part] = {**{label: counts[label] for label in dataset.labels}, "all": counts.total()}
        return {"corpus": plan.stands_for or dataset.corpus, "clips": clips}

    def parts(self) -> list[CorpusSplit]:
        """Return what is evaluated: every split of every corpus."""
        return [CorpusSplit(name, number) for name in self.experiment.plans for number in range(len(self.splits(name)))]

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

    def split(self, part: CorpusSplit) -> Split:
        """Return the split of a part."""
        return self.splits(part.corpus)[part.number]

    def test(self, part: CorpusSplit) -> list[str]:
        """Return the test clips of a part, those of the experiment's emotions."""
        known, count = self.clips(part.corpus).utterances, self.experiment.clips
        clips = [clip for clip in self.split(part).test if clip in known]
        if count is None or count >= len(clips):
            return clips
        return sorted(random.Random(derive(self.experiment.seed, "clips", *part)).sample(clips, count))

    def attacked(self, name: str, part: CorpusSplit) -> list[str]:
        """Return the test clips of a part that an attack meets."""
        clips, count = self.test(part), self.experiment.use(name).clips
        if count is None or count >= len(clips):
            return clips
        return sorted(random.Random(derive(self.experiment.seed, "attacked", *part)).sample(clips, len(clips))[:count])

    def home(self, model: str, part: CorpusSplit) -> CorpusSplit:
        """Return the part whose training clips a model hears to be judged on `part`: this, or one of its corpus."""
        own = self.experiment.home(model)
        return part if own == part.corpus else CorpusSplit(own, part.number % len(self.splits(own)))
