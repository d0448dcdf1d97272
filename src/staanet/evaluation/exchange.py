"""Former name of `staanet.evaluation.hdf5`."""

from staanet.evaluation.hdf5 import delays as delays
from staanet.evaluation.hdf5 import read as read
from staanet.evaluation.hdf5 import write as write
