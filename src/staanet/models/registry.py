"""The registry of architectures; an import line registers one."""

from collections.abc import Sequence
from typing import Any, cast

from staanet.core.registry import collect
from staanet.core.settings import validated
from staanet.models.base import Model, ModelSettings
from staanet.models.cnn_lstm import CnnLstm as CnnLstm
from staanet.models.emo18 import Emo18 as Emo18
from staanet.models.hugging_face.model import HuBERT as HuBERT
from staanet.models.hugging_face.model import HuggingFace as HuggingFace
from staanet.models.hugging_face.model import Wav2Vec2 as Wav2Vec2
from staanet.models.hugging_face.model import WavLM as WavLM
from staanet.models.transformer import Transformer as Transformer
from staanet.models.whisper import Whisper as Whisper
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
