"""How an evaluation saves clips: in the format of the recordings, so that a counted clip survives its file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from staanet.audio import coding
from staanet.core.errors import unknown_name
from staanet.data import Dataset

TOLERANCE = 1e-6
"""Rounding error of float32 that a size may exceed its budget by."""

BITS: Mapping[str, int] = {"pcm8": 8, "pcm16": 16, "pcm24": 24}
"""Bits of a sample, by the name of the format."""

FLOATS = "float32"
"""Name of the format in which every sample stays as it is."""

MP3_KBPS, OPUS_KBPS, VORBIS_QUALITY = 64.0, 32.0, 0.5
"""Rates of the lossy codecs for one channel: those at which speech is usually kept. No file states what it was."""

Samples = coding.Samples


def _mp3(samples: Samples, rate: int) -> Samples:
    own = coding.mp3_rate(rate)
    return coding.at_rate(samples, rate, own, lambda clip: coding.mp3(clip, own, MP3_KBPS))


def _opus(samples: Samples, rate: int) -> Samples:
    return coding.at_rate(samples, rate, coding.OPUS_RATE, lambda clip: coding.opus(clip, OPUS_KBPS))


def _telephone(code: Callable[[Samples], Samples]) -> Callable[[Samples, int], Samples]:
    return lambda samples, rate: coding.at_rate(samples, rate, coding.TELEPHONE_RATE, code)


CODECS: Mapping[str, Callable[[Samples, int], Samples]] = {
    "mp3": _mp3,
    "opus": _opus,
    "vorbis": lambda samples, rate: coding.vorbis(samples, rate, VORBIS_QUALITY),
    "mu-law": _telephone(lambda clip: coding.g711(clip, "mu")),
    "a-law": _telephone(lambda clip: coding.g711(clip, "a")),
    "gsm": _telephone(coding.gsm),
}
"""Lossy codecs: what a model receives of a clip at a sampling rate, by the name of the format."""

SUBTYPES: Mapping[str, str] = {
    "PCM_S8": "pcm8",
    "PCM_U8": "pcm8",
    "PCM_16": "pcm16",
    "PCM_24": "pcm24",
    "PCM_32": FLOATS,
    "FLOAT": FLOATS,
    "DOUBLE": FLOATS,
    "MPEG_LAYER_II": "mp3",
    "MPEG_LAYER_III": "mp3",
    "OPUS": "opus",
    "VORBIS": "vorbis",
    "ULAW": "mu-law",
    "ALAW": "a-law",
    "GSM610": "gsm",
}
"""Formats by the name that libsndfile gives to the samples of a file. 32 bits are finer than the samples of a model."""

WORDS: Mapping[str, str] = {
    **{name: f"with {bits} bits" for name, bits in BITS.items()},
    FLOATS: "as 32-bit floats",
    "mp3": f"as MP3 at {MP3_KBPS:g} kbit/s",
    "opus": f"as Opus at {OPUS_KBPS:g} kbit/s",
    "vorbis": f"as Ogg Vorbis of quality {VORBIS_QUALITY:g}",
    "mu-law": "as G.711 (mu-law)",
    "a-law": "as G.711 (A-law)",
    "gsm": "as GSM 06.10",
}
"""How clips are saved, as it follows the word saved."""


@dataclass(frozen=True)
class Saved:
    """How clips are saved: on the grid of some bits, as floats, or by a lossy codec.

    A grid takes the change of an attack to whole steps within its budget. A codec changes every sample by itself, so
    the budget bounds the change before it; the decision after it counts.

    Args:
        name: Name of the format.
        sample_rate: Sampling rate of the clips in Hz.

    Raises:
        StaanetError: If the name is unknown.

    >>> Saved("pcm16").clean(torch.tensor([[0.00004]])) * 2**15
    tensor([[1.]])
    """

    name: str = "pcm16"
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        """Validate the name."""
        if self.name not in WORDS:
            raise unknown_name("format", self.name, WORDS)

    @property
    def words(self) -> str:
        """How clips are saved, such as `with 16 bits`."""
        return WORDS[self.name]

    @property
    def step(self) -> float | None:
        """The smallest change of a sample; None for a format without a grid."""
        bits = BITS.get(self.name)
        return None if bits is None else 2.0 ** (1 - bits)

    def clean(self, waveforms: Tensor) -> Tensor:
        """Return clips `[B, T]` on the grid of the format; those of a lossy format stay as they were decoded."""
        if self.step is None:
            return waveforms
        return (waveforms / self.step).round().clamp(-1 / self.step, 1 / self.step - 1) * self.step

    def perturbed(self, clean: Tensor, adversarial: Tensor, epsilon: Tensor) -> Tensor:
        """Return adversarial clips `[B, T]` on the grid of the format, with no change above epsilon `[B, 1]`.

        Args:
            clean: The clean clips as they are saved.
            adversarial: The adversarial clips.
            epsilon: Largest change of a sample of each clip.
        """
        if self.step is None:
            return adversarial
        largest = ((epsilon + min(TOLERANCE, self.step / 16)) / self.step).floor()
        steps = ((adversarial - clean) / self.step).round().clamp(-largest, largest)
        return (clean / self.step + steps).clamp(-1 / self.step, 1 / self.step - 1) * self.step

    def received(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Return perturbed clips `[B, T]` of `lengths` `[B]` as a model receives them, after a lossy codec."""
        if self.name not in CODECS:
            return waveforms
        decoded = torch.zeros_like(waveforms)
        for row, (clip, length) in enumerate(zip(waveforms, lengths.tolist(), strict=True)):
            samples = clip[:length].float().cpu().numpy()
            coded = CODECS[self.name](samples, self.sample_rate).clip(-1, 1).astype(np.float32)
            decoded[row, :length] = torch.from_numpy(coded[:length]).to(decoded)
        return decoded


def format_of(dataset: Dataset) -> tuple[str, str]:
    """Return the format in which most recordings of a dataset are, and why it is taken, in words.

    >>> from types import SimpleNamespace
    >>> format_of(SimpleNamespace(overview={"audio": {"encodings": {"WAV PCM_24": 9, "MP3 MPEG_LAYER_III": 1}}}))
    ('pcm24', 'most recordings are WAV PCM_24; others are MP3 MPEG_LAYER_III')
    """
    counts: Mapping[str, int] = dataset.overview.get("audio", {}).get("encodings", {})
    if not counts:
        return "pcm16", "the format of the recordings is not known"
    first, *others = sorted(counts, key=lambda name: (-counts[name], name))
    name = SUBTYPES.get(first.rsplit(" ", 1)[-1])
    if name is None:
        return "pcm16", f"the recordings are {first}, which is not written here"
    if not others:
        return name, f"the recordings are {first}"
    return name, f"most recordings are {first}; others are {', '.join(others)}"
