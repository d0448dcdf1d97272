"""The corpus `synthetic`: emotional speech from a source-filter synthesiser, so that everything runs without data.

A text is a row of syllables without meaning, the same for every speaker and emotion. A speaker has a pitch, a vocal
tract, a tempo and a microphone. An emotion moves pitch, tempo, voice quality and level as actors do, and every clip
strays from the rule, so that classes overlap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, lfilter, sosfilt

from staanet.core.errors import StaanetError, unknown_name
from staanet.core.seeds import derive
from staanet.corpora.base import Corpus, Samples, Utterance, Validation

Track = NDArray[np.float64]

_FRAME = 0.005  # seconds from one position of the vocal tract to the next
_SYLLABLE = 0.22  # seconds that a syllable takes on average at a neutral tempo
_EDGE = (0.05, 0.15)  # shortest and longest silence before and after the speech, in seconds
_LEVEL = -26.0  # of neutral speech, in decibels of full scale
_UPPER = (3500.0, 4500.0, 5500.0)  # formants of a neutral tube, which no vowel moves much


class _Phone(NamedTuple):
    """A stretch of speech with one target: what sounds, how loudly, and where the resonances are."""

    seconds: float
    voice: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_hertz: float = 4000.0
    formants: tuple[float, float, float] = (500.0, 1500.0, 2500.0)


class _Syllable(NamedTuple):
    onset: tuple[_Phone, ...]
    vowel: tuple[float, float, float]
    stressed: bool
    pause: float  # seconds after it


class _Manner(NamedTuple):
    """How a text is spoken, against the speaker's habit."""

    pitch: float  # semitones
    span: float  # semitones by which accents spread
    slope: float  # semitones from the first syllable to the last
    tempo: float  # factor
    level: float  # decibels
    tension: float  # of the vocal folds: 0 breathy, 0.5 modal, 1 pressed
    articulation: float  # factor on the vowel space


class _Voice(NamedTuple):
    """A speaker, and the room that he or she is recorded in."""

    pitch: float  # hertz
    tract: float  # factor on all formants
    tempo: float  # factor
    tension: float  # added to the manner's
    noise: float  # decibels of full scale


class _Score(NamedTuple):
    """What every organ does in every frame `[N]`."""

    pitch: Track
    voice: Track
    breath: Track
    hiss: Track
    hiss_hertz: Track
    formants: Track  # [N, F]


# Directions after Juslin & Laukka (2003), Table 11, and Banse & Scherer (1996); vowel space after Burkhardt &
# Sendlmeier (2000). Sizes are chosen so that the classes overlap. Those after sadness only stand for other corpora's.
_MANNERS: Mapping[str, _Manner] = {
    "anger": _Manner(3.0, 2.0, -3.5, 1.14, 2.0, 1.00, 1.14),
    "happiness": _Manner(6.5, 4.0, 4.0, 1.06, 1.0, 0.60, 1.08),
    "neutral": _Manner(0.0, 1.2, -2.0, 1.00, 0.0, 0.38, 1.00),
    "sadness": _Manner(-1.0, 0.8, -3.5, 0.86, -2.0, 0.10, 0.82),
    "boredom": _Manner(-2.0, 0.5, -1.5, 0.82, -1.5, 0.30, 0.85),
    "calm": _Manner(-0.5, 1.0, -1.5, 0.92, -1.5, 0.20, 0.95),
    "disgust": _Manner(-0.5, 1.8, -4.5, 0.90, 0.5, 0.70, 1.02),
    "fear": _Manner(5.0, 1.0, 1.0, 1.20, -0.5, 0.45, 0.92),
    "guilt": _Manner(-2.0, 1.4, -2.5, 0.94, -3.0, 0.20, 0.88),
    "surprise": _Manner(4.5, 5.0, 7.0, 1.02, 0.5, 0.55, 1.06),
}

