"""What the tables of an experiment file say: a corpus, a split, a model, a generator, how an attack is used."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from staanet.attacks.generator import GENERATORS
from staanet.attacks.generator.base import GeneratorSettings
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.settings import from_preset, validated
from staanet.corpora import CORPORA, Corpus, Utterance
from staanet.data import SEGMENTATION_PRESETS, Segmentation, Split, at_random, by_speaker, by_subsets, folds
from staanet.data.splits import OFFICIAL_SUBSETS, EvaluatedSubset, SplitUnit, Subset
from staanet.defences import Defence, InputDefence, defence_of
from staanet.evaluation import Domain, LabelsFrom
from staanet.models import MODELS, HuggingFace, ModelSettings, settings_of
from staanet.training.classifier import ModelTraining, model_training
from staanet.training.generator import GENERATOR_PRESETS, GeneratorTraining


@dataclass(frozen=True)
class SplitPlan:
    """Who is heard in training, validation and test.

    Args:
        by: what is dealt whole, a `speaker` or a `session`; or `id`, clips at random, whoever speaks.
        shares: of the speakers, or of the clips, in the three subsets; used where there are neither folds nor subsets.
        folds: how many the speakers or sessions are dealt to, of which
        run: are evaluated; all where left out.
        subsets: the names of those in each part; by session, the corpus' own subsets where left out.
        held_out: speakers of the test, whatever the seed; where shares are dealt.
        evaluate: subsets whose clips are attacked, each by what was trained on all subsets before it, as the STAA-Net
            paper does: `val` after training on train, `test` on train and val. Where left out, the test is attacked,
            after training on train and choosing by val.
    """

    by: SplitUnit = "speaker"
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    folds: int | None = None
    run: tuple[int, ...] = ()
    subsets: dict[Subset, tuple[str, ...]] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    evaluate: tuple[EvaluatedSubset, ...] = ()

    def __post_init__(self) -> None:
        """Refuse folds that are not there, and subsets that cannot be."""
        if self.folds is not None and (self.folds < 3 or not set(self.run) <= set(range(self.folds))):
            raise StaanetError(
                f"expected three or more folds and a run of some of them (0..folds - 1), got folds = {self.folds}, "
                f"run = {list(self.run)}"
            )
        if self.folds is None and self.run:
            raise StaanetError(f"expected folds beside run = {list(self.run)}, found none; add folds")
        if self.by == "id" and (self.folds is not None or self.subsets):
            raise StaanetError(
                "expected shares of the clips where they are dealt by id, got folds or subsets; remove them"
            )
        if self.folds is not None and self.subsets:
            raise StaanetError(f"expected either folds or subsets, got folds = {self.folds} and subsets; remove one")
        if self.subsets and set(self.subsets) != set(OFFICIAL_SUBSETS):
            raise StaanetError(f"expected subsets train, val and test, got {', '.join(self.subsets)}; name all three")
        if self.held_out and (self.by != "speaker" or self.folds is not None or self.subsets):
            raise StaanetError("expected held_out beside shares of the speakers only; name all subsets instead")
        if self.evaluate and self.folds is not None:
            raise StaanetError("expected either folds or subsets to evaluate, got both; remove one")

    def splits(self, utterances: Sequence[Utterance], seed: int) -> tuple[Split, ...]:
        """Return the splits of a corpus' clips.

        Raises:
            StaanetError: clips that cannot be split so.
        """
        if self.by == "id":
            split = at_random(utterances, self.shares, seed)
        elif self.folds is not None:
            return folds(utterances, self.folds, seed, self.run, self.by)
        elif self.subsets or self.by == "session":
            split = by_subsets(utterances, self.subsets or OFFICIAL_SUBSETS, self.by)
        else:
            split = by_speaker(utterances, self.shares, seed, self.held_out)
        return tuple(split.evaluating(subset) for subset in self.evaluate) or (split,)


@dataclass(frozen=True)
class CorpusPlan:
    """Which corpus, and how its clips and speakers are prepared.

    Args:
        name: in the registry.
        settings: of its own, where it has any.
        trim_db: cut the silence at both ends of a clip, what lies so far below its loudest frame; none where left out.
        split: how its speakers or sessions are dealt; the experiment's where left out.
        segments: into which its clips are cut, a preset's name or a table of changes to one; whole where left out.
        stands_for: the corpus for which this one, of synthetic speech, stands in a toy.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    trim_db: float | None = None
    split: SplitPlan | None = None
    segments: str | dict[str, Any] | None = None
    stands_for: str | None = None

    def __post_init__(self) -> None:
        """Refuse a level that would cut speech or everything, and segments that cannot be."""
        self.cut()
        if self.trim_db is not None and not self.trim_db > 0:
            raise StaanetError(f"expected trim_db above 0, got {self.trim_db}; 40 keeps what can be heard")

    def cut(self) -> Segmentation | None:
        """Return the segments in full, None where clips stay whole."""
        if self.segments is None:
            return None
        return from_preset(Segmentation, SEGMENTATION_PRESETS, self.segments, f"corpus {self.name}: segments")

    def build(self) -> Corpus:
        """Return the corpus."""
        corpus: Corpus = validated(CORPORA[self.name], self.settings, f"corpus {self.name}")
        return corpus


