"""Examples to listen to: original and adversarial clips with their predictions, from the folder `examples` of a run."""

import base64
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from staanet.audio import files
from staanet.audio.front_ends.mel_scale import mel
from staanet.audio.spectrogram import LogMel, log_mel
from staanet.core.checksums import stamp_of
from staanet.core.errors import StaanetError
from staanet.core.files import read_json
from staanet.core.run import Run
from staanet.core.settings import validated
from staanet.report.figures import ATTACK, CONTROL, INK, svg

BANDS = 64
RANGE_DB = 80
COLUMNS = 300  # largest number of points of a drawn waveform
FRAMES = 200  # largest number of frames of a drawn spectrogram
MARGINS = {"left": 0.07, "right": 0.92, "top": 0.94, "bottom": 0.09, "wspace": 0.16, "hspace": 0.14}


@dataclass(frozen=True)
class Facts:
    """The contents of `example.json`; `predictions` holds the predictions before and after the attack, by target."""

    id: str
    label: str
    attack: str
    source: str
    predictions: dict[str, tuple[str, str]]
    snr_peak_db: float | None
    sparsity: float
    domain: str = "waveform"


@dataclass(frozen=True)
class Example:
    """An example as the page shows it.

    Args:
        facts: The contents of `example.json`.
        original: Original clip as a data URI.
        adversarial: Adversarial clip as a data URI.
        perturbation: Difference of both as a data URI.
        amplified: Amplified perturbation as a data URI; None if there is nothing to amplify.
        gain_db: Gain of the amplified perturbation in dB.
        figure: Waveforms and spectrograms.
    """

    facts: Facts
    original: str
    adversarial: str
    perturbation: str
    amplified: str | None
    gain_db: int
    figure: Markup


def read_examples(run: Run) -> list[Example]:
    """Read the examples of a run, in the order of the experiment."""
    return [
        _read(path, index, tuple(stamp_of(file) for file in sorted(path.iterdir())))
        for index, path in enumerate(run.examples)
    ]


def read_clips(folder: Path) -> tuple[Facts, NDArray[np.float32], NDArray[np.float32], int]:
    """Read an example: the contents of `example.json`, original and adversarial clip `[T, C]`, and sampling rate in Hz.

    Raises:
        StaanetError: A file is missing or damaged, or the clips differ in length, number of channels or sampling rate.
    """
    facts = validated(Facts, read_json(folder / "example.json"), str(folder / "example.json"))
    original, rate = files.read(folder / "original.flac")
    adversarial, adversarial_rate = files.read(folder / "adversarial.flac")
    if (original.shape, rate) != (adversarial.shape, adversarial_rate):
        raise StaanetError(
            f"{folder}: expected two files of the same length and sampling rate, got {original.shape} at {rate} Hz and "
            f"{adversarial.shape} at {adversarial_rate} Hz; write them again"
        )
    return facts, original, adversarial, rate


@lru_cache(maxsize=1024)  # the page is written after each fold, with the examples of all folds so far
def _read(folder: Path, index: int, _stamps: tuple[tuple[str, int], ...]) -> Example:
    """Return an example, which is read again if the stamps of its files are others."""
    facts, original, adversarial, rate = read_clips(folder)
    perturbation = adversarial - original
    gain_db = _gain_db(original, perturbation)
    clips = [files.mono(samples) for samples in (original, perturbation, adversarial)]
    return Example(
        facts=facts,
        original=data_uri((folder / "original.flac").read_bytes()),
        adversarial=data_uri((folder / "adversarial.flac").read_bytes()),
        perturbation=data_uri(files.encode(perturbation / max(1.0, float(np.abs(perturbation).max())), rate)),
        amplified=data_uri(files.encode(perturbation * 10 ** (gain_db / 20), rate)) if gain_db else None,
        gain_db=gain_db,
        figure=svg(_draw, clips, rate, facts, prefix=f"example-{index}"),
    )


def data_uri(flac: bytes) -> str:
    """Return the bytes of a FLAC file as a URI that a page can hold."""
    return "data:audio/flac;base64," + base64.b64encode(flac).decode()


def _gain_db(original: NDArray[np.float32], perturbation: NDArray[np.float32]) -> int:
    """Return by how many whole dB the perturbation can be amplified up to the peak of the original."""
    peak, perturbation_peak = float(np.abs(original).max()), float(np.abs(perturbation).max())
    return max(0, math.floor(20 * math.log10(peak / perturbation_peak))) if peak and perturbation_peak else 0


def _draw(figure: Figure, clips: list[NDArray[np.float32]], rate: int, facts: Facts) -> str:
    """Draw waveforms and log-mel spectrograms of original, perturbation and adversarial clip on shared axes."""
    figure.set_size_inches(9, 5.2)
    figure.set_layout_engine("none")  # a fixed layout is drawn twice as fast as one that is fitted to its texts
    grid = figure.subplots(3, 2, sharex=True, sharey="col", gridspec_kw=MARGINS)
    seconds = len(clips[0]) / rate
    hop = max(160, math.ceil(len(clips[0]) / FRAMES))
    settings = LogMel(BANDS, n_fft=512, hop=hop)
    decibels = [log_mel(torch.from_numpy(clip)[None], rate, settings)[0].numpy().round() for clip in clips]
    top = float(decibels[0].max())
    for row, (name, clip, levels) in enumerate(
        zip(("original", "perturbation", "adversarial"), clips, decibels, strict=True)
    ):
        wave, picture = grid[row]
        low, high = _envelope(clip)
        colour = ATTACK if name == "perturbation" else CONTROL
        wave.fill_between(np.linspace(0, seconds, len(low)), low, high, color=colour, linewidth=0.6)
        wave.set_ylabel(name)
        wave.grid()
        image = picture.imshow(
            levels,
            extent=(0, seconds, 0, BANDS),
            origin="lower",
            aspect="auto",
            interpolation="none",
            cmap="magma",
            vmin=top - RANGE_DB,
            vmax=top,
        )
        hertz = [f for f in (500, 1000, 2000, 4000, 8000, 16000) if f <= rate / 2]
        picture.set_ylabel("kHz")
        picture.set_yticks([_height(f, rate) for f in hertz], [f"{f / 1000:g}" for f in hertz])
    grid[0, 0].set_title("waveform (full scale)")
    grid[0, 1].set_title("log-mel")
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    bar: Any = figure.colorbar(image, cax=figure.add_axes((0.935, 0.3, 0.012, 0.4)))
    bar.ax.set_title("dB")
    bar.solids.set_rasterized(True)
    bar.outline.set_edgecolor(INK)
    peak = float(np.abs(clips[1]).max())
    return (
        f"Waveforms and log-mel spectrograms of the original clip {facts.id}, the perturbation and the adversarial "
        f"clip, {seconds:.1f} seconds long. The largest sample of the perturbation is {peak:.3f} of full scale."
    )


def _envelope(clip: NDArray[np.float32]) -> tuple[Any, Any]:
    """Return the minimum and the maximum of the samples in each of at most `COLUMNS` intervals."""
    starts = np.linspace(0, len(clip), min(COLUMNS, len(clip)), endpoint=False).astype(int)
    return np.minimum.reduceat(clip, starts), np.maximum.reduceat(clip, starts)


def _height(hertz: float, rate: int) -> float:
    """Return the vertical position of a frequency among the bands of `log_mel`, which are equally spaced in mel."""
    return (BANDS + 1) * mel(hertz) / mel(rate / 2) - 0.5