# Mean formants of men in hertz: Peterson & Barney (1952), Table II.
_VOWELS: Mapping[str, tuple[float, float, float]] = {
    "i": (270.0, 2290.0, 3010.0),
    "e": (530.0, 1840.0, 2480.0),
    "æ": (660.0, 1720.0, 2410.0),
    "a": (730.0, 1090.0, 2440.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
    "ʌ": (640.0, 1190.0, 2390.0),
}

# Phases, loci and bands of noise after Klatt (1980), Table III, simplified.
_LIPS, _TEETH, _VELUM = (250.0, 900.0, 2200.0), (250.0, 1700.0, 2650.0), (250.0, 1900.0, 2200.0)
_ONSETS: Mapping[str, tuple[_Phone, ...]] = {
    "": (),
    "p": (_Phone(0.07, formants=_LIPS), _Phone(0.01, 0, 0.2, 0.3, 1000, _LIPS), _Phone(0.03, 0, 0.4)),
    "t": (_Phone(0.06, formants=_TEETH), _Phone(0.01, 0, 0.2, 0.8, 4500, _TEETH), _Phone(0.03, 0, 0.4)),
    "k": (_Phone(0.06, formants=_VELUM), _Phone(0.015, 0, 0.2, 0.7, 2000, _VELUM), _Phone(0.04, 0, 0.4)),
    "b": (_Phone(0.06, 0.12, formants=_LIPS), _Phone(0.008, 0.2, 0, 0.2, 1000, _LIPS)),
    "d": (_Phone(0.05, 0.12, formants=_TEETH), _Phone(0.008, 0.2, 0, 0.5, 4500, _TEETH)),
    "f": (_Phone(0.09, 0, 0, 0.12, 6500, _LIPS),),
    "s": (_Phone(0.10, 0, 0, 0.45, 5800, _TEETH),),
    "ʃ": (_Phone(0.10, 0, 0, 0.45, 3000, _TEETH),),
    "z": (_Phone(0.07, 0.25, 0, 0.25, 5500, _TEETH),),
    "h": (_Phone(0.06, 0, 0.35),),
    "m": (_Phone(0.07, 0.35, formants=(270, 1000, 2200)),),
    "n": (_Phone(0.06, 0.35, formants=(270, 1450, 2500)),),
    "l": (_Phone(0.06, 0.55, formants=(350, 1200, 2800)),),
    "w": (_Phone(0.06, 0.50, formants=(300, 700, 2200)),),
}


@dataclass(frozen=True)
class Synthetic(Corpus):
    """Speech that the program makes itself: acted emotions by invented speakers; `root` is ignored everywhere.

    A clip depends on the seed, its speaker, emotion and sentence alone: a larger corpus contains the smaller one.

    Args:
        speakers: how many, female and male in turn.
        sentences: clips per speaker and emotion, each with a text of its own.
        seed: another seed gives other speakers and other texts.
        sample_rate: in hertz.
        seconds: shortest and longest text as spoken at a neutral tempo.
        emotions: that are acted, in the order of their class numbers.
        sessions: to which pairs of speakers are dealt in turn; none where left out.

    Raises:
        StaanetError: a setting that no clip can be made with.

    >>> corpus = Synthetic(speakers=3, sentences=2)
    >>> utterances = corpus.validate(Path()).utterances
    >>> len(utterances), utterances[-1].id
    (24, 's02-sadness-01')
    >>> samples, rate = corpus.read(Path(), utterances[0])
    >>> samples.shape[1], rate
    (1, 16000)
    """

    name: ClassVar[str] = "synthetic"
    licence: ClassVar[str] = "CC0-1.0"
    citation: ClassVar[str] = (
        "Made by staanet after D. H. Klatt (1980), Software for a cascade/parallel formant synthesizer, "
        "J. Acoust. Soc. Am. 67(3), 971-995."
    )
    on_disk = False

    speakers: int = 8
    sentences: int = 8
    seed: int = 0
    sample_rate: int = 16_000
    seconds: tuple[float, float] = (0.8, 1.6)
    emotions: tuple[str, ...] = ("anger", "happiness", "neutral", "sadness")
    sessions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.speakers < 3:
            raise StaanetError(
                f"expected at least 3 speakers, one each to train, select and test with; got {self.speakers}; "
                "raise speakers"
            )
        if self.sentences < 1:
            raise StaanetError(
                f"expected at least 1 sentence per speaker and emotion, got {self.sentences}; raise sentences"
            )
        if self.sample_rate < 16_000:
            raise StaanetError(
                f"expected a sample rate of at least 16000 Hz, which the formants need; got {self.sample_rate}; "
                "make the clips at 16000 and resample them"
            )
        if len(self.seconds) != 2 or not 0.5 <= self.seconds[0] < self.seconds[1] <= 30:
            raise StaanetError(
                f"expected two increasing lengths within 0.5 to 30 s, got {self.seconds}; give seconds like (0.8, 1.6)"
            )
        for emotion in self.emotions:
            if emotion not in _MANNERS:
                raise unknown_name("emotion", emotion, _MANNERS)

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002 - nothing to look up
        """Return the emotions in the order of their class numbers."""
        return self.emotions

    def validate(self, root: Path) -> Validation:  # noqa: ARG002 - nothing to look for
        """List the clips; nothing can be missing."""
        return Validation(tuple(self._clips))

    def read(self, root: Path, utterance: Utterance) -> tuple[Samples, int]:  # noqa: ARG002 - nothing to open
        """Make a clip: samples `[T, 1]` in [-1, 1] and the sample rate.

        Raises:
            StaanetError: the clip is of another corpus.
        """
        if utterance not in self._clips:
            raise StaanetError(
                f"expected a clip of this corpus ({self}), got {utterance.id!r}; take the clips from validate"
            )
        speaker, sentence = self._clips[utterance]
        samples = _speak(
            _text(np.random.default_rng(derive(self.seed, "text", sentence)), self.seconds),
            _MANNERS[utterance.label],
            _voice(np.random.default_rng(derive(self.seed, "speaker", speaker)), speaker),
            self.sample_rate,
            np.random.default_rng(derive(self.seed, "clip", utterance.id)),
        )
        return samples.astype(np.float32)[:, None], self.sample_rate

    @cached_property
    def _clips(self) -> Mapping[Utterance, tuple[int, int]]:
        return {
            Utterance(
                id=f"s{speaker:02d}-{emotion}-{sentence:02d}",
                path="",
                label=emotion,
                speaker=f"s{speaker:02d}",
                gender=_gender(speaker),
                language="synthetic",
                session=self.sessions[speaker // 2 % len(self.sessions)] if self.sessions else None,
            ): (speaker, sentence)
            for speaker in range(self.speakers)
            for emotion in self.emotions
            for sentence in range(self.sentences)
        }


def _gender(speaker: int) -> str:
    return "male" if speaker % 2 else "female"


def _voice(random: np.random.Generator, speaker: int) -> _Voice:
    female = _gender(speaker) == "female"
    return _Voice(
        pitch=random.uniform(170, 240) if female else random.uniform(95, 140),
        tract=random.uniform(0.95, 1.05) * (1.17 if female else 1.0),
        tempo=random.uniform(0.9, 1.1),
        tension=random.uniform(-0.06, 0.06),
        noise=random.uniform(-75, -58),
    )


def _text(random: np.random.Generator, seconds: tuple[float, float]) -> list[_Syllable]:
    """Write a row of syllables, with a pause now and then."""
    count = max(2, round((random.uniform(*seconds) - sum(_EDGE)) / _SYLLABLE))
    return [
        _Syllable(
            onset=_ONSETS[random.choice(list(_ONSETS))],
            vowel=_VOWELS[random.choice(list(_VOWELS))],
            stressed=random.random() < 0.4,
            pause=random.uniform(0.08, 0.16) if random.random() < 0.12 else 0.0,
        )
        for _ in range(count)
    ]


def _speak(text: list[_Syllable], manner: _Manner, voice: _Voice, rate: int, random: np.random.Generator) -> Track:
    """Speak a text `[T]` into the speaker's microphone."""
    manner = _act(manner, voice, random)
    score = _plan(text, manner, voice, random)
    step = round(rate * _FRAME)

    voiced = _resonate(_source(score, manner.tension, step, rate, random), _resonances(score.formants, rate), step)
    hissed = _resonate(random.standard_normal(voiced.size), _bands(score.hiss_hertz, rate), step)
    speech = voiced / _rms(voiced) + _samples(score.hiss, step) * hissed / _rms(hissed)

    recording = _gain(_LEVEL + manner.level) * speech + _gain(voice.noise) * random.standard_normal(speech.size)
    recording = _gain(random.normal(0, 3.5)) * sosfilt(butter(2, 60, "highpass", fs=rate, output="sos"), recording)
    return np.asarray(recording / max(1.0, np.abs(recording).max()))


def _act(manner: _Manner, voice: _Voice, random: np.random.Generator) -> _Manner:
    """Make a manner the speaker's own, and every time a little different."""
    return _Manner(
        pitch=manner.pitch + random.normal(0, 1.0),
        span=manner.span * np.exp(random.normal(0, 0.3)),
        slope=manner.slope + random.normal(0, 1.5),
        tempo=manner.tempo * voice.tempo * np.exp(random.normal(0, 0.08)),
        level=manner.level + random.normal(0, 1.0),
        tension=float(np.clip(manner.tension + voice.tension + random.normal(0, 0.06), 0, 1)),
        articulation=manner.articulation + random.normal(0, 0.06),
    )


def _articulate(vowel: tuple[float, float, float], size: float) -> tuple[float, float, float]:
    """Move a vowel away from the neutral one, or towards it."""
    first, second, third = (n + size * (f - n) for f, n in zip(vowel, (500.0, 1500.0, 2500.0), strict=True))
    return first, second, third


def _plan(text: list[_Syllable], manner: _Manner, voice: _Voice, random: np.random.Generator) -> _Score:
    """Lay a text out in time: phone by phone as targets, which blurring joins as sluggish organs do."""
    phones, accents = [_Phone(random.uniform(*_EDGE))], [0.0]
    for place, syllable in enumerate(text):
        emphasis = 0.8 if syllable.stressed else -0.4
        accent = manner.slope * (place / (len(text) - 1) - 0.5) + manner.span * random.normal(emphasis, 0.7)
        vowel = _Phone(
            seconds=(0.16 if syllable.stressed else 0.11) * (1.3 if place == len(text) - 1 else 1.0),
            voice=1.0 if syllable.stressed else 0.75,
            breath=0.02,
            formants=_articulate(syllable.vowel, manner.articulation),
        )
        spoken = [*syllable.onset, vowel, *[_Phone(syllable.pause)] * (place < len(text) - 1)]
        phones += [
            phone._replace(seconds=phone.seconds * random.uniform(0.85, 1.15) / manner.tempo) for phone in spoken
        ]
        accents += [accent] * len(spoken)
    phones.append(_Phone(random.uniform(*_EDGE)))
    accents.append(accents[-1])
    frames = [round(phone.seconds / _FRAME) for phone in phones]

    def track(targets: Iterable[object], blur: float) -> Track:
        steps = np.repeat(np.array(list(targets), dtype=float), frames, axis=0)
        return np.asarray(gaussian_filter1d(steps, blur / _FRAME, axis=0, mode="nearest"))

    return _Score(
        pitch=voice.pitch * 2 ** ((manner.pitch + track(accents, 0.04)) / 12),
        voice=track((phone.voice for phone in phones), 0.008),
        breath=track((phone.breath for phone in phones), 0.005),
        hiss=track((phone.hiss for phone in phones), 0.004),
        hiss_hertz=track((phone.hiss_hertz for phone in phones), 0.004),
        formants=voice.tract * track(((*phone.formants, *_UPPER) for phone in phones), 0.018),
    )


def _source(score: _Score, tension: float, step: int, rate: int, random: np.random.Generator) -> Track:
    """Return the glottis' pulses, after Rosenberg (1971), and its breath `[T]`, with the lips' radiation."""
    pitch = _samples(score.pitch * random.normal(1, 0.008, score.pitch.size), step)
    cycles = random.uniform() + np.cumsum(pitch) / rate
    cycle = cycles.astype(int)
    opening = 0.85 - 0.4 * tension
    position = (cycles - cycle) / opening
    rising, falling = position / 0.67, (position - 0.67) / 0.33
    flow = np.where(rising < 1, 0.5 - 0.5 * np.cos(np.pi * rising), np.cos(np.pi / 2 * np.clip(falling, 0, 1)))
    shimmer = random.normal(1, 0.05, cycle[-1] + 1)[cycle]
    pulses = np.diff(flow * shimmer, prepend=0) * rate / pitch
    softened = np.exp(-2 * np.pi * 300 * 24**tension / rate)
    pulses = lfilter([1 - softened], [1, -softened], pulses)
    voicing, breath = _samples(score.voice, step), _samples(score.breath, step)
    turbulence = random.standard_normal(cycles.size) * (breath + 0.3 * (1 - tension) ** 2 * voicing * flow)
    return np.asarray(voicing * pulses + turbulence)


def _resonate(signal: Track, sections: Track, step: int) -> Track:
    """Filter `[N * step]` by sections `[N, S, 6]` that change with the frame, fading from each frame to the next."""
    size = next_fast_len(10 * step)
    fade = np.interp(np.arange(2 * step), (0, step, 2 * step), (0, 1, 0))
    blocks = sliding_window_view(np.pad(signal, step), 2 * step)[step::step] * fade
    delays = np.exp(-2j * np.pi * np.outer(range(3), rfftfreq(size)))
    responses = ((sections[..., :3] @ delays) / (sections[..., 3:] @ delays)).prod(axis=1)
    heard = irfft(rfft(blocks, size) * responses, size)
    out = np.zeros(signal.size + size)
    for frame, block in enumerate(heard):
        out[frame * step : frame * step + size] += block
    return out[: signal.size]


def _resonances(hertz: Track, rate: int) -> Track:
    """Return sections for formants in a row `[N, F, 6]`, each of gain 1 at 0 Hz, as Klatt (1980) has them."""
    sections = _poles(hertz, 60 + hertz**2 / 100_000, rate)
    sections[..., 0] = sections[..., 3:].sum(-1)
    return sections


def _bands(hertz: Track, rate: int) -> Track:
    """Return sections for a band of noise `[N, 2, 6]`, each of gain 1 at its middle."""
    sections = _poles(np.stack([hertz, hertz], axis=-1), 400 + 0.2 * hertz[:, None], rate)
    sections[..., 0] = (1 - sections[..., 5]) / 2
    sections[..., 2] = -sections[..., 0]
    return sections


def _poles(hertz: Track, width: Track, rate: int) -> Track:
    """Return second-order sections `[..., 6]` with poles at a frequency, of a width in hertz."""
    radius = np.exp(-np.pi * width / rate)
    sections = np.zeros((*hertz.shape, 6))
    sections[..., 3] = 1
    sections[..., 4] = -2 * radius * np.cos(2 * np.pi * np.minimum(hertz, 0.48 * rate) / rate)
    sections[..., 5] = radius**2
    return sections


def _samples(track: Track, step: int) -> Track:
    """Draw lines from frame to frame: `[N]` becomes `[N * step]`."""
    return np.interp(np.arange(track.size * step) / step, np.arange(track.size), track)


def _gain(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _rms(signal: Track) -> float:
    return float(np.sqrt(np.mean(signal**2)))
