"""Prepared datasets: corpora resampled to one rate, as whole clips or as segments, and their splits."""

from staanet.data.dataset import Batch as Batch
from staanet.data.dataset import Dataset as Dataset
from staanet.data.preparation import examine as examine
from staanet.data.preparation import prepare as prepare
from staanet.data.segments import SEGMENTATION_PRESETS as SEGMENTATION_PRESETS
from staanet.data.segments import Segmentation as Segmentation
from staanet.data.splits import Split as Split
from staanet.data.splits import at_random as at_random
from staanet.data.splits import by_speaker as by_speaker
from staanet.data.splits import by_subsets as by_subsets
from staanet.data.splits import folds as folds
