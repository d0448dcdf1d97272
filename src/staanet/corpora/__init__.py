"""Corpora of emotional speech, one per file; a corpus is registered by importing it here."""

from staanet.core.registry import collect
from staanet.corpora.audformat import Audformat as Audformat
from staanet.corpora.audiofolder import AudioFolder as AudioFolder
from staanet.corpora.base import Corpus as Corpus
from staanet.corpora.base import Segment as Segment
from staanet.corpora.base import Utterance as Utterance
from staanet.corpora.base import Validation as Validation
from staanet.corpora.crema_d import CremaD as CremaD
from staanet.corpora.demos import Demos as Demos
from staanet.corpora.emodb import EmoDB as EmoDB
from staanet.corpora.emovo import Emovo as Emovo
from staanet.corpora.folder import Folder as Folder
from staanet.corpora.hdf5 import Hdf5 as Hdf5
from staanet.corpora.iemocap import Iemocap as Iemocap
from staanet.corpora.meld import Meld as Meld
from staanet.corpora.msp_improv import MspImprov as MspImprov
from staanet.corpora.nemo import Nemo as Nemo
from staanet.corpora.ravdess import Ravdess as Ravdess
from staanet.corpora.savee import Savee as Savee
from staanet.corpora.synthetic import Synthetic as Synthetic
from staanet.corpora.tess import Tess as Tess

CORPORA = collect("corpus", globals(), Corpus)
