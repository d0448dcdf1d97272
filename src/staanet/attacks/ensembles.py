"""The standard attacks: what a robustness figure is measured with when no attack in particular is meant."""

from typing import Any

NAME = "standard"

STANDARD: dict[str, dict[str, Any]] = {
    "spgd": {},
    "sparse_pgd": {},
    "apgd": {},
    "sparse_rs": {},
}
"""White-box sparse (two), dense then sparsified, black-box, each as it comes; evaluation takes each clip's worst case.

The idea is AutoAttack's (F. Croce, M. Hein, ICML 2020): different attacks, nothing to tune.
"""
