"""The errors and the warning that this library raises for its users."""

import difflib
from collections.abc import Iterable


class StaanetError(ValueError):
    """Raised for input that cannot be used; the message says what was expected, what was found and what to do.

    >>> raise StaanetError("expected labels in 0..3, got 7; check the corpus' label order")
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected labels in 0..3, got 7; check the corpus' label order
    """


class PersistentError(StaanetError):
    """Raised for what would fail for every other clip as well, such as a server that does not answer or a full disk.

    A loop over clips that skips a clip after another error must end at this one.
    """


class StaanetWarning(UserWarning):
    """Issued when something was skipped or changed so that the work could go on; the message says what and why."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> StaanetError:
    """Return the error for a name that is not known, which suggests the most similar known one.

    Args:
        kind: What the name stands for, in the singular, such as "attack".
        name: The unknown name.
        known: The known names.

    >>> str(unknown_name("attack", "nois", ["noise", "staa_net"]))
    "expected an attack from noise, staa_net; got 'nois'; did you mean 'noise'?"
    """
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    article = "an" if kind[0] in "aeiou" else "a"
    return StaanetError(f"expected {article} {kind} from {', '.join(names) or '(none)'}; got {name!r}{hint}")
