"""Speech-emotion-recognition models: one file per architecture, and loaders for models from anywhere."""

from staanet.models.base import HasFeatures as HasFeatures
from staanet.models.base import Model as Model
from staanet.models.base import ModelSettings as ModelSettings
from staanet.models.external import External as External
from staanet.models.loaders import LOADERS as LOADERS
from staanet.models.loaders import identity_of as identity_of
from staanet.models.loaders import load_deciding as load_deciding
from staanet.models.loaders import load_model as load_model
from staanet.models.loaders import loader_of as loader_of
from staanet.models.mean_logits import MeanLogits as MeanLogits
from staanet.models.registry import MODELS as MODELS
from staanet.models.registry import CnnLstm as CnnLstm
from staanet.models.registry import Emo18 as Emo18
from staanet.models.registry import HuBERT as HuBERT
from staanet.models.registry import HuggingFace as HuggingFace
from staanet.models.registry import Transformer as Transformer
from staanet.models.registry import Wav2Vec2 as Wav2Vec2
from staanet.models.registry import WavLM as WavLM
from staanet.models.registry import Whisper as Whisper
from staanet.models.registry import Zhao19 as Zhao19
from staanet.models.registry import create_model as create_model
from staanet.models.registry import settings_of as settings_of
from staanet.models.wrappers import FeatureView as FeatureView
