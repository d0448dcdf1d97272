"""The generators of a study, each trained against one source model."""

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import cast

from torch import nn

from staanet.attacks.generator import Generator, create_generator
from staanet.core import checkpoints
from staanet.core.seeds import derive
from staanet.core.signature import to_jsonable
from staanet.study.artefact import Artefact, Settings, Step
from staanet.study.artefacts.models import StudyModel
from staanet.study.data import CorpusSplit
from staanet.training.checkpointed import train_and_save
from staanet.training.generator import train_generator
from staanet.training.loop import History


def _names_clips(source: Settings) -> bool:
    """Return whether the settings of a source say on which clips it was trained, which are those of the generator."""
    members = source.get("mean_logits", ())
    return "split" in source or (bool(members) and all(_names_clips(member) for member in members))


class TrainedGenerator(Artefact):
    """A generator trained against a source model, on the training clips of that model's corpus.

    Args:
        name: The generator's name in the experiment.
        source: The source model.
    """

    kind = "generator"

    def __init__(self, name: str, source: StudyModel) -> None:
        self.workspace, self.name, self.source = source.workspace, name, source
        self.plan = self.workspace.experiment.generators[name]

    @property
    def home(self) -> CorpusSplit:
        """The split on whose training clips it is trained."""
        return self.workspace.data.training_split(self.source.name, self.source.place)

    @cached_property
    def folder(self) -> Path:
        """Folder of the checkpoint."""
        return self.workspace.out / "generators" / f"{self.name}-{self.source.name}-{self.signature}"

    @property
    def files(self) -> Sequence[Path]:
        """The checkpoint's configuration."""
        return (self.folder / checkpoints.CONFIG,)

    @property
    def follows_from(self) -> Sequence[Step]:
        """The source model."""
        return (self.source,)

    def _settings(self) -> Settings:
        experiment, data = self.workspace.experiment, self.workspace.data
        heard: Settings = {}
        if not _names_clips(self.source.settings):
            heard = {"dataset": data.dataset(self.home.corpus).digest, "split": data.split(self.home).digest()}
        return {
            **heard,
            "generator": self.plan.generator,
            "sizes": to_jsonable(self.plan.resolved_settings()),
            "training": to_jsonable(self.plan.resolved_training(experiment.budget, self.source.name)),
            "source": self.source.settings,
            "seed": derive(experiment.seed, "generator", self.plan.generator, data.split(self.home).fold),
        }

    def build(self) -> None:
        """Train the generator and save its checkpoint."""
        experiment, data = self.workspace.experiment, self.workspace.data
        split = data.split(self.home)

        def train(network: nn.Module, progress: Path) -> History:
            return train_generator(
                cast(Generator, network),
                self.source.load(),
                data.dataset(self.home.corpus),
                split.train,
                split.val,
                self.plan.resolved_training(experiment.budget, self.source.name),
                progress,
                self.settings["seed"],
                self.workspace.device,
            )

        train_and_save(
            self.folder,
            partial(create_generator, self.plan.generator, **self.plan.sizes),
            train,
            weights_seed=(experiment.seed, self.plan.generator),
            made_from=self.settings,
        )
