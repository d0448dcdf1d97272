"""Texts of others, such as the names of files and speakers, in messages and documents."""

import unicodedata

JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts need within words."""


def plain(text: str) -> str:
    r"""Return a text on one line, in which control characters and those that change the direction are escapes.

    Line breaks and tabs become spaces. A text that was made plain stays as it is.

    >>> print(plain("anna\n\x1b[31m\u202egpj.wav"))
    anna \x1b[31m\u202egpj.wav
    """
    if text.isprintable():
        return text
    return "".join(map(_plain, text))


def _plain(letter: str) -> str:
    if letter in "\n\r\t\v\f\x85\u2028\u2029":
        return " "
    if letter.isprintable() or letter in JOINERS or unicodedata.category(letter) == "Zs":
        return letter
    return letter.encode("unicode_escape").decode() if ord(letter) != 0xFEFF else "\\ufeff"
