"""Audio files in memory."""

import io

import numpy as np
import soundfile

RATE = 16_000


def samples(seconds=0.5, rate=RATE, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * rate), channels))


def audio(seconds=0.5, rate=RATE, channels=1, kind="WAV", seed=0):
    return encoded(samples(seconds, rate, channels, seed), rate, kind)


def encoded(sound, rate=RATE, kind="WAV"):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format=kind, subtype="PCM_16" if kind != "MP3" else None)
    return buffer.getvalue()


def decoded(content):
    return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
