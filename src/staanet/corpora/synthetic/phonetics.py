"""Speakers, emotions and texts of synthetic speech, and the score from which a clip is synthesised.

A text is a row of syllables without meaning, the same for every speaker and emotion. A speaker has a pitch, a vocal
tract, a tempo and a microphone. An emotion changes pitch, tempo, voice quality and level as actors do.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Track = NDArray[np.float64]

FRAME = 0.005
"""Seconds between two positions of the vocal tract."""

SYLLABLE = 0.22
"""Average duration of a syllable at a neutral tempo, in seconds."""

EDGE = (0.05, 0.15)
"""Shortest and longest silence before and after the speech, in seconds."""

UPPER = (3500.0, 4500.0, 5500.0)
"""Higher formants of a neutral vocal tract in Hz, which are the same for all vowels."""


class Phone(NamedTuple):
    """A phone: its duration in seconds, the amplitudes of its sound sources, and its targets in Hz."""

    seconds: float
    voice: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_hertz: float = 4000.0
    formants: tuple[float, float, float] = (500.0, 1500.0, 2500.0)


class Syllable(NamedTuple):
    """A syllable of a text: phones before the vowel, formants of the vowel in Hz, and whether it is stressed."""

    onset: tuple[Phone, ...]
    vowel: tuple[float, float, float]
    stressed: bool
    pause: float  # after the syllable, in seconds


class Manner(NamedTuple):
    """How a text is spoken, relative to the habit of the speaker."""

    pitch: float  # semitones
    span: float  # spread of the accents in semitones
    slope: float  # change of pitch from the first to the last syllable in semitones
    tempo: float  # factor
    level: float  # decibels
    tension: float  # of the vocal folds: 0 breathy, 0.5 modal, 1 pressed
    articulation: float  # factor on the size of the vowel space


class Voice(NamedTuple):
    """A speaker and the noise of his or her recordings."""

    pitch: float  # Hz
    tract: float  # factor on all formants
    tempo: float  # factor
    tension: float  # added to that of the manner
    noise: float  # level in dB of full scale


class Score(NamedTuple):
    """The controls of the synthesiser in each frame, `[N]`."""

    pitch: Track
    voice: Track
    breath: Track
    hiss: Track
    hiss_hertz: Track
    formants: Track  # [N, F]


# Directions follow Juslin & Laukka (2003), Table 11, and Banse & Scherer (1996); the vowel space follows Burkhardt &
# Sendlmeier (2000). Sizes are chosen so that the classes overlap. Emotions after sadness stand in for those of other
# corpora.
MANNERS: Mapping[str, Manner] = {
    "anger": Manner(3.0, 2.0, -3.5, 1.14, 2.0, 1.00, 1.14),
    "happiness": Manner(6.5, 4.0, 4.0, 1.06, 1.0, 0.60, 1.08),
    "neutral": Manner(0.0, 1.2, -2.0, 1.00, 0.0, 0.38, 1.00),
    "sadness": Manner(-1.0, 0.8, -3.5, 0.86, -2.0, 0.10, 0.82),
    "boredom": Manner(-2.0, 0.5, -1.5, 0.82, -1.5, 0.30, 0.85),
    "calm": Manner(-0.5, 1.0, -1.5, 0.92, -1.5, 0.20, 0.95),
    "disgust": Manner(-0.5, 1.8, -4.5, 0.90, 0.5, 0.70, 1.02),
    "fear": Manner(5.0, 1.0, 1.0, 1.20, -0.5, 0.45, 0.92),
    "guilt": Manner(-2.0, 1.4, -2.5, 0.94, -3.0, 0.20, 0.88),
    "surprise": Manner(4.5, 5.0, 7.0, 1.02, 0.5, 0.55, 1.06),
}

# Mean formants of men in Hz, from Peterson & Barney (1952), Table II.
VOWELS: Mapping[str, tuple[float, float, float]] = {
    "i": (270.0, 2290.0, 3010.0),
    "e": (530.0, 1840.0, 2480.0),
    "æ": (660.0, 1720.0, 2410.0),
    "a": (730.0, 1090.0, 2440.0),
    "o": (570.0, 840.0, 2410.0),
    "u": (300.0, 870.0, 2240.0),
    "ʌ": (640.0, 1190.0, 2390.0),
}

# Phases, loci and noise bands of consonants, simplified from Klatt (1980), Table III.
_LIPS, _TEETH, _VELUM = (250.0, 900.0, 2200.0), (250.0, 1700.0, 2650.0), (250.0, 1900.0, 2200.0)
ONSETS: Mapping[str, tuple[Phone, ...]] = {
    "": (),
    "p": (Phone(0.07, formants=_LIPS), Phone(0.01, 0, 0.2, 0.3, 1000, _LIPS), Phone(0.03, 0, 0.4)),
    "t": (Phone(0.06, formants=_TEETH), Phone(0.01, 0, 0.2, 0.8, 4500, _TEETH), Phone(0.03, 0, 0.4)),
    "k": (Phone(0.06, formants=_VELUM), Phone(0.015, 0, 0.2, 0.7, 2000, _VELUM), Phone(0.04, 0, 0.4)),
    "b": (Phone(0.06, 0.12, formants=_LIPS), Phone(0.008, 0.2, 0, 0.2, 1000, _LIPS)),
    "d": (Phone(0.05, 0.12, formants=_TEETH), Phone(0.008, 0.2, 0, 0.5, 4500, _TEETH)),
    "f": (Phone(0.09, 0, 0, 0.12, 6500, _LIPS),),
    "s": (Phone(0.10, 0, 0, 0.45, 5800, _TEETH),),
    "ʃ": (Phone(0.10, 0, 0, 0.45, 3000, _TEETH),),
    "z": (Phone(0.07, 0.25, 0, 0.25, 5500, _TEETH),),
    "h": (Phone(0.06, 0, 0.35),),
    "m": (Phone(0.07, 0.35, formants=(270, 1000, 2200)),),
    "n": (Phone(0.06, 0.35, formants=(270, 1450, 2500)),),
    "l": (Phone(0.06, 0.55, formants=(350, 1200, 2800)),),
    "w": (Phone(0.06, 0.50, formants=(300, 700, 2200)),),
}


def gender_of(speaker: int) -> str:
    """Return the gender of a speaker, by the number of the speaker."""
    return "male" if speaker % 2 else "female"


def random_voice(random: np.random.Generator, speaker: int) -> Voice:
    """Return a random voice of the gender of a speaker."""
    female = gender_of(speaker) == "female"
    return Voice(
        pitch=random.uniform(170, 240) if female else random.uniform(95, 140),
        tract=random.uniform(0.95, 1.05) * (1.17 if female else 1.0),
        tempo=random.uniform(0.9, 1.1),
        tension=random.uniform(-0.06, 0.06),
        noise=random.uniform(-75, -58),
    )


def random_text(random: np.random.Generator, seconds: tuple[float, float]) -> list[Syllable]:
    """Return a random row of syllables with occasional pauses."""
    count = max(2, round((random.uniform(*seconds) - sum(EDGE)) / SYLLABLE))
    return [
        Syllable(
            onset=ONSETS[random.choice(list(ONSETS))],
            vowel=VOWELS[random.choice(list(VOWELS))],
            stressed=random.random() < 0.4,
            pause=random.uniform(0.08, 0.16) if random.random() < 0.12 else 0.0,
        )
        for _ in range(count)
    ]


def act(manner: Manner, voice: Voice, random: np.random.Generator) -> Manner:
    """Return the manner adapted to the speaker, with random deviations."""
    return Manner(
        pitch=manner.pitch + random.normal(0, 1.0),
        span=manner.span * np.exp(random.normal(0, 0.3)),
        slope=manner.slope + random.normal(0, 1.5),
        tempo=manner.tempo * voice.tempo * np.exp(random.normal(0, 0.08)),
        level=manner.level + random.normal(0, 1.0),
        tension=float(np.clip(manner.tension + voice.tension + random.normal(0, 0.06), 0, 1)),
        articulation=manner.articulation + random.normal(0, 0.06),
    )


def _articulate(vowel: tuple[float, float, float], size: float) -> tuple[float, float, float]:
    """Return the formants of a vowel, moved away from the neutral vowel (size above 1) or towards it (below 1)."""
    first, second, third = (n + size * (f - n) for f, n in zip(vowel, (500.0, 1500.0, 2500.0), strict=True))
    return first, second, third


def plan(text: list[Syllable], manner: Manner, voice: Voice, random: np.random.Generator) -> Score:
    """Return the score of a text: a row of phones whose targets are smoothed, as articulators move slowly."""
    phones, accents = [Phone(random.uniform(*EDGE))], [0.0]
    for place, syllable in enumerate(text):
        emphasis = 0.8 if syllable.stressed else -0.4
        accent = manner.slope * (place / (len(text) - 1) - 0.5) + manner.span * random.normal(emphasis, 0.7)
        vowel = Phone(
            seconds=(0.16 if syllable.stressed else 0.11) * (1.3 if place == len(text) - 1 else 1.0),
            voice=1.0 if syllable.stressed else 0.75,
            breath=0.02,
            formants=_articulate(syllable.vowel, manner.articulation),
        )
        spoken = [*syllable.onset, vowel, *[Phone(syllable.pause)] * (place < len(text) - 1)]
        phones += [
            phone._replace(seconds=phone.seconds * random.uniform(0.85, 1.15) / manner.tempo) for phone in spoken
        ]
        accents += [accent] * len(spoken)
    phones.append(Phone(random.uniform(*EDGE)))
    accents.append(accents[-1])
    frames = [round(phone.seconds / FRAME) for phone in phones]

    def track(targets: Iterable[object], blur: float) -> Track:
        steps = np.repeat(np.array(list(targets), dtype=float), frames, axis=0)
        return np.asarray(gaussian_filter1d(steps, blur / FRAME, axis=0, mode="nearest"))

    return Score(
        pitch=voice.pitch * 2 ** ((manner.pitch + track(accents, 0.04)) / 12),
        voice=track((phone.voice for phone in phones), 0.008),
        breath=track((phone.breath for phone in phones), 0.005),
        hiss=track((phone.hiss for phone in phones), 0.004),
        hiss_hertz=track((phone.hiss_hertz for phone in phones), 0.004),
        formants=voice.tract * track(((*phone.formants, *UPPER) for phone in phones), 0.018),
    )
