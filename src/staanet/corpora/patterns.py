"""Patterns that describe a clip by the parts of its path, such as `{speaker}_{emotion}_{statement}`."""

import re
import string
from pathlib import PurePath
from typing import NamedTuple

from staanet.audio.formats import ENDINGS
from staanet.core.errors import StaanetError, unknown_name
from staanet.corpora.base import Utterance
from staanet.corpora.spelling import clip_id

FIELDS = ("speaker", "emotion", "gender", "session", "statement", "intensity", "language")


class _Part(NamedTuple):
    """A part of a pattern: a literal text, a field in braces, or `*`."""

    text: str
    """The part as it is written in the pattern."""
    field: str | None = None
    """The name in the braces, empty if the part is not used; None for a literal text and `*`."""
    width: int | None = None
    """Number of characters, None if it is open."""

    @property
    def is_open(self) -> bool:
        """Whether the part matches texts of any length."""
        return self.text == "*" or (self.field is not None and self.width is None)


class Pattern:
    """Reads the description of a clip from its path.

    `{field}` matches one or more characters up to the text that follows it in the pattern, `{field:2}` exactly two, and
    `*` any number. The fields are speaker and emotion, which are required, and gender, session, statement, intensity
    and language; `{}` is a part that is not used. The pattern describes the last parts of a path, as many as it has
    itself, so that without a `/` it describes the name of the file. The ending of the name may be left out.

    Args:
        text: The pattern.

    Raises:
        StaanetError: If a field is unknown, missing or occurs twice, or if it is not clear where a field ends.

    >>> Pattern("{speaker:2}{statement:3}{emotion:1}{}").read("wav/03a01Fa.wav").statement
    'a01'
    """

    def __init__(self, text: str) -> None:
        self.text = text.replace("\\", "/")
        body, self._ending = self.text, ""
        if (suffix := PurePath(self.text).suffix.lower()) in (*ENDINGS, ".*"):
            body, self._ending = self.text[: -len(suffix)], suffix
        self._depth = body.count("/")
        self._parts = _parsed(body, self.text)
        self._check()
        self._expressions = [
            _expression(part, *(self._separator(place) for place in (number - 1, number + 1)))
            for number, part in enumerate(self._parts)
        ]
        self._whole = re.compile("".join(self._expressions))

    def read(self, path: str) -> Utterance | None:
        """Return the description of a clip, None if its path does not fit."""
        match = None if self._wrong_place(path) else self._whole.fullmatch(self._described(path))
        if match is None:
            return None
        known = {name: value.strip() or None for name, value in match.groupdict().items()}
        label, speaker = known.pop("emotion") or "", known.pop("speaker") or ""
        return Utterance(clip_id(path), path, label, speaker, **known)

    def misfit(self, path: str) -> str:
        """Return what a path that does not fit has instead of what the pattern expects.

        >>> Pattern("{speaker}_{emotion}").misfit("anna-joy.wav")
        "the end of the name after 'anna-joy' instead of '_'"
        """
        if wrong := self._wrong_place(path):
            return wrong
        name = self._described(path)
        for count in range(len(self._parts), -1, -1):
            longest = "".join(self._expressions[:count]).replace("+?", "+")
            match = re.match(longest, name)
            if match is not None:
                break
        done = match[0] if match else ""
        rest = name[len(done) :]
        wanted = repr(self._parts[count].text) if count < len(self._parts) else "the end of the name"
        got = repr(rest) if rest else "the end of the name"
        return f"{got}{f' after {done!r}' if done else ''} instead of {wanted}"

    def _wrong_place(self, path: str) -> str | None:
        """Return what is wrong with the ending of a path or with the number of its folders, None if nothing is."""
        name = PurePath(path)
        if self._ending not in ("", ".*", name.suffix.lower()):
            return f"the ending {name.suffix} instead of {self._ending}"
        if (folders := len(name.parts) - 1) < self._depth:
            return f"{folders} folders above the file instead of {self._depth}"
        return None

    def _described(self, path: str) -> str:
        return "/".join(PurePath(path).with_suffix("").parts[-self._depth - 1 :])

    def _separator(self, place: int) -> str:
        """Return the literal text at a place, if there is one and it separates fields, else nothing."""
        if not 0 <= place < len(self._parts) or self._parts[place].text == "*":
            return ""
        part = self._parts[place]
        return "" if part.field is not None or part.text.isalnum() else part.text

    def _check(self) -> None:
        names = [part.field for part in self._parts if part.field]
        for name in names:
            if name not in FIELDS:
                raise _refused(self.text, str(unknown_name("field", name, FIELDS)))
            if names.count(name) > 1:
                raise _refused(self.text, f"expected each field once, got {{{name}}} twice; write {{}} for one")
        for name in FIELDS[:2]:
            if name not in names:
                got = ", ".join(f"{{{field}}}" for field in names) or "no field"
                raise _refused(self.text, f"expected the field {{{name}}}, got {got}; add it")
        for first, second in zip(self._parts, self._parts[1:], strict=False):
            if first.is_open and second.is_open:
                raise _refused(
                    self.text,
                    f"expected a text between {first.text} and {second.text}, got none; give one of them a width, "
                    "such as {emotion:1}",
                )


def _parsed(body: str, pattern: str) -> list[_Part]:
    """Return the parts of a pattern without its ending."""
    parts = []
    try:
        pieces = list(string.Formatter().parse(body))
    except ValueError as error:
        raise _refused(pattern, f"expected fields in braces, got {error}; write for example {{emotion}}") from None
    for literal, field, width, conversion in pieces:
        parts += [_Part(text) for text in re.split(r"(\*)", literal) if text]
        if field is None:
            continue
        if conversion or (width and not (width.isdecimal() and int(width))):
            got = f"!{conversion}" if conversion else width
            raise _refused(pattern, f"expected a number of characters as the width of {{{field}}}, got {got!r}")
        text = f"{{{field}:{width}}}" if width else f"{{{field}}}"
        parts.append(_Part(text, field.strip(), int(width) if width else None))
    return parts


def _expression(part: _Part, before: str, after: str) -> str:
    """Return the regular expression of a part between two separators, which a field does not contain."""
    if part.text == "*":
        return "[^/]*"
    if part.field is None:
        return re.escape(part.text)
    excluded = "".join(f"(?!{re.escape(separator)})" for separator in {before, after} - {""})
    count = "+?" if part.width is None else f"{{{part.width}}}"
    inner = f"(?:{excluded}[^/]){count}"
    return f"(?P<{part.field}>{inner})" if part.field else inner


def _refused(pattern: str, reason: str) -> StaanetError:
    return StaanetError(f"pattern {pattern!r}: {reason}")
