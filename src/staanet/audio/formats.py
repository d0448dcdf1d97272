"""Formats of audio files: which endings libsndfile reads, and what to do about the others."""

from pathlib import PurePath

import soundfile

FORMATS = {
    "WAV": (".wav", ".wave"),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3", ".mp2"),
    "AIFF": (".aiff", ".aif", ".aifc"),
    "AU": (".au", ".snd"),
    "CAF": (".caf",),
    "W64": (".w64",),
    "RF64": (".rf64",),
    "WAVEX": (".wavex",),
    "NIST": (".sph", ".nist", ".nst"),
    "SVX": (".svx", ".8svx", ".iff"),
    "VOC": (".voc",),
    "AVR": (".avr",),
    "IRCAM": (".sf", ".ircam"),
    "MPC2K": (".mpc",),
    "PAF": (".paf", ".fap"),
    "PVF": (".pvf",),
    "SD2": (".sd2",),
    "SDS": (".sds",),
    "WVE": (".wve",),
    "XI": (".xi",),
}
"""Usual endings of the names of files by the name that libsndfile gives to their format."""

ENDINGS = tuple(
    ending for kind, endings in FORMATS.items() if kind in soundfile.available_formats() for ending in endings
)
"""Endings of the names of files that are taken as audio: those of all formats of the installed libsndfile."""

DATA_ENDINGS = (".mat", ".htk")
"""Endings that libsndfile reads as well, but that usually belong to features; such files are read if they are named."""

VIDEO_ENDINGS = (".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
"""Endings of the names of video files."""

RAW_ENDINGS = (".pcm", ".raw")
"""Endings of the names of files with samples only, which declare neither their rate nor their number format."""

UNSUPPORTED = (
    *(".3gp", ".aac", ".ac3", ".amr", ".ape", ".m4a", ".m4b", ".mka", ".ra", ".spx", ".tta", ".weba", ".wma", ".wv"),
    *VIDEO_ENDINGS,
    *RAW_ENDINGS,
)
"""Endings of the names of audio and video files that must be converted before they can be read."""


def is_unsupported(path: str) -> bool:
    """Return whether a file has the ending of a format that must be converted before it can be read.

    >>> is_unsupported("a.M4A"), is_unsupported("a.wav")
    (True, False)
    """
    return PurePath(path).suffix.lower() in UNSUPPORTED


def conversion(path: str) -> str:
    """Return what was expected instead of a file in an unsupported format, and the command that converts it.

    >>> conversion("joy/a.m4a")
    "expected .wav, .flac, .ogg, .mp3 or another format of libsndfile, got '.m4a'; convert it: ffmpeg -i a.m4a a.wav"
    """
    name = PurePath(path)
    raw = "-f s16le -ar RATE " if name.suffix.lower() in RAW_ENDINGS else ""
    return (
        f"expected .wav, .flac, .ogg, .mp3 or another format of libsndfile, got {name.suffix!r}; "
        f"convert it: ffmpeg {raw}-i {name.name} {name.stem}.wav"
    )
