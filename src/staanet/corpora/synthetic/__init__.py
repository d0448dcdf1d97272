"""The corpus `synthetic`: emotional speech from a source-filter synthesiser."""

from staanet.corpora.synthetic.corpus import Synthetic as Synthetic
