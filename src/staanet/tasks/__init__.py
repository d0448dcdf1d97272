"""What one command does: train a model, fit a generator, attack files, import and export."""

from staanet.tasks.attack import attack as attack
from staanet.tasks.fit import fit as fit
from staanet.tasks.harden import harden as harden
from staanet.tasks.train import train as train
