"""What the containers of audio declare about their length, which libsndfile does not compare with what they hold."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

STREAMED = 0x7FFF0000
"""Number of bytes from which a header of 32 bits means that the length was not known when it was written."""

UNCOMPRESSED = (1, 3, 0xFFFE)
"""Codings of WAV whose samples all have the same number of bytes."""

W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


class Bytes(NamedTuple):
    """The number of bytes of audio that a file declares, and the number that it holds."""

    declared: int
    present: int
    frame: int = 0
    """Number of bytes of a sample of all channels; 0 if the file does not declare it."""


UNKNOWN = Bytes(0, 0)


def declared_bytes(path: Path) -> Bytes:
    """Return the bytes of audio that the header of a WAV, RF64, W64, CAF, AIFF or AU file declares, and those it has.

    libsndfile reads truncated files of these formats without an error. If a FLAC file holds far more than the samples
    that it declares can take, these samples count as present and the whole file as declared. Other files give (0, 0).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        kind = start[:4]
        if kind == b".snd" and len(start) == 12:
            offset, declared = struct.unpack(">II", start[4:])
            return UNKNOWN if declared == 0xFFFFFFFF else Bytes(declared, size - offset)
        if kind == b"fLaC":
            return _flac(file, size)
        if kind == b"riff":
            return _w64(file, size)
        if kind == b"caff":
            return _caf(file, size)
        if kind in (b"RIFF", b"RF64") and start[8:] == b"WAVE":
            return _chunks(file, size, "<", b"data")
        if kind == b"FORM" and start[8:] in (b"AIFF", b"AIFC"):
            return _chunks(file, size, ">", b"SSND")
    return UNKNOWN


def _chunks(file: BinaryIO, size: int, order: str, wanted: bytes) -> Bytes:
    large, frame = None, 0
    while len(header := file.read(8)) == 8:
        kind, declared = struct.unpack(f"{order}4sI", header)
        if kind == b"ds64" and len(sizes := file.read(16)) == 16:
            (large,) = struct.unpack("<8xQ", sizes)
            declared -= 16
        if kind == b"fmt " and len(form := file.read(16)) == 16:
            tag, frame = struct.unpack("<H10xH2x", form)
            frame = frame if tag in UNCOMPRESSED else 0
            declared -= 16
        if kind == wanted:
            if large is not None and declared == 0xFFFFFFFF:
                declared = large
            elif declared >= STREAMED:
                return UNKNOWN
            return _followed(file, size, declared)._replace(frame=frame)
        file.seek(declared + declared % 2, io.SEEK_CUR)
    return UNKNOWN


def _followed(file: BinaryIO, size: int, declared: int) -> Bytes:
    """Return the bytes of the audio, of which more are declared than present if most of it lies behind the chunk."""
    begin = file.tell()
    present = size - begin
    rest = present - declared
    if rest > max(declared, 64):
        file.seek(begin + declared + declared % 2)
        if not all(_is_name(kind) for kind in _names(file, size)):
            return Bytes(present, declared)
    return Bytes(declared, present)


def _names(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the names of the chunks that follow."""
    while file.tell() < size and len(header := file.read(8)) == 8:
        yield header[:4]
        file.seek(int.from_bytes(header[4:], "little"), io.SEEK_CUR)


def _is_name(kind: bytes) -> bool:
    return kind.isascii() and kind.decode("ascii").isprintable()


def _w64(file: BinaryIO, size: int) -> Bytes:
    file.seek(40)
    while len(header := file.read(24)) == 24:
        (declared,) = struct.unpack("<16xQ", header)
        if header[:16] == W64_DATA:
            return Bytes(declared - 24, size - file.tell())
        if declared < 24:
            break
        file.seek((declared + 7) // 8 * 8 - 24, io.SEEK_CUR)
    return UNKNOWN


def _caf(file: BinaryIO, size: int) -> Bytes:
    file.seek(8)
    while len(header := file.read(12)) == 12:
        kind, declared = struct.unpack(">4sq", header)
        if kind == b"data" and declared >= 4:
            return Bytes(declared, size - file.tell())
        if declared < 0:
            break
        file.seek(declared, io.SEEK_CUR)
    return UNKNOWN


def _flac(file: BinaryIO, size: int) -> Bytes:
    file.seek(4)
    samples = frame = 0
    last = False
    while not last and len(header := file.read(4)) == 4:
        last, kind, length = bool(header[0] & 0x80), header[0] & 0x7F, int.from_bytes(header[1:], "big")
        if kind == 0 and len(block := file.read(length)) == 34:
            packed = int.from_bytes(block[10:18], "big")
            samples = packed & 0xFFFFFFFFF
            frame = ((packed >> 41 & 7) + 1) * ((packed >> 36 & 31) + 1)
        elif kind:
            file.seek(length, io.SEEK_CUR)
    present, most = size - file.tell(), samples * (frame + 8) // 8
    if samples and present > 2 * most + 65_536:
        return Bytes(present, most)
    return UNKNOWN
