"""Maps from the labels of a corpus to emotions, such as from `W` to `anger`."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from staanet.core.errors import StaanetError
from staanet.core.parsing import parse_toml
from staanet.corpora.base import Utterance
from staanet.corpora.spelling import caseless, composed


def read_label_map(text: str) -> dict[str, str]:
    """Return the map that a text contains, or the file that it names.

    Args:
        text: Pairs such as `ang=anger,W=anger`; the name of a TOML file with such pairs (`ang = "anger"`); or the name
            of a CSV file with two columns, the label and the emotion, under a first line `label,emotion` or none.

    Raises:
        StaanetError: If it is none of these, or maps a label twice.

    >>> read_label_map("ang=anger, W=anger")
    {'ang': 'anger', 'W': 'anger'}
    """
    path = Path(text)
    try:
        if path.suffix.lower() == ".toml":
            return check_label_map(parse_toml(path.read_text(encoding="utf-8-sig")), text)
        if path.suffix.lower() == ".csv":
            lines = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
            rows = [[value.strip() for value in row] for row in lines if any(row)]
            return _map(rows[1:] if rows and rows[0][-1].lower() == "emotion" else rows, text)
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, StaanetError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise StaanetError(f"{text}: expected a file with a label map, got {reason}; correct it") from None
    return _map([[value.strip() for value in pair.split("=")] for pair in text.split(",") if pair.strip()], "labels")


def _map(pairs: Sequence[Sequence[str]], where: str) -> dict[str, str]:
    for pair in pairs:
        if len(pair) != 2:
            raise StaanetError(
                f"{where}: expected a label and an emotion, got {'='.join(pair)!r}; write for example ang=anger"
            )
    counts = Counter(label for label, _ in pairs)
    if twice := [label for label, count in counts.items() if count > 1]:
        raise StaanetError(f"{where}: expected each label once, got {twice[0]!r} twice; remove one")
    return check_label_map({pair[0]: pair[1] for pair in pairs}, where)


def check_label_map(labels: Mapping[str, object], where: str) -> dict[str, str]:
    """Return a label map after checking that it maps non-empty texts to non-empty texts.

    Args:
        labels: The map.
        where: Where it comes from, with which the error begins.

    Raises:
        StaanetError: If it does not.
    """
    checked: dict[str, str] = {}
    for label, emotion in labels.items():
        if not (label and isinstance(emotion, str) and emotion.strip()):
            raise StaanetError(
                f"{where}: expected the name of an emotion for each label, got {emotion!r} for {label!r}; "
                "write for example ang=anger"
            )
        checked[label] = emotion.strip()
    return checked


def with_emotions(clips: Iterable[Utterance], labels: Mapping[str, str]) -> tuple[list[Utterance], list[str]]:
    """Return clips whose labels are replaced as a map says, and a remark about entries of the map without a clip.

    A label is looked up as it is spelled and then without differences of case. Other labels are kept.

    Args:
        clips: The clips.
        labels: Emotion by label.
    """
    anyhow = {caseless(label): emotion for label, emotion in reversed(list(labels.items()))}
    used, renamed = set(), []
    for clip in clips:
        label = composed(clip.label)
        used |= {label, caseless(label)}
        renamed.append(replace(clip, label=labels.get(label, anyhow.get(caseless(label), clip.label))))
    if unused := [label for label in labels if label not in used and caseless(label) not in used]:
        known = ", ".join(sorted({clip.label for clip in renamed}))
        return renamed, [f"expected clips of every label in the map, got none of {', '.join(unused)}; found {known}"]
    return renamed, []
