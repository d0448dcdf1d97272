"""Checkpoints of `transformers` whose outputs are emotional dimensions: heads for regression."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from staanet.core.checkpoints import load_tensors
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.models.external import External, ExternalSettings
from staanet.models.hugging_face.files import CONFIG, WEIGHTS, fetch
from staanet.models.hugging_face.front_ends import FrontEnd, front_end_of
from staanet.models.hugging_face.head import are_default, fault_of_weights
from staanet.models.hugging_face.loading import check_installed, described, loading

OWN_HEAD = "classifier.out_proj.weight"
"""Weight by which the layout of a head of its own is known, as in the checkpoints of audEERING."""


class Regression(nn.Module):
    """A network of `transformers` behind its front end, from waveforms `[B, T]` of one length to outputs `[B, D]`.

    Args:
        network: The audio classifier, or the encoder alone.
        front_end: Its front end.
        head: The head of an encoder alone, which is applied to the mean over time of its last hidden states.
    """

    def __init__(self, network: nn.Module, front_end: FrontEnd, head: nn.Module | None = None) -> None:
        super().__init__()
        self.network, self.head, self._front_end = network, head, front_end

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the outputs `[B, D]`."""
        found = self.network(**self._front_end(waveforms))
        outputs: Tensor = found.logits if self.head is None else self.head(found.last_hidden_state.mean(1))
        return outputs


def load_dimensional(
    checkpoint: str, dimensions: Sequence[str], scale: tuple[float, float], seconds: float | None, title: str
) -> External:
    """Return the model of a checkpoint whose outputs are emotional dimensions.

    Two layouts of the head are known: that of `AutoModelForAudioClassification`, and that of J. Wagner et al., "Dawn of
    the transformer era in speech emotion recognition", arXiv 2203.07378, section 3 (`Wav2Vec2ForSpeechClassification`):
    the mean over time, a layer with tanh, and a linear layer.

    Args:
        checkpoint: Folder or hub id.
        dimensions: Names of the outputs in their order; those of the checkpoint may come in capital letters.
        scale: Value of an output for the lowest and for the highest rating.
        seconds: Length to which clips are repeated or cut. Default: each clip at its own length.
        title: Name of the model in messages.

    Raises:
        StaanetError: If the checkpoint cannot be loaded, its outputs have other names or it has no trained head.
    """
    from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification

    check_installed(title)
    folder = fetch(checkpoint)
    written = read_json(folder / CONFIG)
    _check_names(written, dimensions, title)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    tensors = {name: tensor for path in sorted(folder.glob(WEIGHTS)) for name, tensor in load_tensors(path).items()}
    own = OWN_HEAD in tensors
    kind = AutoModel if own else AutoModelForAudioClassification
    with loading(checkpoint):
        extractor = AutoFeatureExtractor.from_pretrained(folder, **local)
        config = AutoConfig.from_pretrained(folder, **local)
        config.return_dict = True
        network, report = kind.from_pretrained(
            folder, config=config, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **local
        )
    lacking = sorted(name for name in report["missing_keys"] if not name.endswith("masked_spec_embed"))
    fault = None if own else fault_of_weights(network, report, written)
    if lacking or fault:
        raise StaanetError(
            f"{title}: {fault or f'expected all weights, found none for {lacking[0]}'}; give a checkpoint with a head "
            "for regression that was trained"
        )
    architecture = described(config)
    front_end = front_end_of(architecture)
    assert front_end is not None  # noqa: S101  # fetch checks the family
    made = front_end.read(extractor, architecture, checkpoint)
    head = _own_head(tensors, len(dimensions), title) if own else None
    settings = ExternalSettings(
        labels=(), seconds=seconds, sample_rate=made.sample_rate, dimensions=tuple(dimensions), scale=scale
    )
    return External(Regression(network, made, head), settings, title)


def _check_names(written: dict[str, Any], dimensions: Sequence[str], title: str) -> None:
    """Check that the names of dimensions are those of a checkpoint, unless its outputs have no names."""
    table = written.get("id2label") or {}
    names = [str(table[key]) for key in sorted(table, key=str)]
    if not names or are_default(names):
        return
    if [name.strip().casefold() for name in names] != [name.strip().casefold() for name in dimensions]:
        raise StaanetError(
            f"{title}: expected the dimensions of the checkpoint in the order of its outputs ({', '.join(names)}), got "
            f"{', '.join(dimensions)}"
        )


def _own_head(tensors: dict[str, Tensor], outputs: int, title: str) -> nn.Module:
    """Return the head of a checkpoint of audEERING: a layer with tanh, and a linear layer."""
    names = ("classifier.dense.weight", "classifier.dense.bias", OWN_HEAD, "classifier.out_proj.bias")
    if missing := [name for name in names if name not in tensors]:
        raise StaanetError(f"{title}: expected all weights of the head, found none for {missing[0]}")
    width, found = tensors[names[0]].shape[1], len(tensors[OWN_HEAD])
    if found != outputs:
        raise StaanetError(
            f"{title}: expected one output for each of {outputs} dimensions, got {found} outputs; give the dimensions "
            "in the order of the outputs"
        )
    hidden = len(tensors[names[0]])
    head = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, found))
    keys = ("0.weight", "0.bias", "2.weight", "2.bias")
    head.load_state_dict({key: tensors[name].float() for key, name in zip(keys, names, strict=True)})
    return head
