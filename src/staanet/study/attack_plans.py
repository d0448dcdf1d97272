"""The attack tables of an experiment file, each parsed once into a plan from which the attack is built."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from staanet.attacks import ATTACKS, Attack, Babble, create_attack
from staanet.attacks.components.added_sound import AddedSound
from staanet.attacks.ensembles import NAME, STANDARD
from staanet.attacks.goals import Aim
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError, unknown_name
from staanet.core.settings import from_preset, validated
from staanet.evaluation import Domain, LabelsFrom

SPEECH_CLIPS = 64
"""Largest number of training clips of which `babble` is mixed."""


@dataclass(frozen=True)
class AttackUse:
    """How an experiment uses an attack: the keys of its table that are not settings of the attack itself.

    Args:
        domain: What the attack changes: the `waveform`, or the `feature`s of its source model. An attack on features is
            evaluated on its source model only; its epsilon counts standard deviations of a feature, and if it names no
            epsilon, only the bounds of the features limit it.
        clips: Number of the experiment's clips that the attack is run on, drawn by the seed (a smaller draw is part of
            a larger one); all by default.
        labels_from: The classes that the attack moves away from; the experiment's setting by default.
        examples: Number of clips that the page offers for listening, or their ids; by default the experiment's setting
            for attacks by a generator, and none for others.
    """

    domain: Domain = "waveform"
    clips: int | None = None
    labels_from: LabelsFrom | None = None
    examples: int | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the numbers of clips."""
        for name, least in (("clips", 1), ("examples", 0)):
            if isinstance(number := getattr(self, name), int) and number < least:
                raise StaanetError(f"expected {name} of {least} or more, got {number}")


USE_KEYS = tuple(field.name for field in fields(AttackUse))


