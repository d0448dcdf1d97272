"""The models of a study: trained here, used as they come from elsewhere, or wrapped by a defence."""

import abc
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import cast

from torch import nn

from staanet.attacks.base import ACCESS
from staanet.core import checkpoints
from staanet.core.errors import StaanetError, StaanetWarning
from staanet.core.seeds import derive
from staanet.core.signature import to_jsonable
from staanet.defences import InputDefence, TrainingDefence
from staanet.models import MODELS, MeanLogits, Model, load_model
from staanet.models.base import Access
from staanet.models.loaders import Loader, refuse_dimensions
from staanet.models.loaders.base import weights_digest
from staanet.models.wrappers import DefendedView, LabelView, ResampledView
from staanet.study.artefact import Artefact, Settings, Step
from staanet.study.data import CorpusSplit
from staanet.study.plans import ModelPlan
from staanet.study.workspace import Workspace
from staanet.training.checkpointed import train_and_save
from staanet.training.classifier import train_model
from staanet.training.loop import History


class StudyModel(abc.ABC):
    """A model of a study that has not been trained on the test clips of a split.

    Args:
        workspace: Where the study lies.
        name: The model's name in the experiment.
        place: The split whose test clips it is evaluated on.
        base: The model that its defence wraps, or from which its training starts; None without one.
    """

    def __init__(self, workspace: Workspace, name: str, place: CorpusSplit, base: "StudyModel | None" = None) -> None:
        self.workspace, self.name, self.place, self.base = workspace, name, place, base
        self.plan: ModelPlan = workspace.experiment.models[name]

    @property
    @abc.abstractmethod
    def settings(self) -> Settings:
        """All settings that decide the model's weights and behaviour."""

    @abc.abstractmethod
    def load(self) -> Model:
        """Return the model, trained if that is missing."""

    def load_for_labels(self) -> Model:
        """Return the model, deciding between the experiment's emotions only."""
        model, labels = self.load(), self.workspace.data.labels(self.place.corpus)
        return model if model.labels == labels else LabelView(model, labels)

    @property
    def follows_from(self) -> Sequence[Step]:
        """The model that its defence wraps, or from which its training starts."""
        return () if self.base is None else (self.base,)

    @property
    def offers(self) -> tuple[Access, bool]:
        """The most that attacks can use of it, and whether it has representations."""
        return "gradient", True

    @property
    def packages(self) -> Sequence[str]:
        """Packages beyond the library's own dependencies that decide its numbers."""
        return (self.plan.architecture or self.plan.loader).packages  # type: ignore[union-attr]

    @property
    def trained_length(self) -> int:
        """Length in samples to which it repeats or cuts clips, 0 if it takes clips of any length."""
        return round((self.settings["seconds"] or 0) * self.workspace.experiment.sample_rate)


