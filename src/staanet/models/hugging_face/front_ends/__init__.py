"""Front ends of Hugging Face models: the feature extractors of `transformers` in torch, with gradients.

A further extractor is one file with a subclass of `FrontEnd`, registered by importing it here.
"""

from collections.abc import Mapping
from typing import Any

from staanet.core.registry import collect
from staanet.models.hugging_face.front_ends.base import FrontEnd as FrontEnd
from staanet.models.hugging_face.front_ends.base import Inputs as Inputs
from staanet.models.hugging_face.front_ends.fbank import AstFrontEnd as AstFrontEnd
from staanet.models.hugging_face.front_ends.seamless import SeamlessFrontEnd as SeamlessFrontEnd
from staanet.models.hugging_face.front_ends.waveform import WaveformFrontEnd as WaveformFrontEnd
from staanet.models.hugging_face.front_ends.whisper import WhisperFrontEnd as WhisperFrontEnd

FRONT_ENDS = collect("front end", globals(), FrontEnd)


def front_end_of(architecture: Mapping[str, Any]) -> type[FrontEnd] | None:
    """Return the front end of a network, None if the library has none.

    Args:
        architecture: Complete configuration of the network, with its `model_type`.

    >>> front_end_of({"model_type": "whisper"}).name
    'WhisperFeatureExtractor'
    """
    return next((kind for kind in FRONT_ENDS.values() if kind.serves(architecture)), None)
