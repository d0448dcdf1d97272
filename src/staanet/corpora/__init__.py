"""Corpora of emotional speech: one file each, listed by importing it; splits by speaker; the prepared store."""

from staanet.core.registry import collect
from staanet.corpora.base import Corpus as Corpus
from staanet.corpora.base import Utterance as Utterance
from staanet.corpora.base import Validation as Validation
from staanet.corpora.emodb import EmoDB as EmoDB
from staanet.corpora.folder import Folder as Folder
from staanet.corpora.ravdess import Ravdess as Ravdess
from staanet.corpora.splits import Split as Split
from staanet.corpora.splits import by_speaker as by_speaker
from staanet.corpora.splits import folds as folds
from staanet.corpora.store import Batch as Batch
from staanet.corpora.store import Store as Store
from staanet.corpora.store import prepare as prepare
from staanet.corpora.synthetic import Synthetic as Synthetic

CORPORA = collect("corpus", globals(), Corpus)
