"""Models, the speech-emotion-recognition models that are attacked: one file each, listed by importing it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from staanet.core import checkpoints
from staanet.core.registry import collect
from staanet.core.settings import validated
from staanet.models.base import Model as Model
from staanet.models.base import ModelSettings as ModelSettings
from staanet.models.cnn_lstm import CnnLstm as CnnLstm
from staanet.models.emo18 import Emo18 as Emo18
from staanet.models.hugging_face.loading import is_hugging_face
from staanet.models.hugging_face.model import HuBERT as HuBERT
from staanet.models.hugging_face.model import HuggingFace as HuggingFace
from staanet.models.hugging_face.model import Wav2Vec2 as Wav2Vec2
from staanet.models.hugging_face.model import WavLM as WavLM
from staanet.models.transformer import Transformer as Transformer
from staanet.models.wrappers import FeatureView as FeatureView
from staanet.models.zhao19 import Zhao19 as Zhao19

MODELS = collect("model", globals(), Model)


def settings_of(name: str, labels: Sequence[str] = (), **settings: Any) -> ModelSettings:
    """Return what a model is to be built from, in full.

    Raises:
        StaanetError: an unknown name or setting.
    """
    schema: type[ModelSettings] = MODELS[name].Settings
    return validated(schema, {"labels": tuple(labels), **settings}, name)


def create_model(name: str, labels: Sequence[str] = (), **settings: Any) -> Model:
    """Build an untrained model by its registry name, in eval mode; one from Hugging Face may bring its own labels.

    Raises:
        StaanetError: an unknown name or setting.

    >>> create_model("emo18", labels=["anger", "neutral"], seconds=1.0).trained_length
    16000
    """
    return cast(Model, MODELS[name](settings_of(name, labels, **settings)).eval())


def load_model(path: str | Path) -> Model:
    """Load a model from its checkpoint folder, this library's or one of Hugging Face, in eval mode.

    Raises:
        StaanetError: no checkpoint there, or one of something else.
    """
    if is_hugging_face(Path(path)):
        return create_model("hugging_face", checkpoint=str(path))
    return cast(Model, checkpoints.load("model", MODELS, path))