@dataclass(frozen=True)
class AttackPlan:
    """One attack of an experiment.

    Args:
        name: Its name in the experiment and in records.
        kind: Its name in the registry of attacks.
        settings: The attack's own settings without its generator; `epsilon`, `snr_db` and `sparsity` among them change
            the budget.
        budget: The budget that these change, the experiment's or the one that the table names.
        use: How the experiment uses it, with all defaults filled in.
        generator: The name of the generator that it uses, if it does.
        sources: The source models that it is run on; None for the experiment's.
        sparsity_of: The attack whose mean sparsity on the same source model it takes (`as_sparse_as`), if any.
        members: For an ensemble, the attacks whose worst case it is.
        unbounded: Whether only the bounds of the features limit the change (an attack on features without epsilon).
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    budget: Budget
    use: AttackUse
    generator: str | None = None
    sources: tuple[str, ...] | None = None
    sparsity_of: str | None = None
    members: tuple["AttackPlan", ...] = ()
    unbounded: bool = False

    @property
    def runs(self) -> tuple["AttackPlan", ...]:
        """The attacks that are run: the members of an ensemble, or the attack itself."""
        return self.members or (self,)

    @property
    def model_free(self) -> bool:
        """Whether the attack does the same whatever the source model, as noise does."""
        return not self.members and self.use.domain == "waveform" and ATTACKS[self.kind].model_free

    @property
    def needs_representation_only(self) -> bool:
        """Whether the attack uses representations of its source model and never its decisions."""
        return not self.members and ATTACKS[self.kind].needs_representation

    @property
    def needs_speech(self) -> bool:
        """Whether the attack mixes training clips of the fold."""
        return not self.members and issubclass(ATTACKS[self.kind], Babble)

    def build(
        self,
        generator: Path | None = None,
        digest: str | None = None,
        sparsity: float | None = None,
        width: float | None = None,
        speech: tuple[Tensor, ...] | None = None,
    ) -> Attack:
        """Build the attack.

        Args:
            generator: Folder of the trained generator; without it, the attack carries the generator's name, which is
                enough to check its settings and to sign them.
            digest: Hash of the generator's weights.
            sparsity: Replaces the budget's sparsity, for an attack that takes that of another.
            width: Width of the features' bounds, the epsilon of an unbounded attack.
            speech: Training clips `[T]` that the attack mixes; without them, the attack carries a description of them,
                which is enough to check its settings and to sign them.
        """
        settings = dict(self.settings)
        if self.generator is not None:
            settings |= {"generator": str(generator or self.generator), "digest": digest}
        if self.needs_speech:
            settings["speech"] = speech or f"up to {SPEECH_CLIPS} training clips"
        if sparsity is not None:
            settings["sparsity"] = sparsity
        budget = Budget(epsilon=width or 1.0, sparsity=1.0) if self.unbounded else self.budget
        return create_attack(self.kind, **settings, budget=budget)


@dataclass(frozen=True)
class Defaults:
    """What an attack table takes from its experiment if it does not say otherwise."""

    budget: Budget
    labels_from: LabelsFrom
    examples: int | tuple[str, ...]
    sample_rate: int


def parse(
    name: str, table: Mapping[str, Any], defaults: Defaults, models: Collection[str], generators: Collection[str]
) -> AttackPlan:
    """Return the plan of an attack table, checked.

    Args:
        name: Name of the table.
        table: Its keys and values, as in the file.
        defaults: The experiment's settings for keys that are missing.
        models: Names of the experiment's models.
        generators: Names of the experiment's generators.

    Raises:
        StaanetError: an unknown attack, model or generator, or a setting that the attack does not have.
    """
    if given := [field.name for field in fields(Aim) if field.name in table]:
        raise StaanetError(
            f"attack {name}: expected no {given[0]}, because the models of an experiment decide between emotions, got "
            f"{table[given[0]]!r}; use staanet attack or staanet evaluate for a model of dimensions"
        )
    if table.get("targeted", False) is not False:
        raise StaanetError(
            f"attack {name}: expected no targeted, because the attacks of an experiment move clips away from their "
            f"class, got {table['targeted']!r}; use staanet.create_attack in Python"
        )
    if table.get("attack", name) == NAME:
        if wrong := set(table) - {"attack", "budget", "sources"}:
            raise StaanetError(f"attack {name}: expected a budget and sources only, got {', '.join(sorted(wrong))}")
        members = tuple(
            parse(f"{name}.{member}", {**table, **settings, "attack": member}, defaults, models, generators)
            for member, settings in STANDARD.items()
        )
        return AttackPlan(
            name, NAME, {}, members[0].budget, _use(name, {}, defaults, False), sources=members[0].sources,
            members=members,
        )  # fmt: skip
    settings = {key: value for key, value in table.items() if key not in USE_KEYS}
    kind = settings.pop("attack", name)
    generator = _generator(name, kind, settings.pop("generator", None), generators)
    sparsity_of = settings.pop("as_sparse_as", None)
    sources = settings.pop("sources", None)
    for source in sources or ():
        if source not in models:
            raise StaanetError(f"attack {name}: {unknown_name('model', str(source), models)}")
    use = _use(name, table, defaults, generator is not None)
    if issubclass(ATTACKS[kind], AddedSound):
        settings = _sound_settings(name, settings, use, defaults.sample_rate)
    unbounded = use.domain == "feature" and not {"budget", "epsilon", "snr_db"} & set(table)
    budget = from_preset(Budget, {"default": defaults.budget}, settings.pop("budget", {}), f"attack {name}: budget")
    plan = AttackPlan(
        name, kind, settings, budget, use, generator, None if sources is None else tuple(sources), sparsity_of,
        unbounded=unbounded,
    )  # fmt: skip
    plan.build()
    return plan


def _use(name: str, table: Mapping[str, Any], defaults: Defaults, by_generator: bool) -> AttackUse:
    use = validated(AttackUse, {key: value for key, value in table.items() if key in USE_KEYS}, f"attack {name}")
    offered = defaults.examples if by_generator else 0
    return AttackUse(
        domain=use.domain,
        clips=use.clips,
        labels_from=use.labels_from or defaults.labels_from,
        examples=offered if use.examples is None else use.examples,
    )


def _sound_settings(name: str, settings: dict[str, Any], use: AttackUse, sample_rate: int) -> dict[str, Any]:
    """Return the settings of an attack that adds a sound, with the experiment's sampling rate."""
    if wrong := {"speech", "sample_rate"} & set(settings):
        raise StaanetError(
            f"attack {name}: expected no {' and no '.join(sorted(wrong))}, because an experiment takes training clips "
            "of the fold and its own sampling rate; remove the key"
        )
    if use.domain == "feature":
        raise StaanetError(f'attack {name}: expected domain = "waveform" for a sound, got "feature"; remove the key')
    return {**settings, "sample_rate": sample_rate}


def _generator(name: str, kind: str, generator: str | None, known: Collection[str]) -> str | None:
    if ATTACKS[kind].needs_generator:
        if generator not in known:
            raise StaanetError(f"attack {name}: {unknown_name('generator', str(generator), known)}")
    elif generator is not None:
        raise StaanetError(f"attack {name}: expected no generator for {kind}, got {generator!r}; remove the key")
    return generator
