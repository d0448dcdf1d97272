"""What is doubtful about the clips of a corpus, although each of them can be used: a line for each kind of doubt."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from staanet.corpora.base import Utterance

FEWEST_CLIPS = 5
"""A class with fewer clips is doubtful, because its recall changes in steps of more than a fifth."""

FEWEST_SPEAKERS = 3
"""A corpus or class with fewer speakers is doubtful, because training, validation and test need one each."""

MOST_LINES = 5
"""Number of lines about single clips with one reason that are shown one by one."""


def doubts(clips: Sequence[Utterance], digests: Mapping[str, str]) -> list[str]:
    """Return a line for each kind of doubt about speakers, emotions and equal clips.

    Args:
        clips: The clips.
        digests: Hash of the samples of each clip by its id.

    >>> doubts([Utterance(f"{s}{e}{n}", "", e, s) for s in "abc" for e in ("joy", "fear") for n in "12"], {})
    []
    """
    return [*_few_speakers(clips), *_one_emotion(clips), *_small_classes(clips), *_equal_clips(clips, digests)]


def _few_speakers(clips: Sequence[Utterance]) -> list[str]:
    speakers = sorted({clip.speaker for clip in clips})
    if len(speakers) >= FEWEST_SPEAKERS:
        return []
    return [
        f"expected {FEWEST_SPEAKERS} or more speakers, got {len(speakers)} ({', '.join(map(repr, speakers))}); "
        "add speakers, or check that speakers are read correctly"
    ]


def _one_emotion(clips: Sequence[Utterance]) -> list[str]:
    """Return a line if speakers speak one emotion only, which says so if this points to a wrong reading of speakers."""
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        labels[clip.speaker][clip.label] += 1
    single = {speaker: counts for speaker, counts in labels.items() if len(counts) == 1}
    if not single or len({clip.label for clip in clips}) < 2:
        return []
    speaker, counts = max(single.items(), key=lambda item: item[1].total())
    ((label, count),) = counts.items()
    line = (
        f"expected several emotions from each speaker, got one only from {len(single)} of {len(labels)} speakers, such "
        f"as {speaker!r} ({label}, {count} clips)"
    )
    if 2 * sum(counts.total() for counts in single.values()) > len(clips) and len(clips) > len(single):
        line += "; the emotion or its code is probably taken for the speaker"
        return [f"{line}: describe the speakers with a table or a pattern"]
    return [f"{line}; check that speakers are read correctly"]


def _small_classes(clips: Sequence[Utterance]) -> list[str]:
    counts = Counter(clip.label for clip in clips)
    speakers = {label: {clip.speaker for clip in clips if clip.label == label} for label in counts}
    few = min(FEWEST_SPEAKERS, len({clip.speaker for clip in clips}))
    small = [label for label in sorted(counts) if counts[label] < FEWEST_CLIPS or len(speakers[label]) < few]
    if not small:
        return []
    listed = ", ".join(f"{label!r} ({counts[label]} clips by {len(speakers[label])} speakers)" for label in small)
    return [
        f"expected {FEWEST_CLIPS} or more clips of each emotion by {FEWEST_SPEAKERS} or more speakers, got {listed}; "
        "add clips, merge or leave out emotions"
    ]


def _equal_clips(clips: Sequence[Utterance], digests: Mapping[str, str]) -> list[str]:
    groups = defaultdict(list)
    for clip in clips:
        if clip.id in digests:
            groups[digests[clip.id]].append(clip)
    copies = [(group[0], copy) for group in groups.values() for copy in group[1:]]
    if not copies:
        return []
    speakers, labels = (
        sum(getattr(first, name) != getattr(copy, name) for first, copy in copies) for name in ("speaker", "label")
    )
    first, copy = copies[0]
    return [
        f"expected different samples in each clip, got {len(copies)} copies ({speakers} by another speaker, {labels} "
        f"with another emotion), such as {copy.path!r} and {first.path!r}; "
        "remove the copies" + (", which may be in both training and test" if speakers else "")
    ]


def grouped(lines: Sequence[str]) -> list[str]:
    """Return lines about single clips; one line replaces more than `MOST_LINES` that have the same reason.

    >>> grouped([f"{number}.wav: expected speech, got silence; skipped" for number in range(9)])
    ['9 clips for one reason, such as 0.wav: expected speech, got silence; skipped']
    """
    by_reason = defaultdict(list)
    for line in lines:
        reason = line.partition(": expected ")[2].partition(", got ")[0]
        by_reason[re.sub(r"\d+", "0", reason)].append(line)
    shown = []
    for same in by_reason.values():
        if len(same) <= MOST_LINES:
            shown += same
        else:
            shown.append(f"{len(same)} clips for one reason, such as {same[0]}")
    return shown
