"""Speech-emotion-recognition models: one file per architecture, registered by importing it here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from staanet.core import checkpoints
from staanet.core.registry import collect
from staanet.core.settings import validated
from staanet.models.base import HasFeatures as HasFeatures
from staanet.models.base import Model as Model
from staanet.models.base import ModelSettings as ModelSettings
from staanet.models.cnn_lstm import CnnLstm as CnnLstm
from staanet.models.emo18 import Emo18 as Emo18
from staanet.models.hugging_face.files import is_hugging_face
from staanet.models.hugging_face.model import HuBERT as HuBERT
from staanet.models.hugging_face.model import HuggingFace as HuggingFace
from staanet.models.hugging_face.model import Wav2Vec2 as Wav2Vec2
from staanet.models.hugging_face.model import WavLM as WavLM
from staanet.models.transformer import Transformer as Transformer
from staanet.models.wrappers import FeatureView as FeatureView
from staanet.models.zhao19 import Zhao19 as Zhao19

MODELS = collect("model", globals(), Model)


def settings_of(name: str, labels: Sequence[str] = (), **settings: Any) -> ModelSettings:
    """Return the complete settings of a model, with defaults filled in.

    Args:
        name: Registry name of the model.
        labels: Emotions in the order of the logits. Default: the labels of the checkpoint (Hugging Face models only).
        settings: Further settings of the model by name.

    Raises:
        StaanetError: If the name or a setting is unknown, or a value is invalid.
    """
    schema: type[ModelSettings] = MODELS[name].Settings
    return validated(schema, {"labels": tuple(labels), **settings}, name)


def create_model(name: str, labels: Sequence[str] = (), **settings: Any) -> Model:
    """Build an untrained model in eval mode by its registry name.

    Args:
        name: Registry name of the model.
        labels: Emotions in the order of the logits. Default: the labels of the checkpoint (Hugging Face models only).
        settings: Further settings of the model by name.

    Raises:
        StaanetError: If the name or a setting is unknown, or a value is invalid.

    >>> create_model("emo18", labels=["anger", "neutral"], seconds=1.0).trained_length
    16000
    """
    return cast(Model, MODELS[name](settings_of(name, labels, **settings)).eval())


def load_model(path: str | Path) -> Model:
    """Load a model in eval mode from a checkpoint folder written by this library or by `transformers`.

    Raises:
        StaanetError: If the folder holds no checkpoint, the checkpoint of something else, or one of `transformers`
            without a trained head that decides between its labels.
    """
    if is_hugging_face(Path(path)):
        return create_model("hugging_face", checkpoint=str(path))
    return cast(Model, checkpoints.load("model", MODELS, path))
