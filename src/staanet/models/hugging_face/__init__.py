"""Models from Hugging Face: wav2vec 2.0, WavLM, HuBERT and any other audio classifier of `transformers`."""

from staanet.models.hugging_face.model import HuBERT as HuBERT
from staanet.models.hugging_face.model import HuggingFace as HuggingFace
from staanet.models.hugging_face.model import Wav2Vec2 as Wav2Vec2
from staanet.models.hugging_face.model import WavLM as WavLM
from staanet.models.hugging_face.settings import HuggingFaceSettings as HuggingFaceSettings
