"""Names of the command line that changed in version 0.2; each old name is refused with its new name."""

from collections.abc import Sequence

from staanet.core.errors import StaanetError

OPTIONS = {"--miniature": "--toy", "--store": "--dataset", "--pieces": "--segments"}
"""Old options of every command and their new names."""

OPTIONS_OF = {"train": {"--corpus": "--dataset"}, "fit": {"--corpus": "--dataset"}}
"""Old options of single commands, whose names another command may still use."""

WORDS: dict[tuple[str, ...], tuple[str, str]] = {
    ("import", "victim"): ("import", "model"),
    ("list", "victims"): ("list", "models"),
}
"""Old commands, the first two words after `staanet`, and their new names."""


def refuse_old_names(arguments: Sequence[str]) -> None:
    """Check that the arguments after `staanet` contain no name from before version 0.2.

    Args:
        arguments: Words of the command line without the name of the program.

    Raises:
        StaanetError: An old option or command, with its new name.

    >>> refuse_old_names(["run", "smoke", "--miniature"])
    Traceback (most recent call last):
    staanet.core.errors.StaanetError: expected --toy, got --miniature, its name before version 0.2; use --toy
    """
    words = [word for word in arguments if not word.startswith("-")]
    if (new_words := WORDS.get(tuple(words[:2]))) is not None:
        raise _renamed(" ".join(words[:2]), " ".join(new_words))
    renamed = OPTIONS | OPTIONS_OF.get(words[0] if words else "", {})
    for word in arguments:
        option = word.partition("=")[0]
        if option in renamed:
            raise _renamed(option, renamed[option])


def _renamed(old: str, new: str) -> StaanetError:
    return StaanetError(f"expected {new}, got {old}, its name before version 0.2; use {new}")
