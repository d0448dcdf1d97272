"""What an experiment file says, checked as a whole before any work."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from staanet.attacks import ATTACKS, Attack, create_attack
from staanet.attacks.ensembles import NAME, STANDARD
from staanet.attacks.staa_net import GeneratorAttack
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.records import NO_SOURCE
from staanet.core.settings import from_preset, read_toml, validated
from staanet.defences import InputDefence
from staanet.evaluation import LabelsFrom, Protocol
from staanet.models import MODELS, CnnLstm
from staanet.report.sections import published
from staanet.study.plans import USE, AttackPlan, CorpusPlan, GeneratorPlan, ModelPlan, SplitPlan


@dataclass(frozen=True)
class Experiment:
    """All that decides an experiment's numbers; one without models and attacks counts the clips of its parts.

    Args:
        corpus: the one that everything is about; or
        corpora: several, by the names that models use.
        cross_corpus: of several corpora, whether models of one meet clips of another; clips and predictions are then held
            to the emotions that all of them have. Otherwise each corpus is by itself.
        models: by the names that sources and targets use.
        attacks: by name; a table's key `attack` gives the registry name where it differs, `generator` one of the
            generators, `sources` the models that it is made on where not all are, `as_sparse_as` another attack
            whose mean sparsity on the same source is its own; `domain`, `clips`, `labels_from` and `examples` are those
            of an `AttackPlan`; all other keys are the attack's own settings.
        title: of the page.
        published: a published table that stands beside the results, such as `staanet.table4`.
        generators: by name; each is trained against every source.
        sources: models that attacks are made on; all where left out.
        targets: models that they are evaluated on; all where left out.
        budget: of every attack and generator that does not name its own.
        split: how speakers or sessions are dealt.
        protocol: `file`, or `paper` for clips repeated before they are attacked.
        labels_from: the classes to move away from: the source's `predictions` or the `true_labels`.
        sample_rate: of the prepared dataset, in Hz.
        perception: measure how attacked clips sound (PESQ, STOI and more); needs the extra `perceptual`.
        batch_size: clips at a time in attacks and evaluation.
        clips: test clips per split that are attacked, drawn by the seed; all where left out.
        examples: how many clips per generator attack and source the page lets one listen to, or their ids.
        seed: of everything random.
        by_gender: whether tables tell the genders of the speakers apart.
        pairwise: attacks that are compared pair by pair, each on the models that it was made on.
        equal_distortion: whether models are compared on the clips that all recognise, where these were moved equally far in
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
        """Resolve every name and setting once, so that a mistake is told before any work."""
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
            raise StaanetError("expected at least one model and one attack, or neither where clips are only counted")
        if self.published:
            published.find(self.published)
        for name in (*self.models, *self.generators, *self.attacks):
            if not re.fullmatch(r"[\w.-]+", name):
                raise StaanetError(f"expected names of letters, digits, '_', '-' and '.', got {name!r}; rename it")
        for name, least in (("batch_size", 1), ("sample_rate", 1000), ("examples", 0), ("clips", 1)):
            if isinstance(number := getattr(self, name), int) and number < least:
                raise StaanetError(f"expected {name} of {least} or more, got {number}")
        if (self.corpus is None) == (not self.corpora):
            raise StaanetError("expected either a corpus or several corpora; give one of the two tables")
        for plan in self.plans.values():
            plan.build()
        for name in self.models:
            self.home(name)
            self._check_defence(name)
        for name, model in self.models.items():
            settings = model.built(("a", "b"), self.sample_rate)
            MODELS[model.model].check(settings)
            training = model.resolved()
            split = self.plans[self.home(name)].split or self.split
            if split.evaluate and training is not None and training.validates:
                raise StaanetError(
                    f"model {name}: expected a training that needs no validation clips, since the split leaves none; "
                    'take the preset paper or fine_tune, or keep = "last"'
                )
            if settings.seconds is None and self.protocol == "paper":
                raise StaanetError(f"protocol paper: expected a trained length of {model.model}; give its seconds")
        for generator in self.generators.values():
            generator.built()
            for source in ("", *generator.per_source):
                if source and source not in self.models:
                    raise StaanetError(
                        f"generator {generator.generator}: per_source: {unknown_name('model', source, self.models)}"
                    )
                generator.resolved(self.budget, source)
        for name in self.attacks:
            if self.members(name) and (wrong := set(self.attacks[name]) - {"attack", "budget", "sources"}):
                raise StaanetError(f"attack {name}: expected a budget and sources only, got {', '.join(sorted(wrong))}")
            for member in self.members(name) or (name,):
                self.attack(member)
            self._check_domain(name)
            other = self.as_sparse_as(name)
            others = [one for one in self.attacks if self.as_sparse_as(one) is None and not self.members(one)]
            if other is not None and other not in others:
                raise StaanetError(f"attack {name}: as_sparse_as: {unknown_name('attack', other, others)}")

    def _check_defence(self, model: str) -> None:
        """Refuse a model made of one that is not there, or is another."""
        seen, plan = [model], self.models[model]
        while plan.base_model is not None:
            if plan.base_model not in self.models:
                raise StaanetError(
                    f"model {seen[-1]}: base_model: {unknown_name('model', plan.base_model, self.models)}"
                )
            if plan.base_model in seen:
                raise StaanetError(
                    f"expected models that are made of others, got {' of '.join([*seen, plan.base_model])}"
                )
            other = self.models[plan.base_model]
            if (plan.model, plan.settings, plan.seconds) != (other.model, other.settings, other.seconds) or (
                self.home(seen[-1]) != self.home(plan.base_model)
            ):
                raise StaanetError(
                    f"model {seen[-1]}: expected the model, settings, seconds and corpus of {plan.base_model}, got others"
                )
            seen.append(plan.base_model)
            plan = other

    def _check_domain(self, attack: str) -> None:
        """Refuse an attack on features that are not there."""
        if self.use(attack).domain == "waveform":
            return
        if self.protocol != "file" or self.generator_of(attack):
            raise StaanetError(
                f"attack {attack}: expected the domain waveform for the protocol paper and for generators, got feature"
            )
        for source in self._table(attack).get("sources", self.source_names):
            model, before = self.models[source].model, self.models[source].defended()
            if isinstance(before, InputDefence):
                raise StaanetError(
                    f"attack {attack}: expected sources whose features an attack can change, got {source}, which hears "
                    f"what {before.name} makes of a waveform; name others in sources"
                )
            if not issubclass(MODELS[model], CnnLstm):
                raise StaanetError(
                    f"attack {attack}: expected sources with features (cnn_lstm), got {source}, a {model}; name others "
                    'in sources, or leave out domain = "feature"'
                )

    def full(self) -> "Experiment":
        """Return the experiment with every attack on all test clips."""
        every = {
            name: {key: value for key, value in table.items() if key != "clips"} for name, table in self.attacks.items()
        }
        return replace(self, clips=None, attacks=every)

    @property
    def plans(self) -> dict[str, CorpusPlan]:
        """The corpora by name, in order."""
        return self.corpora if self.corpus is None else {self.corpus.name: self.corpus}

    @property
    def toy(self) -> bool:
        """Whether synthetic speech stands for corpora."""
        return any(plan.stands_for for plan in self.plans.values())

    def home(self, model: str) -> str:
        """Return the name of the corpus that a model is trained on."""
        named = self.models[model].corpus
        if not named and len(self.plans) > 1:
            raise StaanetError(f"model {model}: expected the corpus to train it on, one of {', '.join(self.plans)}")
        if named and named not in self.plans:
            raise StaanetError(f"model {model}: {unknown_name('corpus', named, self.plans)}")
        return named or next(iter(self.plans))

    @property
    def source_names(self) -> tuple[str, ...]:
        """The models that attacks are made on."""
        return self.sources or tuple(self.models)

    def sources_of(self, attack: str, corpus: str) -> tuple[str, ...]:
        """Return the models on which an attack on clips of a corpus is made; `none` for one such as noise."""
        if not self.members(attack) and self.use(attack).domain == "waveform" and self.attack(attack).model_free:
            return (NO_SOURCE,)
        return self._meeting(tuple(self._table(attack).get("sources", self.source_names)), corpus)

    def needs_representation(self, model: str) -> bool:
        """Return whether a model is a source only, of attacks that ask for representations alone."""
        made = [name for name in self.attacks if any(model in self.sources_of(name, home) for home in self.plans)]
        asked = all(not self.members(name) and self.attack(name).needs_representation for name in made)
        return model not in self.target_names and asked

    @property
    def target_names(self) -> tuple[str, ...]:
        """The models that attacks are evaluated on."""
        return self.targets or tuple(self.models)

    def targets_of(self, corpus: str) -> tuple[str, ...]:
        """Return the models on which attacks on clips of a corpus are evaluated."""
        return self._meeting(self.target_names, corpus)

    def targets_for(self, attack: str, source: str, corpus: str) -> tuple[str, ...]:
        """Return the models on which an attack made on a source is evaluated: features are those of the source."""
        return (source,) if self.use(attack).domain == "feature" else self.targets_of(corpus)

    def use(self, attack: str) -> AttackPlan:
        """Return how an attack is used, in full."""
        own = {key: value for key, value in self._table(attack).items() if key in USE}
        plan = validated(AttackPlan, own, f"attack {attack}")
        heard = self.examples if self.generator_of(attack) else 0
        return AttackPlan(
            domain=plan.domain,
            clips=plan.clips,
            labels_from=plan.labels_from or self.labels_from,
            examples=heard if plan.examples is None else plan.examples,
        )

    def _meeting(self, models: tuple[str, ...], corpus: str) -> tuple[str, ...]:
        return tuple(name for name in models if self.cross_corpus or self.home(name) == corpus)

    def members(self, attack: str) -> tuple[str, ...]:
        """Return the names of the attacks of which one is the worst case; none for an attack that is one itself."""
        if self._table(attack).get("attack", attack) != NAME:
            return ()
        return tuple(f"{attack}.{member}" for member in STANDARD)

    def _table(self, attack: str) -> dict[str, Any]:
        """Return an attack's table; that of a member is its set's, with the member's own settings."""
        if attack in self.attacks:
            return self.attacks[attack]
        group, member = attack.rsplit(".", 1)
        return {**self.attacks[group], **STANDARD[member], "attack": member}

    def generator_of(self, attack: str) -> str | None:
        """Return the name of the generator that an attack uses, None where it uses none."""
        return self._table(attack).get("generator")

    def unbounded(self, attack: str) -> bool:
        """Return whether nothing but the bounds of the features limits how far each may change: no epsilon is named."""
        return self.use(attack).domain == "feature" and not {"budget", "epsilon", "snr_db"} & set(self._table(attack))

    def as_sparse_as(self, attack: str) -> str | None:
        """Return the name of the attack whose sparsity an attack takes, None where it has its own."""
        return self._table(attack).get("as_sparse_as")

    def attack(
        self,
        name: str,
        generator: Path | None = None,
        digest: str | None = None,
        sparsity: float | None = None,
        width: float | None = None,
    ) -> Attack:
        """Build an attack; `generator` is the folder of the trained one, `digest` the hash of its weights.

        `sparsity`, where given, is that of the attack that it is to be as sparse as; `width` that of the features'
        bounds, within which an attack is that names no epsilon.
        """
        settings = {key: value for key, value in self._table(name).items() if key not in USE}
        kind = settings.pop("attack", name)
        wanted = settings.pop("generator", None)
        if settings.pop("as_sparse_as", None) is not None and sparsity is not None:
            settings["sparsity"] = sparsity
        for source in settings.pop("sources", ()):
            if source not in self.models:
                raise StaanetError(f"attack {name}: {unknown_name('model', str(source), self.models)}")
        if issubclass(ATTACKS[kind], GeneratorAttack):
            if wanted not in self.generators:
                raise StaanetError(f"attack {name}: {unknown_name('generator', str(wanted), self.generators)}")
            settings |= {"generator": str(generator or wanted), "digest": digest}
        elif wanted is not None:
            raise StaanetError(f"attack {name}: expected no generator for {kind}, got {wanted!r}; remove the key")
        if self.unbounded(name):
            settings["budget"] = {"epsilon": width or 1.0, "sparsity": 1.0}
        changes = settings.pop("budget", {})
        settings["budget"] = from_preset(Budget, {"default": self.budget}, changes, f"attack {name}: budget")
        return create_attack(kind, **settings)


def packaged() -> dict[str, Path]:
    """Return the experiments that come with the library, by name."""
    folder = resources.files("staanet.experiments")
    return {path.stem: path for path in map(Path, map(str, folder.iterdir())) if path.suffix == ".toml"}


def load(name: str | Path) -> tuple[str, Experiment]:
    """Read an experiment, a packaged name or a TOML file, and return its name and what it says.

    Raises:
        StaanetError: no such experiment, an unknown key (the nearest known one is offered), or a value that cannot be.
    """
    known = packaged()
    path = known.get(str(name), Path(name))
    if not path.is_file() and path.suffix != ".toml":
        raise StaanetError(f"{unknown_name('experiment', str(name), known)}; or give a TOML file")
    values: Mapping[str, Any] = read_toml(path)
    return path.stem, validated(Experiment, values, str(path) if str(name) not in known else str(name))
