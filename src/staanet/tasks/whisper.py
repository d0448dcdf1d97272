"""Import the encoder of Whisper from the format of faster-whisper into that of Hugging Face."""

import hashlib
from pathlib import Path
from typing import Any

from staanet.core.checkpoints import CONFIG, WEIGHTS, save_tensors
from staanet.core.files import atomic_write, check_replaceable, write_json
from staanet.core.version import __version__
from staanet.models.hugging_face.files import FEATURE_EXTRACTOR
from staanet.models.whisper.ctranslate2 import content_of, read_encoder

ABOUT = "imported.json"
"""Says from which file a folder was imported."""

EXTRACTOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "sampling_rate": 16_000,
    "n_fft": 400,
    "hop_length": 160,
    "chunk_length": 30,
    "padding_value": 0.0,
    "return_attention_mask": False,
}


def import_whisper(folder: Path, out: Path) -> dict[str, Any]:
    """Write the encoder of a faster-whisper (CTranslate2) folder as a checkpoint of Hugging Face.

    Args:
        folder: Folder with `model.bin`, or with its parts `model.bin.part1`, `model.bin.part2` and so on.
        out: Folder of the checkpoint.

    Returns:
        The sizes of the encoder, and the SHA-256 of `model.bin` under `sha256`.

    Raises:
        StaanetError: If there is no such file, it is damaged, quantised or of another network, or `out` holds files of
            others.
    """
    check_replaceable(out, ABOUT)
    where, content = content_of(folder)
    config, tensors = read_encoder(content, where)
    sha256 = hashlib.sha256(content).hexdigest()
    with atomic_write(out) as temporary:
        temporary.mkdir()
        extractor = {**EXTRACTOR, "feature_size": config["num_mel_bins"]}
        architecture = {"model_type": "whisper", "architectures": ["WhisperModel"], **config}
        write_json(temporary / CONFIG, architecture)
        write_json(temporary / FEATURE_EXTRACTOR, extractor)
        write_json(temporary / ABOUT, {"staanet": __version__, "model.bin": sha256})
        save_tensors(temporary / WEIGHTS, tensors)
    return {**config, "sha256": sha256}
