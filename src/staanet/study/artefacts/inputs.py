"""The models and clips that attacks and evaluations take, as waveforms or as features, kept in memory."""

from collections.abc import Sequence
from functools import cache

from torch import Tensor

from staanet.core.errors import StaanetError
from staanet.evaluation import FeatureDataset, clean_logits
from staanet.evaluation.features import ClipDataset
from staanet.evaluation.signs import signs_on_clips
from staanet.models import FeatureView, HasFeatures, Model
from staanet.study.artefacts.models import StudyModel
from staanet.study.attack_plans import AttackPlan
from staanet.study.workspace import Workspace


class Inputs:
    """The inputs of attacks and evaluations in a study.

    Args:
        workspace: Where the study lies.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._logits: dict[tuple[StudyModel, int | None, str, int], dict[str, Tensor]] = {}
        self._signs: dict[tuple[StudyModel, int | None, str], dict[str, float | bool | None]] = {}
        self._features = cache(self._feature_dataset)

    def of(self, plan: AttackPlan, model: StudyModel) -> tuple[Model | FeatureView, ClipDataset]:
        """Return a model and the clips of its split in an attack's domain: as waveforms, or as the model's features.

        Raises:
            StaanetError: the model decides between fewer emotions than its features were made for.
        """
        if plan.use.domain == "waveform":
            return model.load_for_labels(), self.workspace.data.labelled(model.place.corpus)
        features = self._features(model)
        return features.view(self.workspace.data.test_clips(model.place)), features

    def _feature_dataset(self, model: StudyModel) -> FeatureDataset:
        network = model.load_for_labels()
        if not isinstance(network, HasFeatures):
            raise StaanetError(
                f"expected {model.name} to decide between the emotions that its features are for, got fewer; set "
                "cross_corpus = false"
            )
        return FeatureDataset(self.workspace.data.labelled(model.place.corpus), network)

    def clean_logits(
        self, plan: AttackPlan, model: StudyModel, size: int, some: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Return a model's logits on the clean clips of an attack in its domain, computed once.

        They are computed in the same batches as those of the attacked clips, so that both have the same padding.

        Args:
            plan: The attack.
            model: The model.
            size: Length in samples to which the protocol `paper` fits clips.
            some: Clips of whole batches, if those of the others are not needed.
        """
        clips = self.workspace.data.attacked_clips(plan, model.place)
        key = (*self._key(plan, model, size), len(clips))
        if key in self._logits:
            return self._logits[key]
        logits = clean_logits(
            *self.of(plan, model),
            clips if some is None else some,
            protocol=self.workspace.experiment.protocol,
            size=size,
            batch_size=self.workspace.experiment.batch_size,
            device=self.workspace.device,
        )
        if some is None:
            self._logits[key] = logits
        return logits

    def signs(self, plan: AttackPlan, model: StudyModel, size: int) -> dict[str, float | bool | None]:
        """Return the signs that numbers say little about a model, in the domain of an attack, looked for once.

        Args:
            plan: The attack.
            model: The model.
            size: Length in samples to which the protocol `paper` fits clips.
        """
        key = self._key(plan, model, size)
        if key not in self._signs:
            self._signs[key] = signs_on_clips(
                *self.of(plan, model),
                sorted(self.workspace.data.test_clips(model.place)),
                protocol=self.workspace.experiment.protocol,
                size=size,
                device=self.workspace.device,
            )
        return self._signs[key]

    def _key(self, plan: AttackPlan, model: StudyModel, size: int) -> tuple[StudyModel, int | None, str]:
        return model, size if self.workspace.experiment.protocol == "paper" else None, plan.use.domain
