"""The settings of an experiment file, and what they resolve to."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.records import NO_SOURCE
from staanet.core.run import Headline
from staanet.evaluation import LabelsFrom, Protocol
from staanet.study import attack_plans
from staanet.study.attack_plans import AttackPlan
from staanet.study.plans import CorpusPlan, GeneratorPlan, ModelPlan, SplitPlan


@dataclass(frozen=True)
class ExperimentSettings:
    """All settings that decide an experiment's numbers.

    An experiment without models and attacks only counts the clips of its subsets.

    Args:
        corpus: The one corpus of the experiment; or
        corpora: Several corpora, by the names that models refer to.
        cross_corpus: With several corpora, whether models of one are evaluated on clips of the others; clips and
            predictions are then restricted to the emotions that all corpora have. Otherwise each corpus is separate.
        models: Models by name.
        attacks: Attacks by name. In an attack's table, `attack` is its name in the registry (default: the table's
            name), `generator` one of the generators, `sources` the models that it is run on (default: all source
            models), `as_sparse_as` another attack whose mean sparsity on the same source model it takes; `domain`,
            `clips`, `labels_from` and `examples` are described at `AttackUse`; all other keys are the attack's own
            settings.
        title: Title of the page.
        published: A published table to show next to the results, such as `staanet.table4`.
        generators: Generators by name; one of each is trained against every source model that needs it.
        sources: Models that attacks are run on; all by default.
        targets: Models that attacks are evaluated on; all by default.
        budget: Budget of every attack and generator that does not name its own.
        split: How speakers or sessions are divided into training, validation and test.
        protocol: `file` attacks clips as they are in their files; `paper` attacks clips that were first repeated or cut
            to the model's length, as the STAA-Net paper does.
        labels_from: The classes to move away from: the source model's `predictions` or the `true_labels`.
        sample_rate: Sampling rate of the prepared datasets in Hz.
        perception: Whether to measure how attacked clips sound (PESQ, STOI and others); needs the extra `perceptual`.
        batch_size: Number of clips per batch in attacks and evaluation.
        clips: Number of test clips per split that are attacked, drawn by the seed; all by default.
        examples: Number of clips per attack by a generator and source model that the page offers for listening, or
            their ids.
        seed: Random seed of the whole experiment.
        by_gender: Whether to report results by the gender of the speakers too.
        pairwise: Attacks that are compared pair by pair, each on the models that it was run on.
        equal_distortion: Whether to compare models on the clips that all of them recognise, at equal distortion of
            their log-mel spectrograms.
        headline: The case that the summary of the page is about, so that it is not chosen for its results. Without it,
            the summary is about the worst case, chosen after the fact.
        selection_folds: Folds on which settings were chosen. The page shows the results of the headline without them,
            next to those over all folds.
    """

    models: dict[str, ModelPlan] = field(default_factory=dict)
    attacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    corpus: CorpusPlan | None = None
    corpora: dict[str, CorpusPlan] = field(default_factory=dict)
    cross_corpus: bool = True
    title: str = ""
    published: str = ""
    generators: dict[str, GeneratorPlan] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    split: SplitPlan = field(default_factory=SplitPlan)
    protocol: Protocol = "file"
    labels_from: LabelsFrom = "predictions"
    sample_rate: int = 16_000
    perception: bool = False
    batch_size: int = 32
    clips: int | None = None
    examples: int | tuple[str, ...] = 2
    seed: int = 0
    by_gender: bool = False
    pairwise: tuple[str, ...] = ()
    equal_distortion: bool = False
    headline: Headline | None = None
    selection_folds: tuple[int, ...] = ()

    @property
    def corpus_plans(self) -> dict[str, CorpusPlan]:
        """The corpora by name, in order."""
        return self.corpora if self.corpus is None else {self.corpus.name: self.corpus}

    @cached_property
    def attack_plans(self) -> dict[str, AttackPlan]:
        """The attacks by name, each table parsed."""
        defaults = attack_plans.Defaults(self.budget, self.labels_from, self.examples, self.sample_rate)
        return {
            name: attack_plans.parse(name, table, defaults, self.models, self.generators)
            for name, table in self.attacks.items()
        }

    @property
    def toy(self) -> bool:
        """Whether synthetic speech stands for the corpora."""
        return any(plan.stands_for for plan in self.corpus_plans.values())

    @property
    def source_names(self) -> tuple[str, ...]:
        """The models that attacks are run on."""
        return self.sources or tuple(self.models)

    @property
    def target_names(self) -> tuple[str, ...]:
        """The models that attacks are evaluated on."""
        return self.targets or tuple(self.models)

    def training_corpus(self, model: str) -> str:
        """Return the name of the corpus that a model is trained on."""
        members = [member for member in self.models[model].members if member in self.models]
        if members and not self.models[members[0]].members:
            return self.training_corpus(members[0])
        named = self.models[model].corpus
        if not named and len(self.corpus_plans) > 1:
            raise StaanetError(
                f"model {model}: expected the corpus to train it on, one of {', '.join(self.corpus_plans)}, got none"
            )
        if named and named not in self.corpus_plans:
            raise StaanetError(f"model {model}: {unknown_name('corpus', named, self.corpus_plans)}")
        return named or next(iter(self.corpus_plans))

    @property
    def recorded_headline(self) -> Headline | None:
        """The headline with the name that records give to its corpus."""
        if self.headline is None or not self.headline.corpus:
            return self.headline
        plan = self.corpus_plans[self.headline.corpus]
        return replace(self.headline, corpus=plan.stands_for or plan.name)

    def split_plan(self, corpus: str) -> SplitPlan:
        """Return how a corpus is split: its own plan, or the experiment's."""
        return self.corpus_plans[corpus].split or self.split

    def sources_of(self, plan: AttackPlan, corpus: str) -> tuple[str, ...]:
        """Return the models on which an attack on clips of a corpus is run; `none` for a model-free attack."""
        if plan.model_free:
            return (NO_SOURCE,)
        return self._evaluated_on(self.source_names if plan.sources is None else plan.sources, corpus)

    def targets_of(self, plan: AttackPlan, source: str, corpus: str) -> tuple[str, ...]:
        """Return the models on which an attack is evaluated; an attack on features only on its source model."""
        return (source,) if plan.use.domain == "feature" else self._evaluated_on(self.target_names, corpus)

    def corpora_of(self, named: Headline) -> list[str]:
        """Return the corpora on whose clips a named case is evaluated; none if the experiment has no such case."""
        plans = [
            plan for plan in self.attack_plans.values() if named.attack in (plan.name, *(run.name for run in plan.runs))
        ]
        return [
            corpus
            for corpus in ([named.corpus] if named.corpus else self.corpus_plans)
            for plan in plans
            if named.source in self.sources_of(plan, corpus)
            and named.target in self.targets_of(plan, named.source, corpus)
        ]

    def first_target(self, corpus: str) -> str:
        """Return the first model that attacks on clips of a corpus are evaluated on."""
        return self._evaluated_on(self.target_names, corpus)[0]

    def is_encoder_only(self, model: str) -> bool:
        """Return whether a model is used for its representations only, so that its head and classes do not matter."""
        plans = [
            plan
            for plan in self.attack_plans.values()
            if any(model in self.sources_of(plan, corpus) for corpus in self.corpus_plans)
        ]
        return model not in self.target_names and all(plan.needs_representation_only for plan in plans)

    def _evaluated_on(self, models: Iterable[str], corpus: str) -> tuple[str, ...]:
        return tuple(name for name in models if self.cross_corpus or self.training_corpus(name) == corpus)
