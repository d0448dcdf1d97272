"""The attackers of a protected model: one who does not know its protection, and one who does."""

from collections.abc import Iterable

from staanet.core.errors import StaanetError

OBLIVIOUS, ADAPTIVE = "oblivious", "adaptive"
"""Attackers of the model without its protection, and of the model as it is."""


def check_adaptive(names: Iterable[str]) -> None:
    """Check that one of the attackers knows the protection.

    Source: N. Carlini et al., "On evaluating adversarial robustness", arXiv 1902.06705, section 4.

    Raises:
        StaanetError: If none does, so that nothing can be said about the protection.
    """
    found = list(names)
    if ADAPTIVE not in found:
        raise StaanetError(
            f"expected an adaptive attacker, without whom a defence cannot be judged, got {', '.join(found)} only; "
            "an attack that does not know a defence says nothing about it"
        )
