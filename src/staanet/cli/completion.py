"""Names that the shell completes, from the stored catalogue."""

from collections.abc import Callable

from staanet.cli.catalogue import Kind, names


def names_of(kind: Kind) -> Callable[[str], list[str]]:
    """Return a function from the first letters of a name to the names of a kind that begin with them.

    >>> names_of(Kind.ATTACKS)("sparse_")
    ['sparse_pgd', 'sparse_rs']
    """

    def complete(incomplete: str) -> list[str]:
        return names(kind, incomplete)

    return complete


def every_name(incomplete: str) -> list[str]:
    """Return the names of all kinds that begin with a text.

    >>> every_name("sparsef")
    ['sparsefool']
    """
    return sorted({name for kind in Kind for name in names(kind, incomplete)})
