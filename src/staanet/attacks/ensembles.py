"""The standard ensemble of attacks, for measuring robustness without choosing one attack."""

from typing import Any

NAME = "standard"
"""Name of the ensemble in an experiment."""

STANDARD: dict[str, dict[str, Any]] = {
    "spgd": {},
    "sparse_pgd": {},
    "apgd": {},
    "sparse_rs": {},
}
"""Its members with their settings: two sparse white-box attacks, a dense one restricted to the budget, and a black-box
one, all with default settings. The evaluation takes the worst case over the members for each clip.

The idea follows AutoAttack (F. Croce, M. Hein, ICML 2020): diverse attacks without parameters to tune.
"""
