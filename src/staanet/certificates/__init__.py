"""Certificates: proofs that no attack within a radius changes the decision of a smoothed model."""

from staanet.certificates.bounds import least_draws as least_draws
from staanet.certificates.bounds import lower_bound as lower_bound
from staanet.certificates.bounds import upper_bound as upper_bound
from staanet.certificates.clip import Certificate as Certificate
from staanet.certificates.clip import Draws as Draws
from staanet.certificates.clip import certify as certify
from staanet.certificates.clip import count_votes as count_votes
