"""The tables of an experiment file for corpora, splits, models and generators."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from staanet.attacks.generator import GENERATORS
from staanet.attacks.generator.base import GeneratorSettings
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.settings import from_preset, validated
from staanet.corpora import CORPORA, Corpus, Utterance
from staanet.data import SEGMENTATION_PRESETS, Segmentation, Split, at_random, by_speaker, by_subsets, folds
from staanet.data.splits import OFFICIAL_SUBSETS, EvaluatedSubset, SplitUnit, Subset
from staanet.defences import Defence, InputDefence, TrainingDefence, defence_of
from staanet.models import MODELS, HuggingFace, Model, ModelSettings, loader_of, settings_of
from staanet.models.frozen import HasEncoder
from staanet.models.loaders import Loader, check_decides, refuse_dimensions
from staanet.training.generator import GeneratorTraining, generator_training
from staanet.training.settings import ModelTraining, model_training

UNTRAINED = "none"
"""The value of `training` for a checkpoint that is used without further training."""

DEFAULTS = ("default", UNTRAINED)
"""The values of `training` that a model from elsewhere may have."""


@dataclass(frozen=True)
class SplitPlan:
    """How the clips of a corpus are divided into training, validation and test clips.

    Args:
        by: The unit that is never divided between subsets: a `speaker` or a `session`. With `id`, clips are divided at
            random, so that every speaker is in several subsets.
        shares: Fractions of the speakers (or of the clips) in training, validation and test; they sum to 1. Used if
            neither `folds` nor `subsets` is given.
        folds: Number of folds into which the speakers or sessions are divided for cross-validation; three or more.
        run: The folds that are run, counted from 0; all folds by default.
        subsets: The names of the speakers or sessions in each of `train`, `val` and `test`. By session, the official
            subsets of the corpus are the default.
        held_out: Speakers that are always test speakers, whatever the seed; only together with `shares`.
        evaluate: The subsets whose clips are attacked, each by models that were trained on all subsets before it, as
            in the STAA-Net paper: `val` after training on train, `test` after training on train and val. By default
            the test clips are attacked, after training on train and model selection on val.
    """

    by: SplitUnit = "speaker"
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    folds: int | None = None
    run: tuple[int, ...] = ()
    subsets: dict[Subset, tuple[str, ...]] = field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    evaluate: tuple[EvaluatedSubset, ...] = ()

    def __post_init__(self) -> None:
        """Check that the settings belong together."""
        if self.folds is not None and (self.folds < 3 or not set(self.run) <= set(range(self.folds))):
            raise StaanetError(
                f"expected three or more folds and a run of some of them (0..folds - 1), got folds = {self.folds}, "
                f"run = {list(self.run)}"
            )
        if self.folds is None and self.run:
            raise StaanetError(f"expected folds together with run = {list(self.run)}, got none; add folds")
        if self.by == "id" and (self.folds is not None or self.subsets):
            raise StaanetError("expected shares of the clips for a split by id, got folds or subsets; remove them")
        if self.folds is not None and self.subsets:
            raise StaanetError(f"expected either folds or subsets, got folds = {self.folds} and subsets; remove one")
        if self.subsets and set(self.subsets) != set(OFFICIAL_SUBSETS):
            raise StaanetError(f"expected subsets train, val and test, got {', '.join(self.subsets)}; name all three")
        if self.held_out and (self.by != "speaker" or self.folds is not None or self.subsets):
            raise StaanetError("expected held_out together with shares of the speakers only; name all subsets instead")
        if self.evaluate and self.folds is not None:
            raise StaanetError("expected either folds or subsets to evaluate, got both; remove one")

    def splits(self, utterances: Sequence[Utterance], seed: int) -> tuple[Split, ...]:
        """Return the splits of a corpus, one per fold or evaluated subset.

        Raises:
            StaanetError: the clips cannot be split in this way.
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
    """A corpus, and how its clips are prepared and split.

    Args:
        name: Name of the corpus in the registry (`staanet list corpora`).
        settings: The corpus' own settings, if it has any.
        trim_db: Cuts the silence at both ends of each clip: frames this many dB below its loudest frame; no trimming
            by default.
        split: How this corpus is split; the experiment's split by default.
        segments: Cuts clips into segments of one length: the name of a preset, or a table of changes to one. Clips stay
            whole by default.
        stands_for: In a toy run, the corpus that this synthetic one replaces.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    trim_db: float | None = None
    split: SplitPlan | None = None
    segments: str | dict[str, Any] | None = None
    stands_for: str | None = None

    def __post_init__(self) -> None:
        """Check the trimming level and the segmentation."""
        self.segmentation()
        if self.trim_db is not None and not self.trim_db > 0:
            raise StaanetError(f"expected trim_db above 0, got {self.trim_db}; 40 keeps what can be heard")

    def segmentation(self) -> Segmentation | None:
        """Return the complete segmentation settings, or None if clips stay whole."""
        if self.segments is None:
            return None
        return from_preset(Segmentation, SEGMENTATION_PRESETS, self.segments, f"corpus {self.name}: segments")

    def build(self) -> Corpus:
        """Return the corpus."""
        corpus: Corpus = validated(CORPORA[self.name], self.settings, f"corpus {self.name}")
        return corpus


@dataclass(frozen=True)
class ModelPlan:
    """A model of an experiment.

    Args:
        model: Name of the architecture (`staanet list models`), or a reference to a model from elsewhere, which is used
            as it is: a checkpoint folder, a Hugging Face folder or id, `file.py:name` and others (`staanet list
            loaders`). Left out for an ensemble.
        corpus: The corpus that it is trained on, if the experiment has several.
        seconds: Length to which clips are repeated or cut; the model's own default.
        settings: Settings of the architecture or of the loader, such as `labels = { ang = "anger" }`.
        training: The name of a training preset, or a table of changes to one; `none` uses a Hugging Face checkpoint
            without further training, or an encoder without a head as a source of attacks on representations.
        defence: The name of a defence, or a table whose key `defence` is the name and whose other keys are its
            settings.
        base_model: The model that this defence wraps, or from which its training starts; it has the same architecture
            and corpus.
        members: For an ensemble, the two or more models of the experiment of whose logits it is the mean.
    """

    model: str = ""
    corpus: str = ""
    seconds: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    training: str | dict[str, Any] = "default"
    defence: str | dict[str, Any] | None = None
    base_model: str | None = None
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that model or members, defence, base model and training belong together."""
        if bool(self.model) == bool(self.members):
            given = f"model = {self.model!r} and members" if self.model else "neither"
            raise StaanetError(f"expected either a model or the members of an ensemble, got {given}; give one of them")
        if self.members:
            self._check_ensemble()
            return
        refuse_dimensions(self.settings.get("dimensions", ()), f"model {self.model}")
        defence = self.resolved_defence()
        if self.loader is not None and (isinstance(defence, TrainingDefence) or self.training not in DEFAULTS):
            raise StaanetError(
                f"model {self.model}: expected no training for a model that is used as it is, got one; remove it, or "
                "name an architecture (staanet list models)"
            )
        if self.base_model is not None and defence is None:
            raise StaanetError(f"expected a defence together with base_model = {self.base_model!r}, got none; name one")
        if isinstance(defence, InputDefence) and (self.base_model is None or self.training != "default"):
            raise StaanetError(
                f"expected the model that {defence.name} wraps as base_model, and no training of its own, got "
                f"base_model = {self.base_model!r}, training = {self.training!r}"
            )
        if defence is not None and self.training == UNTRAINED:
            raise StaanetError(f"expected a training for {defence.name}, got none")

    def _check_ensemble(self) -> None:
        if len(set(self.members)) < max(2, len(self.members)):
            raise StaanetError(f"expected two or more different members, got {', '.join(self.members)}")
        further = [
            one.name
            for one in fields(self)
            if one.name != "members" and getattr(self, one.name) not in (one.default, {})
        ]
        if further:
            raise StaanetError(
                f"expected the members of an ensemble only, got {', '.join(further)} too; give it to the members"
            )

    @property
    def loader(self) -> Loader | None:
        """The loader of a model from elsewhere, with its settings; None for an architecture and for an ensemble."""
        if self.members or self.model in MODELS or (not Path(self.model).exists() and re.fullmatch(r"\w*", self.model)):
            return None
        found = loader_of(
            self.model, self.settings if self.seconds is None else {"seconds": self.seconds, **self.settings}
        )
        check_decides(found, self.model)
        return found

    @property
    def architecture(self) -> type[Model] | None:
        """The class of an architecture of the library; None for a model from elsewhere and for an ensemble.

        Raises:
            StaanetError: there is no such architecture.
        """
        return None if self.members or self.loader is not None else cast(type[Model], MODELS[self.model])

    def resolved_defence(self) -> Defence | None:
        """Return the defence with all its settings, or None."""
        return None if self.defence is None else defence_of(self.defence)

    def resolved_settings(self, labels: Sequence[str], sample_rate: int) -> ModelSettings:
        """Return all settings of the network; a checkpoint that is not trained keeps its own labels."""
        own = {} if self.seconds is None else {"seconds": self.seconds}
        own_labels = self.defence is None and self.resolved_training() is None
        known = () if own_labels and issubclass(MODELS[self.model], HuggingFace) else labels
        return settings_of(self.model, known, **{"sample_rate": sample_rate, **own, **self.settings})

    def resolved_training(self) -> ModelTraining | None:
        """Return all training settings, or None if the model is not trained."""
        if self.members or isinstance(self.resolved_defence(), InputDefence) or self.loader is not None:
            return None
        if self.training == UNTRAINED:
            if not issubclass(MODELS[self.model], (HuggingFace, HasEncoder)):
                raise StaanetError(f"model {self.model}: expected training, since it starts from random weights")
            return None
        return model_training(self.model, self.training, f"model {self.model}: training")


@dataclass(frozen=True)
class GeneratorPlan:
    """A generator of an experiment; one is trained against each source model.

    Args:
        generator: Name of the architecture (`staanet list generators`).
        sizes: Sizes of the network; the architecture's own defaults.
        training: The name of a training preset, or a table of changes to one. It uses the experiment's budget unless it
            names its own.
        per_source: Training settings that replace `training` for some source models, by their names.
    """

    generator: str
    sizes: dict[str, Any] = field(default_factory=dict)
    training: str | dict[str, Any] = "default"
    per_source: dict[str, str | dict[str, Any]] = field(default_factory=dict)

    def resolved_training(self, budget: Budget, source: str = "") -> GeneratorTraining:
        """Return all training settings against a source model."""
        training = self.per_source.get(source, self.training)
        return generator_training(self.generator, training, f"generator {self.generator}: training", budget)

    def resolved_settings(self) -> GeneratorSettings:
        """Return all sizes of the network."""
        schema: type[GeneratorSettings] = GENERATORS[self.generator].Settings
        return validated(schema, self.sizes, f"generator {self.generator}: sizes")
