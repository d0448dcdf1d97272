"""Measure and improve the adversarial robustness of speech emotion recognition models."""

import importlib
from typing import TYPE_CHECKING, Any

from staanet.core.version import __version__ as __version__

if TYPE_CHECKING:
    from staanet.assessment import evaluate as evaluate
    from staanet.assessment.certified import certify as certify
    from staanet.assessment.compare import compare as compare
    from staanet.assessment.defended import assess_defence as assess_defence
    from staanet.attacks import create_attack as create_attack
    from staanet.attacks.generator import create_generator as create_generator
    from staanet.attacks.generator import load_generator as load_generator
    from staanet.core.budget import Budget as Budget
    from staanet.core.errors import StaanetError as StaanetError
    from staanet.core.memory import keep_freed_memory as keep_freed_memory
    from staanet.metrics import observe as observe
    from staanet.metrics import summary as summary
    from staanet.models import create_model as create_model
    from staanet.models import load_model as load_model
    from staanet.report.notebook import Run as Run
    from staanet.study import run as run
    from staanet.tasks.harden import harden as harden
    from staanet.tasks.purifier import fit_purifier as fit_purifier

_HOME = {
    "Budget": "staanet.core.budget",
    "Run": "staanet.report.notebook",
    "StaanetError": "staanet.core.errors",
    "assess_defence": "staanet.assessment.defended",
    "certify": "staanet.assessment.certified",
    "compare": "staanet.assessment.compare",
    "create_attack": "staanet.attacks",
    "create_generator": "staanet.attacks.generator",
    "create_model": "staanet.models",
    "evaluate": "staanet.assessment",
    "fit_purifier": "staanet.tasks.purifier",
    "harden": "staanet.tasks.harden",
    "keep_freed_memory": "staanet.core.memory",
    "load_generator": "staanet.attacks.generator",
    "load_model": "staanet.models",
    "observe": "staanet.metrics",
    "run": "staanet.study",
    "summary": "staanet.metrics",
}

_RENAMED = {"create_victim": "create_model", "load_victim": "load_model"}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import staanet` does not import torch."""
    if name in _RENAMED:
        raise AttributeError(f"module 'staanet' has no attribute {name!r}: {name} is now {_RENAMED[name]}")
    if name not in _HOME:
        raise AttributeError(f"module 'staanet' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
