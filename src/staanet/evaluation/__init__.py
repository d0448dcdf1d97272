"""Evaluation: adversarial sets, their outcomes on target models, and the figures and flags of records."""

from staanet.evaluation.adversarial import AdversarialSet as AdversarialSet
from staanet.evaluation.adversarial import Domain as Domain
from staanet.evaluation.adversarial import LabelsFrom as LabelsFrom
from staanet.evaluation.adversarial import Protocol as Protocol
from staanet.evaluation.adversarial import make_adversarial_set as make_adversarial_set
from staanet.evaluation.case import clean_logits as clean_logits
from staanet.evaluation.case import evaluate as evaluate
from staanet.evaluation.features import FeatureDataset as FeatureDataset
from staanet.evaluation.flags import FLAGS as FLAGS
from staanet.evaluation.perception import PERCEPTION as PERCEPTION
from staanet.evaluation.perception import perceive as perceive
from staanet.evaluation.pool import pooled as pooled