class TrainedModel(Artefact, StudyModel):
    """A model that the study trains."""

    kind = "model"
    follows_from = StudyModel.follows_from

    @cached_property
    def folder(self) -> Path:
        """Folder of the checkpoint."""
        return self.workspace.out / "models" / f"{self.name}-{self.signature}"

    @property
    def files(self) -> Sequence[Path]:
        """The checkpoint's configuration."""
        return (self.folder / checkpoints.CONFIG,)

    def _settings(self) -> Settings:
        data, plan = self.workspace.data, self.plan
        home = data.training_split(self.name, self.place)
        dataset, split = data.dataset(home.corpus), data.split(home)
        built = plan.resolved_settings(dataset.labels, dataset.sample_rate)
        defence = plan.resolved_defence()
        return {
            "model": plan.model,
            "seconds": built.seconds,
            **MODELS[plan.model].identity(built),
            "training": to_jsonable(plan.resolved_training()),
            "dataset": dataset.digest,
            "labels": list(dataset.labels),
            "split": split.digest(),
            # the stream has kept the name "victim" since version 0.1: another name would give other weights
            "seed": derive(self.workspace.experiment.seed, "victim", plan.model, split.fold),
            **defence_settings(plan),
            **({"base_model": self.base.settings} if defence is not None and self.base is not None else {}),
        }

    def build(self) -> None:
        """Train the model and save its checkpoint."""
        data, plan = self.workspace.data, self.plan
        home = data.training_split(self.name, self.place)
        dataset, split = data.dataset(home.corpus), data.split(home)
        training, defence = plan.resolved_training(), plan.resolved_defence()
        assert training is not None  # noqa: S101

        def train(network: nn.Module, progress: Path) -> History:
            return train_model(
                cast(Model, network),
                dataset,
                split.train,
                split.val,
                training,
                progress,
                self.settings["seed"],
                self.workspace.device,
                defence=defence if isinstance(defence, TrainingDefence) else None,
                base_model=None if self.base is None else self.base.load(),
            )

        train_and_save(
            self.folder,
            partial(MODELS[plan.model], plan.resolved_settings(dataset.labels, dataset.sample_rate)),
            train,
            weights_seed=(self.workspace.experiment.seed, plan.model),
            made_from=self.settings,
            split=split,
        )

    def load(self) -> Model:
        """Return the trained model."""
        self.ensure()
        return load_model(self.folder)


class PretrainedModel(StudyModel):
    """A checkpoint that is used without further training."""

    @cached_property
    def settings(self) -> Settings:
        """All settings that decide its weights."""
        home = self.workspace.data.training_split(self.name, self.place)
        dataset = self.workspace.data.dataset(home.corpus)
        built = self.plan.resolved_settings(dataset.labels, dataset.sample_rate)
        return {"model": self.plan.model, "seconds": built.seconds, **MODELS[self.plan.model].identity(built)}

    def load(self) -> Model:
        """Return the model of the checkpoint.

        Raises:
            StaanetError: an attack uses its decisions, and it has no trained head or does not know the emotions.
        """
        experiment, labels = self.workspace.experiment, self.workspace.data.labels(self.place.corpus)
        if experiment.is_encoder_only(self.name):
            built = self.plan.resolved_settings(labels, experiment.sample_rate)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StaanetWarning)
                return cast(Model, MODELS[self.plan.model](replace(built, labels=labels)).eval())
        built = self.plan.resolved_settings((), experiment.sample_rate)
        try:
            model: Model = MODELS[self.plan.model](built).eval()
        except StaanetError as error:
            raise StaanetError(f"model {self.name}: {error}") from error
        if not set(labels) <= set(model.labels):
            raise StaanetError(
                f"model {self.name}: expected a checkpoint that knows {', '.join(labels)}, got one of "
                f"{', '.join(model.labels)}; rename them in its config.json (id2label), or give it a training"
            )
        return model


class ModelFromElsewhere(StudyModel):
    """A model that a loader loads and that is used as it is."""

    @cached_property
    def settings(self) -> Settings:
        """What decides its answers, and how its input is framed and its labels are named."""
        loader, reference = self._loader, self.plan.model
        weights = {"weights": weights_digest(self._model)} if loader.runs_code else {}
        decide = {**loader.identity(reference), **weights, **to_jsonable(loader.deciding)}
        return {"model": loader.title(reference), **decide}

    def load(self) -> Model:
        """Return the model at the sampling rate of the clips.

        Raises:
            StaanetError: it does not decide between the emotions of the corpus.
        """
        model, labels = self._model, self.workspace.data.labels(self.place.corpus)
        refuse_dimensions(model.dimensions, f"model {self.name}")
        if lacking := [label for label in labels if label not in model.labels]:
            raise StaanetError(
                f"model {self.name}: expected a model that decides between {', '.join(labels)}, got one of "
                f"{', '.join(model.labels)}, without {', '.join(lacking)}; rename its labels "
                '(settings = { labels = { ang = "anger" } }), or choose emotions of the corpus that it knows'
            )
        return model

    @property
    def offers(self) -> tuple[Access, bool]:
        """The most that attacks can use of it, and whether it has representations."""
        return self._model.access, self._model.has_representation

    @property
    def trained_length(self) -> int:
        """Length in samples to which it repeats or cuts clips, 0 if it takes clips of any length."""
        return self._model.trained_length or 0

    @cached_property
    def _model(self) -> Model:
        model, rate = self._loader.load(self.plan.model), self.workspace.experiment.sample_rate
        return model if model.sample_rate == rate else ResampledView(model, rate)

    @property
    def _loader(self) -> Loader:
        assert self.plan.loader is not None  # noqa: S101
        return self.plan.loader