UNTRAINED = "none"
"""The training of a checkpoint that is taken as it is."""


@dataclass(frozen=True)
class ModelPlan:
    """A model.

    Args:
        model: its architecture.
        corpus: which of several it is trained on.
        seconds: its trained length; the model's own where left out.
        settings: of the model's own, where it has any.
        training: a preset's name, or a table of changes to one; `none` for a checkpoint of Hugging Face as it is.
        defence: that it has: a name, or a table whose key `defence` is the name beside its settings.
        base_model: the model that its defence stands before, or makes it of; of the same model and corpus.
    """

    model: str
    corpus: str = ""
    seconds: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    training: str | dict[str, Any] = "default"
    defence: str | dict[str, Any] | None = None
    base_model: str | None = None

    def __post_init__(self) -> None:
        """Refuse a defence that cannot be."""
        defence = self.defended()
        if self.base_model is not None and defence is None:
            raise StaanetError(f"expected a defence beside base_model = {self.base_model!r}, found none; name one")
        if isinstance(defence, InputDefence) and (self.base_model is None or self.training != "default"):
            raise StaanetError(
                f"expected the model that {defence.name} stands before as base_model, and no training of its own, got base_model = "
                f"{self.base_model!r}, training = {self.training!r}"
            )
        if defence is not None and self.training == UNTRAINED:
            raise StaanetError(f"expected a training for {defence.name}, got none")

    def defended(self) -> Defence | None:
        """Return the defence in full, None where there is none."""
        return None if self.defence is None else defence_of(self.defence)

    def built(self, labels: Sequence[str], sample_rate: int) -> ModelSettings:
        """Return what the model is built from, in full; untrained, a checkpoint keeps its own labels."""
        own = {} if self.seconds is None else {"seconds": self.seconds}
        known = labels if self.defence is not None or self.resolved() is not None else ()
        return settings_of(self.model, known, **{"sample_rate": sample_rate, **own, **self.settings})

    def resolved(self) -> ModelTraining | None:
        """Return the training in full, None where there is none."""
        if isinstance(self.defended(), InputDefence):
            return None
        if self.training == UNTRAINED:
            if not issubclass(MODELS[self.model], HuggingFace):
                raise StaanetError(f"model {self.model}: expected training, since it starts from random weights")
            return None
        return model_training(self.model, self.training, f"model {self.model}: training")


@dataclass(frozen=True)
class GeneratorPlan:
    """A generator.

    Args:
        generator: its architecture.
        sizes: of the network.
        training: as for models; in the experiment's budget unless it names its own.
        per_source: the training where it is another one against some sources, by their names.
    """

    generator: str
    sizes: dict[str, Any] = field(default_factory=dict)
    training: str | dict[str, Any] = "default"
    per_source: dict[str, str | dict[str, Any]] = field(default_factory=dict)

    def resolved(self, budget: Budget, source: str = "") -> GeneratorTraining:
        """Return the training against a source in full."""
        presets = {name: replace(preset, budget=budget) for name, preset in GENERATOR_PRESETS.items()}
        training = self.per_source.get(source, self.training)
        return from_preset(GeneratorTraining, presets, training, f"generator {self.generator}: training")

    def built(self) -> GeneratorSettings:
        """Return the sizes in full."""
        schema: type[GeneratorSettings] = GENERATORS[self.generator].Settings
        return validated(schema, self.sizes, f"generator {self.generator}: sizes")


@dataclass(frozen=True)
class AttackPlan:
    """How an attack is used: what its table says beside what it is and its own settings.

    Args:
        domain: what it changes: the `waveform`; or the `feature`s of each source, which must be a `cnn_lstm`: it is
            then evaluated on its source only, its epsilon counts deviations of a feature, and where it names none, the
            features' bounds alone hold it.
        clips: how many of the experiment's clips it meets, drawn by the seed, fewer among more; all where left out.
        labels_from: the classes to move away from; the experiment's where left out.
        examples: how many clips the page lets one listen to, or their ids; the experiment's for generators, else none.
    """

    domain: Domain = "waveform"
    clips: int | None = None
    labels_from: LabelsFrom | None = None
    examples: int | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse numbers of clips that are none."""
        for name, least in (("clips", 1), ("examples", 0)):
            if isinstance(number := getattr(self, name), int) and number < least:
                raise StaanetError(f"expected {name} of {least} or more, got {number}")


USE = tuple(field.name for field in fields(AttackPlan))
"""The keys of an attack's table that say how it is used."""
