"""Reader of Emo18 and Zhao19 checkpoints from the original STAA-Net code (arXiv 2402.01227)."""

from collections.abc import Sequence
from pathlib import Path

from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.models.base import Model, ModelSettings
from staanet.models.emo18 import Emo18
from staanet.models.zhao19 import Zhao19

FIRST, LAST = "audio_model.model.network.0.0.weight", "linear.weight"
"""Original names of the weights of the first convolution and of the last layer."""

KERNELS: dict[int, type[Model]] = {8: Emo18, 3: Zhao19}
"""Model class by the kernel size of its first convolution."""


def read_model(path: Path, labels: Sequence[str], seconds: float) -> Model:
    """Read a model in eval mode from the state dict that the original code saved.

    Args:
        path: State dict (`.pt`) written by the original training script.
        labels: Emotions in the order of the class numbers; the file does not contain them.
        seconds: Trained length in seconds: 6.0 in the paper's experiments on DEMoS, 8.7 on IEMOCAP.

    Raises:
        StaanetError: If the file is not such a state dict, or the number of labels differs from its number of classes.
    """
    tensors = checkpoints.read_state_dict(path)
    if FIRST not in tensors or LAST not in tensors or (kernel := tensors[FIRST].shape[-1]) not in KERNELS:
        raise StaanetError(
            f"{path}: expected the state dict of Emo18 or Zhao19 by the authors' names ({FIRST}, ..., {LAST}), "
            f"got other tensors"
        )
    if len(labels) != len(tensors[LAST]):
        raise StaanetError(
            f"{path}: expected {len(tensors[LAST])} labels, one per class, got {len(labels)}; "
            "name them in the order of their class numbers"
        )
    model = KERNELS[kernel](ModelSettings(tuple(labels), seconds))
    checkpoints.fill(model, tensors, published_name, str(path))
    return model.eval()


def published_name(name: str) -> str:
    """Return the original code's name of one of our tensors.

    >>> published_name("features.2.1.running_var"), published_name("head.lstm.bias_hh_l0")
    ('audio_model.model.network.4.1.running_var', 'rnn.rnn.bias_hh_l0')
    """
    part, rest = name.split(".", 1)
    if part == "features":
        block, layer = rest.split(".", 1)
        return f"audio_model.model.network.{2 * int(block)}.{layer}"  # the original numbers its pooling layers as well
    return rest.replace("lstm.", "rnn.rnn.")