class DefendedModel(StudyModel):
    """A model whose input a defence transforms."""

    @cached_property
    def settings(self) -> Settings:
        """The base model's settings and those of the defence; defences on defences are nested."""
        assert self.base is not None  # noqa: S101
        base = self.base.settings
        return {**base, **defence_settings(self.plan), **({"base_model": base} if "defence" in base else {})}

    @property
    def offers(self) -> tuple[Access, bool]:
        """What attacks can use of the base model."""
        assert self.base is not None  # noqa: S101
        return self.base.offers

    @property
    def trained_length(self) -> int:
        """Length in samples to which the base model repeats or cuts clips, 0 if it takes clips of any length."""
        assert self.base is not None  # noqa: S101
        return self.base.trained_length

    def load(self) -> Model:
        """Return the base model behind the defence."""
        assert self.base is not None  # noqa: S101
        return DefendedView(self.base.load(), cast(InputDefence, self.plan.resolved_defence()))


class EnsembleModel(StudyModel):
    """Several models as one: the mean of their logits.

    Args:
        members: The models.
    """

    def __init__(self, workspace: Workspace, name: str, place: CorpusSplit, members: Sequence[StudyModel]) -> None:
        super().__init__(workspace, name, place)
        self.members = members

    @cached_property
    def settings(self) -> Settings:
        """The settings of the members, and the length to which clips are cut."""
        seconds = self.trained_length / self.workspace.experiment.sample_rate
        return {"seconds": seconds or None, "mean_logits": [member.settings for member in self.members]}

    @property
    def follows_from(self) -> Sequence[Step]:
        """The members."""
        return tuple(self.members)

    @property
    def offers(self) -> tuple[Access, bool]:
        """What attacks can use of every member; a mean of logits has no representation."""
        return min((member.offers[0] for member in self.members), key=ACCESS.index), False

    @property
    def packages(self) -> Sequence[str]:
        """Packages beyond the library's own dependencies that decide the numbers of a member."""
        return list(dict.fromkeys(package for member in self.members for package in member.packages))

    @property
    def trained_length(self) -> int:
        """Length in samples beyond which no member looks, 0 if one takes clips of any length."""
        lengths = [member.trained_length for member in self.members]
        return max(lengths) if all(lengths) else 0

    def load(self) -> Model:
        """Return the mean of the logits of the members, which decide between the experiment's emotions.

        Raises:
            StaanetError: a member does not know them.
        """
        try:
            return cast(Model, MeanLogits([member.load_for_labels() for member in self.members]))
        except StaanetError as error:
            raise StaanetError(f"model {self.name}: {error}") from error


def defence_settings(plan: ModelPlan) -> Settings:
    """Return the defence of a model as settings, nothing without one."""
    defence = plan.resolved_defence()
    return {} if defence is None else {"defence": defence.identity()}


def study_model(workspace: Workspace, name: str, place: CorpusSplit, base: StudyModel | None) -> StudyModel:
    """Return a model of a study: defended, from elsewhere, pretrained or trained."""
    plan = workspace.experiment.models[name]
    if isinstance(plan.resolved_defence(), InputDefence):
        return DefendedModel(workspace, name, place, base)
    if plan.architecture is None:
        return ModelFromElsewhere(workspace, name, place, base)
    return (PretrainedModel if plan.resolved_training() is None else TrainedModel)(workspace, name, place, base)
