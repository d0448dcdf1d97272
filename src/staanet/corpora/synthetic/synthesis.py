"""Source-filter synthesis of speech from a score, after Klatt (1980)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import butter, lfilter, sosfilt

from staanet.corpora.synthetic.phonetics import FRAME, Manner, Score, Syllable, Track, Voice, act, plan

LEVEL = -26.0
"""Level of neutral speech, in dB of full scale."""


def speak(text: list[Syllable], manner: Manner, voice: Voice, rate: int, random: np.random.Generator) -> Track:
    """Return the recording of a text that is spoken by a voice in a manner, `[T]`."""
    manner = act(manner, voice, random)
    score = plan(text, manner, voice, random)
    step = round(rate * FRAME)

    voiced = _resonate(_source(score, manner.tension, step, rate, random), _resonances(score.formants, rate), step)
    hissed = _resonate(random.standard_normal(voiced.size), _bands(score.hiss_hertz, rate), step)
    speech = voiced / _rms(voiced) + _samples(score.hiss, step) * hissed / _rms(hissed)

    recording = _gain(LEVEL + manner.level) * speech + _gain(voice.noise) * random.standard_normal(speech.size)
    recording = _gain(random.normal(0, 3.5)) * sosfilt(butter(2, 60, "highpass", fs=rate, output="sos"), recording)
    return np.asarray(recording / max(1.0, np.abs(recording).max()))


def _source(score: Score, tension: float, step: int, rate: int, random: np.random.Generator) -> Track:
    """Return the sound source `[T]`: glottal pulses after Rosenberg (1971) and breath, with lip radiation."""
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
    """Filter a signal `[N * step]` by second-order sections `[N, S, 6]` per frame, with cross-fades between frames."""
    size = next_fast_len(10 * step)
    fade = np.interp(np.arange(2 * step), (0, step, 2 * step), (0, 1, 0))
    blocks = sliding_window_view(np.pad(signal, step), 2 * step)[step::step] * fade
    delays = np.exp(-2j * np.pi * np.outer(range(3), rfftfreq(size)))
    responses = ((sections[..., :3] @ delays) / (sections[..., 3:] @ delays)).prod(axis=1)
    filtered = irfft(rfft(blocks, size) * responses, size)
    out = np.zeros(signal.size + size)
    for frame, block in enumerate(filtered):
        out[frame * step : frame * step + size] += block
    return out[: signal.size]


def _resonances(hertz: Track, rate: int) -> Track:
    """Return second-order sections for formants in cascade, `[N, F, 6]`, with gain 1 at 0 Hz as in Klatt (1980)."""
    sections = _poles(hertz, 60 + hertz**2 / 100_000, rate)
    sections[..., 0] = sections[..., 3:].sum(-1)
    return sections


def _bands(hertz: Track, rate: int) -> Track:
    """Return second-order sections for a band of noise, `[N, 2, 6]`, with gain 1 at its centre."""
    sections = _poles(np.stack([hertz, hertz], axis=-1), 400 + 0.2 * hertz[:, None], rate)
    sections[..., 0] = (1 - sections[..., 5]) / 2
    sections[..., 2] = -sections[..., 0]
    return sections


def _poles(hertz: Track, width: Track, rate: int) -> Track:
    """Return second-order sections `[..., 6]` with poles of a frequency and a bandwidth in Hz."""
    radius = np.exp(-np.pi * width / rate)
    sections = np.zeros((*hertz.shape, 6))
    sections[..., 3] = 1
    sections[..., 4] = -2 * radius * np.cos(2 * np.pi * np.minimum(hertz, 0.48 * rate) / rate)
    sections[..., 5] = radius**2
    return sections


def _samples(track: Track, step: int) -> Track:
    """Return a track `[N]` interpolated linearly from frames to samples, `[N * step]`."""
    return np.interp(np.arange(track.size * step) / step, np.arange(track.size), track)


def _gain(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _rms(signal: Track) -> float:
    return float(np.sqrt(np.mean(signal**2)))
