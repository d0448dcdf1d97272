"""Reading of a corpus: each clip is checked, converted to one channel and one sampling rate, and cut if wanted."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from staanet.audio.files import check_rate, encoding, mono, printable, resample
from staanet.audio.lengths import is_silent, trimmed
from staanet.core.errors import PersistentError, StaanetError
from staanet.core.progress import track
from staanet.corpora.base import Corpus, Rated, Samples, Utterance, Validation
from staanet.data.segments import Segmentation


class ClipAudio(NamedTuple):
    """The audio of a clip as its corpus has it."""

    seconds: float
    rate: int
    """Sampling rate in Hz."""
    channels: int
    encoding: str
    """Format of the file and of its samples, empty if the clip is not a file."""
    digest: str
    """Hash of the samples, mean over the channels."""
    beyond: float
    """Share of the samples beyond full scale, which are clipped."""


Content = TypeVar("Content")


@dataclass(frozen=True)
class ReadClip(Generic[Content]):
    """What was read of a clip.

    Args:
        audio: Its audio as the corpus has it.
        peak: Its largest absolute sample, in full scale.
        pieces: The clip, or its segments, each with its samples or where these are; a text says why a segment cannot be
            used.
    """

    audio: ClipAudio
    peak: float
    pieces: Sequence[tuple[Utterance, Content] | str]


Cut = ReadClip[Content] | str
"""What was read of a clip; a text says why the clip cannot be used."""


@dataclass
class Findings:
    """What is known of a corpus after its clips were read.

    Args:
        found: The clips that were found before audio was read.
        labels: The emotions of the clips that are kept, in the order of their class numbers.
        skipped: A line for each clip that is skipped.
        remarks: Lines about many clips.
        used: The descriptions of the clips, or of their segments, that can be used.
        audio: The audio of each clip that can be used, by the id of the clip.
    """

    found: Validation
    labels: tuple[str, ...]
    skipped: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    used: list[Utterance] = field(default_factory=list)
    audio: dict[str, ClipAudio] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """Reads the clips of a corpus.

    Args:
        corpus: The corpus.
        root: Folder of the corpus.
        sample_rate: Sampling rate of the clips that are returned, in Hz.
        trim_db: Both ends of a clip are cut off as long as they are this many dB below its loudest frame; None cuts
            nothing off.
        segments: How clips are cut into segments and augmented; None leaves clips whole.
    """

    corpus: Corpus
    root: Path
    sample_rate: int
    trim_db: float | None
    segments: Segmentation | None

    def __post_init__(self) -> None:
        """Validate the sampling rate and the level."""
        check_rate(self.sample_rate, "the dataset")
        if self.trim_db is not None and not 0 < self.trim_db < math.inf:
            raise StaanetError(f"expected a finite trim_db above 0, got {self.trim_db}")

    def find(self) -> Findings:
        """Return the clips of the corpus before audio is read.

        Raises:
            StaanetError: If the corpus cannot be listed or has no usable clip.
        """
        found = self.corpus.validate(self.root)
        own = self.corpus.labels(self.root)
        if self.segments is not None and any(isinstance(clip, Rated) for clip in found.utterances):
            raise StaanetError(
                "expected whole clips, because ratings are of these, got segments; leave segments or dimensions out"
            )
        labels = own if self.segments is None else self.segments.labels(own)
        return Findings(found, labels, list(found.problems), list(found.remarks))

    def wanted(self, findings: Findings) -> list[Utterance]:
        """Return the clips with the emotions that are kept, and add to the findings how many others there are."""
        utterances = [utterance for utterance in findings.found.utterances if utterance.label in findings.labels]
        if others := len(findings.found.utterances) - len(utterances):
            findings.remarks.append(f"skipped {others} clips of other emotions than {', '.join(findings.labels)}")
        return utterances

    def read(self, findings: Findings) -> Iterator[tuple[Utterance, Samples]]:
        """Yield the clips, or their segments, that can be used, and add to the findings what was read and skipped."""
        utterances = self.wanted(findings)
        with ThreadPoolExecutor() as pool:
            progress = track(pool.map(self.cut, utterances), f"prepare {self.corpus.name}", total=len(utterances))
            yield from self.gather(findings, utterances, progress)

    def gather(
        self, findings: Findings, utterances: Sequence[Utterance], read: Iterable[Cut[Content]]
    ) -> Iterator[tuple[Utterance, Content]]:
        """Yield the clips, or their segments, that can be used, and add to the findings what was read and skipped.

        Args:
            findings: What is known of the corpus.
            utterances: The clips.
            read: What was read of each of them.
        """
        peaks: dict[str, float] = {}
        lacking: Counter[str] = Counter()
        for utterance, clip in zip(utterances, read, strict=True):
            if isinstance(clip, str):
                findings.skipped.append(clip)
                continue
            findings.audio[utterance.id] = clip.audio
            if clip.peak > 1:
                peaks[utterance.id] = clip.peak
            for piece in clip.pieces:
                if isinstance(piece, str):
                    lacking[piece] += 1
                else:
                    findings.used.append(piece[0])
                    yield piece
        findings.remarks += [f"skipped {count} segments {reason}" for reason, count in sorted(lacking.items())]
        if peaks:
            peak, loudest = max((peak, name) for name, peak in peaks.items())
            findings.remarks.append(
                f"clipped {len(peaks)} clips to full scale; the largest peak is {peak:.3g}, in {loudest}; "
                f"up to {100 * max(audio.beyond for audio in findings.audio.values()):.2g} % of the samples of a clip"
            )
        if not findings.used:
            raise StaanetError(
                f"{self.root}: expected usable clips, found none"
                + (
                    f" of {len(findings.skipped)}: {findings.skipped[0]}"
                    if findings.skipped
                    else f"; give the folder of {self.corpus.name}"
                )
            )

    def cut(self, utterance: Utterance) -> Cut[Samples]:
        """Read a clip and cut it into segments if these are wanted."""
        where = printable(self.root / utterance.path)
        try:
            samples, rate = self.corpus.read(self.root, utterance)
        except PersistentError:
            raise
        except StaanetError as error:
            return f"{error}; skipped"
        except Exception as error:  # whatever one file raises stays with it
            return f"{where}: expected readable audio, got {type(error).__name__}: {error}; skipped"
        single = mono(samples)
        waveform = resample(single, rate, self.sample_rate).clip(-1, 1)
        if is_silent(waveform):
            return f"{where}: expected speech, got silence; skipped"
        if self.trim_db is not None:
            waveform = trimmed(waveform, self.sample_rate, self.trim_db)
        peak = float(np.abs(samples).max(initial=0.0))
        audio = ClipAudio(
            seconds=len(samples) / rate,
            rate=rate,
            channels=samples.shape[1],
            encoding=self._encoding(utterance),
            digest=hashlib.blake2b(np.ascontiguousarray(single).tobytes(), digest_size=16).hexdigest(),
            beyond=float((np.abs(samples) > 1).mean()) if peak > 1 else 0.0,
        )
        if self.segments is None:
            return ReadClip(audio, peak, [(utterance, waveform)])
        return ReadClip(audio, peak, list(self.segments.segment(utterance, waveform, self.sample_rate)))

    def _encoding(self, utterance: Utterance) -> str:
        if not self.corpus.on_disk:
            return ""
        try:
            return encoding(self.root / utterance.path)
        except StaanetError:  # the corpus keeps its clips in another kind of file
            return ""
