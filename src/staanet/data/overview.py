"""The overview of a corpus: its speakers, genders, languages, emotions and audio, and what is doubtful about them."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from staanet.corpora.base import Utterance
from staanet.data.doubts import doubts, grouped
from staanet.data.feasible_splits import split_check, split_doubts
from staanet.data.reading import ClipAudio, Findings

EXAMPLES = 3
"""Number of names that stand for a long list."""

UNKNOWN = "unknown"
"""Name of the group of clips without a gender, language or session."""


def overview_of(findings: Findings, to_train: bool = True) -> dict[str, Any]:
    """Return an overview of the clips that can be used, in values that JSON can hold.

    Its keys are `clips`; `labels`, `speakers`, `genders`, `languages` and `sessions` with the number of clips, the
    number of speakers or emotions and an example of a file for each name; `audio` with the durations in seconds, and
    the number of clips by sampling rate in Hz, number of channels and encoding; `skipped`, `missing` and `extra` with a
    count and examples; `split` (see `split_check`); and `warnings`.

    Args:
        findings: What was found while the clips were read.
        to_train: Whether models will be trained on the clips, so that doubts about speakers and splits are warnings.
    """
    clips = [clip for clip in findings.found.utterances if clip.id in findings.audio]
    audio = [findings.audio[clip.id] for clip in clips]
    lists = {"skipped": findings.skipped, "missing": findings.found.missing, "extra": findings.found.extra}
    check = split_check(findings.used)
    digests = {clip.id: findings.audio[clip.id].digest for clip in clips}
    counted = [
        f"{len(names)} clips {state}, such as {', '.join(names[:EXAMPLES])}"
        for state, names in (("missing", findings.found.missing), ("not of the corpus", findings.found.extra))
        if names
    ]
    return {
        "clips": len(clips),
        "labels": {label: group for label in findings.labels if (group := _groups(clips, _label).get(label))},
        "speakers": _speakers(clips),
        **{f"{name}s": _groups(clips, _field(name)) for name in ("gender", "language", "session")},
        "audio": _audio(audio),
        **{name: {"count": len(lines), "examples": list(lines[:EXAMPLES])} for name, lines in lists.items()},
        "split": check,
        "warnings": [
            *counted,
            *findings.remarks,
            *grouped(findings.skipped),
            *([*doubts(clips, digests), *split_doubts(check)] if to_train else []),
        ],
    }


def _label(clip: Utterance) -> str:
    return clip.label


def _field(name: str) -> Callable[[Utterance], str]:
    return lambda clip: getattr(clip, name) or UNKNOWN


def _groups(clips: Sequence[Utterance], key: Callable[[Utterance], str]) -> dict[str, dict[str, Any]]:
    """Return the number of clips and speakers of each group of clips and the file of its first clip."""
    counts = Counter(map(key, clips))
    speakers: dict[str, set[str]] = {name: set() for name in counts}
    examples: dict[str, str] = {}
    for clip in clips:
        speakers[key(clip)].add(clip.speaker)
        examples.setdefault(key(clip), clip.path)
    return {
        name: {"clips": counts[name], "speakers": len(speakers[name]), "example": examples[name]}
        for name in sorted(counts)
    }


def _speakers(clips: Sequence[Utterance]) -> dict[str, dict[str, Any]]:
    emotions: dict[str, set[str]] = {}
    genders: dict[str, set[str]] = {}
    for clip in clips:
        emotions.setdefault(clip.speaker, set()).add(clip.label)
        genders.setdefault(clip.speaker, set()).add(clip.gender or UNKNOWN)
    return {
        name: {
            "clips": group["clips"],
            "emotions": len(emotions[name]),
            "gender": " and ".join(sorted(genders[name])),
            "example": group["example"],
        }
        for name, group in _groups(clips, lambda clip: clip.speaker).items()
    }


def _audio(clips: Sequence[ClipAudio]) -> dict[str, Any]:
    seconds = sorted(clip.seconds for clip in clips)
    named = {
        "total": sum(seconds),
        "shortest": seconds[0],
        "median": statistics.median(seconds),
        "longest": seconds[-1],
    }
    return {
        "seconds": {name: round(value, 3) for name, value in named.items()},
        "rates": _counted(str(clip.rate) for clip in clips),
        "channels": _counted(str(clip.channels) for clip in clips),
        "encodings": _counted(clip.encoding for clip in clips if clip.encoding),
    }


def _counted(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())
