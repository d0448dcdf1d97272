"""Front ends of speech emotion recognition in torch: differentiable, with the settings and the numbers of librosa."""

from staanet.audio.front_ends.base import Chain as Chain
from staanet.audio.front_ends.base import Concatenate as Concatenate
from staanet.audio.front_ends.base import FrontEnd as FrontEnd
from staanet.audio.front_ends.base import Statistics as Statistics
from staanet.audio.front_ends.cepstra import Deltas as Deltas
from staanet.audio.front_ends.cepstra import Mfcc as Mfcc
from staanet.audio.front_ends.chroma import Chroma as Chroma
from staanet.audio.front_ends.decibels import AmplitudeToDb as AmplitudeToDb
from staanet.audio.front_ends.decibels import PowerToDb as PowerToDb
from staanet.audio.front_ends.excerpt import Excerpt as Excerpt
from staanet.audio.front_ends.loudness import Rms as Rms
from staanet.audio.front_ends.loudness import ZeroCrossingRate as ZeroCrossingRate
from staanet.audio.front_ends.resample import Resample as Resample
from staanet.audio.front_ends.scaler import Scaler as Scaler
from staanet.audio.front_ends.spectra import MelSpectrogram as MelSpectrogram
from staanet.audio.front_ends.spectra import Spectrogram as Spectrogram
