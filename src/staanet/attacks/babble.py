"""Babble: the voices of others, mixed; a control that no model was trained with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ConfigDict
from torch import Tensor

from staanet.attacks.components.added_sound import AddedSound
from staanet.audio.clips import clips_in, read_clip
from staanet.core.budget import Budget
from staanet.core.errors import StaanetError
from staanet.core.seeds import ClipRandom


@dataclass(frozen=True)
class Babble(AddedSound):
    """A mixture of clips of other speakers, whose largest sample is epsilon; as long as the budget allows.

    For each clip, `voices` clips are drawn from `speech`. Each begins at a random sample, is repeated to the length of
    the clip, and has the same energy per sample in the mixture. With a sparsity below 1, the babble is one excerpt at a
    random position of the clip. At the same largest change, babble has much less energy than random signs.

    Args:
        speech: Folder of audio files with the speech that is mixed, or the clips themselves, `[T]` each at
            `sample_rate`. An experiment takes training clips of the fold.
        budget: Limits on the size of a change and on the share of samples that may change.
        voices: Number of clips in a mixture, at least 1.
        sample_rate: Sampling rate of the attacked clips in Hz; files with another one are resampled. An experiment sets
            its own.

    >>> speech = tuple(torch.rand(6, 1000) - 0.5)
    >>> babble = Babble(speech, Budget(epsilon=0.1))(lambda x: x[:, :2], torch.zeros(1, 2000), torch.tensor([0]))
    >>> round(float(babble.abs().max()), 4)
    0.1
    """

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    name = "babble"

    speech: str | Path | tuple[Tensor, ...]
    budget: Budget = Budget(snr_db=17.0, sparsity=0.12)
    voices: int = 4
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        """Validate the settings."""
        if self.voices < 1:
            raise StaanetError(f"expected voices of 1 or more, got {self.voices}")
        if self.sample_rate < 1:
            raise StaanetError(f"expected a sample_rate of 1 Hz or more, got {self.sample_rate}")

    def prepare(self, device: torch.device) -> "Babble":
        """Check that there is enough speech, and return the attack."""
        del device
        self._clips()
        return self

    def sounds(self, lengths: Tensor, size: int, random: ClipRandom) -> Tensor:
        """Return the babble of each clip, `[B, T]`."""
        clips = self._clips()
        chosen = random.uniform(len(clips)).cpu().argsort(1)[:, : self.voices].tolist()
        offsets = random.uniform(self.voices).cpu().tolist()
        babble = torch.zeros(len(lengths), size)
        for row, length, numbers, starts in zip(babble, lengths.tolist(), chosen, offsets, strict=True):
            for number, start in zip(numbers, starts, strict=True):
                row[:length] += self._voice(clips[number], start, length)
        return babble

    def _clips(self) -> Sequence[Tensor | Path]:
        """Return the clips, or the files, that are mixed.

        Raises:
            StaanetError: there are fewer of them than voices.
        """
        if isinstance(self.speech, tuple):
            found: Sequence[Tensor | Path] = self.speech
        else:
            found = clips_in(Path(self.speech))
        if len(found) < self.voices:
            where = "speech" if isinstance(self.speech, tuple) else self.speech
            raise StaanetError(
                f"{where}: expected {self.voices} clips or more, one per voice, got {len(found)}; give a folder of "
                "audio files with speech of others, or fewer voices"
            )
        return found

    def _voice(self, clip: Tensor | Path, start: float, length: int) -> Tensor:
        """Return `length` samples of a clip from a share `start` of it on, repeated, with a root mean square of 1."""
        samples = torch.from_numpy(read_clip(clip, self.sample_rate)) if isinstance(clip, Path) else clip.cpu().float()
        rms = samples.square().mean().sqrt().clamp_min(torch.finfo(samples.dtype).tiny)
        index = (torch.arange(length) + int(start * len(samples))) % len(samples)
        return samples[index] / rms
