"""An experiment file, checked as a whole before any work starts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.records import NO_SOURCE
from staanet.defences import InputDefence
from staanet.evaluation import LabelsFrom, Protocol
from staanet.models import MODELS, HasFeatures
from staanet.report.sections import published
from staanet.study import attack_plans
from staanet.study.attack_plans import AttackPlan
from staanet.study.plans import CorpusPlan, GeneratorPlan, ModelPlan, SplitPlan

NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Experiment:
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

    def __post_init__(self) -> None:
        """Check every name and setting, so that a mistake is reported before any work."""
        self._check_names()
        self._check_corpora()
        for name in self.models:
            self._check_model(name)
        for generator in self.generators.values():
            self._check_generator(generator)
        for plan in self.attack_plans.values():
            self._check_attack(plan)

    # -------------------------------------------------------------- what the tables resolve to

    @property
    def corpus_plans(self) -> dict[str, CorpusPlan]:
        """The corpora by name, in order."""
        return self.corpora if self.corpus is None else {self.corpus.name: self.corpus}

    @cached_property
    def attack_plans(self) -> dict[str, AttackPlan]:
        """The attacks by name, each table parsed."""
        defaults = attack_plans.Defaults(self.budget, self.labels_from, self.examples)
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
        named = self.models[model].corpus
        if not named and len(self.corpus_plans) > 1:
            raise StaanetError(
                f"model {model}: expected the corpus to train it on, one of {', '.join(self.corpus_plans)}, got none"
            )
        if named and named not in self.corpus_plans:
            raise StaanetError(f"model {model}: {unknown_name('corpus', named, self.corpus_plans)}")
        return named or next(iter(self.corpus_plans))

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

    def on_all_clips(self) -> "Experiment":
        """Return the experiment with every attack on all test clips."""
        tables = {
            name: {key: value for key, value in table.items() if key != "clips"} for name, table in self.attacks.items()
        }
        return replace(self, clips=None, attacks=tables)

    def _evaluated_on(self, models: Iterable[str], corpus: str) -> tuple[str, ...]:
        return tuple(name for name in models if self.cross_corpus or self.training_corpus(name) == corpus)

    # -------------------------------------------------------------- checks

    def _check_names(self) -> None:
        for name in (*self.sources, *self.targets):
            if name not in self.models:
                raise unknown_name("model", name, self.models)
        if NO_SOURCE in self.models:
            raise StaanetError(
                f"expected another name for a model than {NO_SOURCE!r}, which means no source; rename it"
            )
        for name in self.pairwise:
            if name not in self.attacks:
                raise StaanetError(f"pairwise: {unknown_name('attack', name, self.attacks)}")
        if bool(self.models) != bool(self.attacks):
            raise StaanetError("expected at least one model and one attack, or neither to only count clips")
        if self.published:
            published.find(self.published)
        for name in (*self.models, *self.generators, *self.attacks):
            if not NAME.fullmatch(name):
                raise StaanetError(f"expected names of letters, digits, '_', '-' and '.', got {name!r}; rename it")
        for name, least in (("batch_size", 1), ("sample_rate", 1000), ("examples", 0), ("clips", 1)):
            if isinstance(number := getattr(self, name), int) and number < least:
                raise StaanetError(f"expected {name} of {least} or more, got {number}")

    def _check_corpora(self) -> None:
        if (self.corpus is None) == (not self.corpora):
            raise StaanetError("expected either a corpus or several corpora; give one of the two tables")
        for plan in self.corpus_plans.values():
            plan.build()
        for name in self.models:
            self.training_corpus(name)

    def _check_model(self, name: str) -> None:
        self._check_base_model(name)
        plan = self.models[name]
        settings = plan.resolved_settings(("a", "b"), self.sample_rate)
        MODELS[plan.model].check(settings)
        training = plan.resolved_training()
        if self.split_plan(self.training_corpus(name)).evaluate and training is not None and training.validates:
            raise StaanetError(
                f"model {name}: expected a training that needs no validation clips, since the split leaves none; use "
                'the preset paper or fine_tune, or keep = "last"'
            )
        if settings.seconds is None and self.protocol == "paper":
            raise StaanetError(f"protocol paper: expected a trained length of {plan.model}; give its seconds")

    def _check_base_model(self, name: str) -> None:
        """Refuse a base model that does not exist, differs in architecture or corpus, or leads back to the model."""
        chain, plan = [name], self.models[name]
        while plan.base_model is not None:
            if plan.base_model not in self.models:
                raise StaanetError(
                    f"model {chain[-1]}: base_model: {unknown_name('model', plan.base_model, self.models)}"
                )
            if plan.base_model in chain:
                raise StaanetError(
                    f"expected base models without a circle, got {' -> '.join([*chain, plan.base_model])}"
                )
            other = self.models[plan.base_model]
            same_corpus = self.training_corpus(chain[-1]) == self.training_corpus(plan.base_model)
            if (plan.model, plan.settings, plan.seconds) != (other.model, other.settings, other.seconds) or (
                not same_corpus
            ):
                raise StaanetError(
                    f"model {chain[-1]}: expected the model, settings, seconds and corpus of {plan.base_model}, got "
                    "others"
                )
            chain.append(plan.base_model)
            plan = other

    def _check_generator(self, generator: GeneratorPlan) -> None:
        generator.resolved_settings()
        for source in ("", *generator.per_source):
            if source and source not in self.models:
                raise StaanetError(
                    f"generator {generator.generator}: per_source: {unknown_name('model', source, self.models)}"
                )
            generator.resolved_training(self.budget, source)

    def _check_attack(self, plan: AttackPlan) -> None:
        others = [one.name for one in self.attack_plans.values() if one.sparsity_of is None and not one.members]
        if plan.sparsity_of is not None and plan.sparsity_of not in others:
            raise StaanetError(f"attack {plan.name}: as_sparse_as: {unknown_name('attack', plan.sparsity_of, others)}")
        if plan.use.domain == "waveform":
            return
        if self.protocol != "file" or plan.generator:
            raise StaanetError(
                f"attack {plan.name}: expected the domain waveform for the protocol paper and for generators, got "
                "feature"
            )
        for source in self.source_names if plan.sources is None else plan.sources:
            defence = self.models[source].resolved_defence()
            if isinstance(defence, InputDefence):
                raise StaanetError(
                    f"attack {plan.name}: expected source models whose features an attack can change, got {source}, "
                    f"whose input {defence.name} transforms; name others in sources"
                )
            if not issubclass(MODELS[self.models[source].model], HasFeatures):
                raise StaanetError(
                    f"attack {plan.name}: expected source models with features (cnn_lstm), got {source}, a "
                    f'{self.models[source].model}; name others in sources, or remove domain = "feature"'
                )
