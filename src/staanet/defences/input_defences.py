"""The input defences, one import line each."""

from staanet.core.registry import collect
from staanet.defences.band_limit import BandLimit as BandLimit
from staanet.defences.base import InputDefence
from staanet.defences.click_removal import ClickRemoval as ClickRemoval
from staanet.defences.codecs import G711 as G711
from staanet.defences.codecs import MP3 as MP3
from staanet.defences.codecs import Opus as Opus
from staanet.defences.codecs import Vorbis as Vorbis
from staanet.defences.median import Median as Median
from staanet.defences.noise import NoiseDefence as NoiseDefence
from staanet.defences.purifier import Purifier as Purifier
from staanet.defences.resampling import Resampling as Resampling
from staanet.defences.rounding import Rounding as Rounding
from staanet.defences.smoothing_filter import SmoothingFilter as SmoothingFilter
from staanet.defences.spectral_gating import SpectralGating as SpectralGating

INPUT_DEFENCES = collect("input defence", globals(), InputDefence)
