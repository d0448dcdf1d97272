"""Different spellings of one emotion, gender, speaker or path."""

import posixpath
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath

from staanet.corpora.base import Utterance
from staanet.corpora.genders import GENDERS, unknown_genders


def composed(text: str) -> str:
    r"""Return a text with single spaces and its characters composed (Unicode form NFC).

    >>> composed(" a\u0308rger  leise ") == "ärger leise"
    True
    """
    return unicodedata.normalize("NFC", " ".join(text.split()))


def caseless(text: str) -> str:
    """Return a text composed and without differences of case.

    >>> caseless("Ärger ")
    'ärger'
    """
    return composed(composed(text).casefold())


def clip_id(path: str) -> str:
    """Return the id of the clip in a file: its path without the ending, in Unicode form NFC.

    >>> clip_id("joy/anna_1.wav")
    'joy/anna_1'
    """
    return unicodedata.normalize("NFC", str(PurePath(path).with_suffix("")))


def path_key(path: str) -> str:
    r"""Return a text that is equal for two spellings of one path, which may differ in Unicode form, case and separator.

    >>> path_key("data\\Joy\\..\\A.wav")
    'data/a.wav'
    """
    return unicodedata.normalize("NFC", posixpath.normpath(path.replace("\\", "/"))).casefold()


def unified(clips: Sequence[Utterance], emotions: Sequence[str] = ()) -> tuple[list[Utterance], list[str]]:
    """Return clips with one spelling of each emotion and gender, and remarks about what was changed or is doubtful.

    Emotions that differ in case or spaces only become one of `emotions` or else the most frequent spelling. Genders
    become female or male where they are known words. Speakers are kept apart, because some corpora name them by letters
    in both cases.

    Args:
        clips: The clips.
        emotions: The emotions that were asked for.
    """
    spelling, remarks = _one_spelling([composed(clip.label) for clip in clips], emotions)
    tidy = [
        replace(
            clip,
            label=clip.label if clip.label in emotions else spelling[composed(clip.label)],
            speaker=composed(clip.speaker),
            gender=None if not clip.gender else GENDERS.get(caseless(clip.gender), caseless(clip.gender)),
        )
        for clip in clips
    ]
    return tidy, [*remarks, *_doubtful_speakers(tidy), *unknown_genders(clip.gender for clip in tidy)]


def _one_spelling(labels: Sequence[str], emotions: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the spelling that is used for each label, and a remark for each label that is spelled otherwise."""
    counts = Counter(labels)
    used = {_spaceless(emotion): emotion for emotion in reversed(emotions)}
    for label in sorted(counts, key=lambda label: (-counts[label], label != label.casefold(), label)):
        used.setdefault(_spaceless(label), label)
    spelling = {label: label if label in emotions else used[_spaceless(label)] for label in counts}
    remarks = [
        f"read {label!r} ({counts[label]} clips) as the emotion {kept!r}, because they differ in "
        f"{'case' if caseless(label) == caseless(kept) else 'spaces'} only"
        for label, kept in sorted(spelling.items())
        if label != composed(kept)
    ]
    return spelling, remarks


def _spaceless(label: str) -> str:
    return caseless(label).replace(" ", "")


def _doubtful_speakers(clips: Iterable[Utterance]) -> list[str]:
    """Return a remark for each set of speakers who differ in case only, and one for speakers of several genders."""
    names, genders = defaultdict(set), defaultdict(set)
    for clip in clips:
        names[caseless(clip.speaker)].add(clip.speaker)
        genders[clip.speaker].add(clip.gender or "none")
    alike = [
        f"expected speakers with different names, got {_listed(spellings)}, which differ in case only and count as "
        "different speakers; spell them alike if they are one"
        for _, spellings in sorted(names.items())
        if len(spellings) > 1
    ]
    several = {speaker: found for speaker, found in sorted(genders.items()) if len(found) > 1}
    if not several:
        return alike
    first, *others = several
    more = f" and {len(others)} more speakers" if others else ""
    return [
        *alike,
        f"expected one gender for each speaker, got {_listed(several[first])} for {first!r}{more}; correct the table",
    ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))
