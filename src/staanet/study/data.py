"""The clips of an experiment: prepared datasets, splits, and the test clips that attacks are run on."""

import os
import random
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.core.seeds import derive
from staanet.core.signature import signature_of, to_jsonable
from staanet.corpora import Corpus
from staanet.data import Dataset, Split, prepare
from staanet.study.artefact import ensure_files
from staanet.study.attack_plans import AttackPlan
from staanet.study.experiment import Experiment


class CorpusSplit(NamedTuple):
    """One split of one corpus: where clips are attacked, and where the models that did not train on them come from."""

    corpus: str
    number: int


def corpus_root(name: str, root: Path | None) -> Path:
    """Return the folder of a corpus: `root`, or `$STAANET_CORPORA/<name>`.

    Raises:
        StaanetError: neither is given.
    """
    if root is not None:
        return root
    shelf = os.environ.get("STAANET_CORPORA")
    if shelf is None:
        raise StaanetError(f"expected the folder of {name}: give --root, or set STAANET_CORPORA to the folder above it")
    return Path(shelf) / name


class StudyData:
    """The datasets and splits of an experiment, prepared when they are first asked for.

    Args:
        experiment: The experiment.
        out: The run's folder; datasets and splits are written there.
        root: Folder of the corpus; `$STAANET_CORPORA/<name>` by default.
        prepared: Folders of datasets by the names of their corpora, if another process has prepared all of them and
            has written the splits; corpora are then not read.
    """

    def __init__(
        self, experiment: Experiment, out: Path, root: Path | None, prepared: Mapping[str, Path] | None = None
    ) -> None:
        self.experiment = experiment
        self.out = out
        self.root = root
        self.prepared = prepared
        self.corpus = cache(self._corpus)
        """Maps a corpus' name to the corpus, its folder, and the hash of the clips there."""
        self.dataset = cache(self._dataset)
        """Maps a corpus' name to the prepared dataset."""
        self.splits = cache(self._splits)
        """Maps a corpus' name to the splits that are run."""

    def _corpus(self, name: str) -> tuple[Corpus, Path, str]:
        plan = self.experiment.corpus_plans[name]
        corpus = plan.build()
        root = corpus_root(plan.name, self.root) if corpus.on_disk else Path()
        return corpus, root, corpus.fingerprint(root)

    def _dataset(self, name: str) -> Dataset:
        if self.prepared is not None:
            return Dataset(self.prepared[name])
        plan, rate = self.experiment.corpus_plans[name], self.experiment.sample_rate
        corpus, root, fingerprint = self.corpus(name)
        segmentation = plan.segmentation()
        settings = {
            "corpus": {"name": plan.name, "settings": plan.settings},
            "clips": fingerprint,
            "sample_rate": rate,
            "trim_db": plan.trim_db,
            **({} if segmentation is None else {"segments": to_jsonable(segmentation)}),
        }
        place = self.out / "datasets" / f"{corpus.name}-{signature_of(settings)}"
        ensure_files(
            f"dataset {place.name}",
            [place / "dataset.json"],
            lambda: prepare(corpus, root, place, rate, plan.trim_db, segmentation),
        )
        return Dataset(place)

    def _splits(self, name: str) -> tuple[Split, ...]:
        dataset = self.dataset(name)
        try:
            splits = self.experiment.split_plan(name).splits(list(dataset.utterances.values()), self.experiment.seed)
        except StaanetError as error:
            raise StaanetError(f"corpus {dataset.corpus}: {error}") from error
        for split in splits:
            dataset.check(split)
            if self.prepared is None:
                write_json(self.split_path(split), {**to_jsonable(split), **self._clip_counts(name, split)})
        return splits

    def labels(self, corpus: str) -> tuple[str, ...]:
        """Return the emotions between which models decide on clips of a corpus; across corpora, those of all.

        Raises:
            StaanetError: the corpora have fewer than two emotions in common.
        """
        if not self.experiment.cross_corpus:
            return self.dataset(corpus).labels
        by_corpus = {name: self.dataset(name).labels for name in self.experiment.corpus_plans}
        first = next(iter(by_corpus.values()))
        shared = tuple(label for label in first if all(label in labels for labels in by_corpus.values()))
        if len(shared) < 2:
            listed = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in by_corpus.items())
            raise StaanetError(f"expected corpora with two or more emotions in common, got {listed}")
        return shared

    def labelled(self, corpus: str) -> Dataset:
        """Return the dataset of a corpus, restricted to the emotions between which models decide."""
        return self.dataset(corpus).only(self.labels(corpus))

    def split_path(self, split: Split) -> Path:
        """Return the file of a split."""
        return self.out / "splits" / f"{split.digest()}.json"

    def _clip_counts(self, name: str, split: Split) -> dict[str, Any]:
        """Return the corpus of a split, and how many clips of each emotion each subset has."""
        dataset, plan = self.labelled(name), self.experiment.corpus_plans[name]
        subsets = {"train": split.train, "val": split.val, split.subset: split.test}
        counts = {}
        for subset, ids in {**subsets, "all": [clip for clips in subsets.values() for clip in clips]}.items():
            by_label = Counter(dataset.utterances[clip].label for clip in ids if clip in dataset.utterances)
            counts[subset] = {**{label: by_label[label] for label in dataset.labels}, "all": by_label.total()}
        return {"corpus": plan.stands_for or dataset.corpus, "clips": counts}

    def corpus_splits(self) -> list[CorpusSplit]:
        """Return every split of every corpus."""
        return [
            CorpusSplit(name, number)
            for name in self.experiment.corpus_plans
            for number in range(len(self.splits(name)))
        ]

    def split(self, place: CorpusSplit) -> Split:
        """Return one split."""
        return self.splits(place.corpus)[place.number]

    def folds_planned(self, place: CorpusSplit) -> int:
        """Return how many folds the corpus of a split has, 0 without folds."""
        return 0 if self.split(place).fold is None else len(self.splits(place.corpus))

    def test_clips(self, place: CorpusSplit) -> list[str]:
        """Return the test clips of a split that have one of the emotions between which models decide."""
        known, count = self.labelled(place.corpus).utterances, self.experiment.clips
        clips = [clip for clip in self.split(place).test if clip in known]
        if count is None or count >= len(clips):
            return clips
        return sorted(random.Random(derive(self.experiment.seed, "clips", *place)).sample(clips, count))

    def attacked_clips(self, plan: AttackPlan, place: CorpusSplit) -> list[str]:
        """Return the test clips of a split that an attack is run on."""
        clips, count = self.test_clips(place), plan.use.clips
        if count is None or count >= len(clips):
            return clips
        order = random.Random(derive(self.experiment.seed, "attacked", *place)).sample(clips, len(clips))
        return sorted(order[:count])

    def training_split(self, model: str, place: CorpusSplit) -> CorpusSplit:
        """Return the split on which a model is trained that is evaluated on `place`: the same, or one of its corpus."""
        own = self.experiment.training_corpus(model)
        return place if own == place.corpus else CorpusSplit(own, place.number % len(self.splits(own)))

    def check_examples(self) -> None:
        """Refuse examples to listen to that no attack is run on.

        Raises:
            StaanetError: there is one.
        """
        wanted = self.experiment.examples
        if isinstance(wanted, int):
            return
        attacked = {clip for place in self.corpus_splits() for clip in self.test_clips(place)}
        if missing := [clip for clip in wanted if clip not in attacked]:
            raise StaanetError(
                f"examples: expected test clips, got {missing[0]!r}, which is a training clip or not in the corpus; "
                "hold its speaker out (split.held_out), or name another"
            )

    def check_genders(self) -> None:
        """Refuse results by gender if the gender of a clip is unknown.

        Raises:
            StaanetError: there is such a clip.
        """
        for place in self.corpus_splits():
            clips = [self.labelled(place.corpus).utterances[clip] for clip in self.test_clips(place)]
            if missing := sum(clip.gender is None for clip in clips):
                raise StaanetError(
                    f"by_gender: expected the gender of every clip of {place.corpus}, got none of {missing} of "
                    f"{len(clips)}; add it to the metadata, or remove by_gender"
                )
