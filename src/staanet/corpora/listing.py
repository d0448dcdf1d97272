"""What lies at a root, held against what a corpus says of itself."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from staanet.core.errors import StaanetError, unknown_name
from staanet.corpora.base import Utterance, Validation, audio_files


def by_name(
    root: Path,
    utterance: Callable[[str], Utterance | None],
    form: str,
    labels: Collection[str],
    expected: Mapping[str, str] | None = None,
    files: Iterable[str] | None = None,
) -> Validation:
    """List the clips of a corpus whose file names say which clip each is.

    Args:
        root: where they lie.
        utterance: what a path says, None where its name is not of the corpus' form.
        form: an example of a name and its parts, for whoever has another.
        labels: the emotions to keep; clips of others are counted in a remark.
        expected: the labels of all clips by id, where the corpus has such a list: others are extra.
        files: the paths to look at; all audio where left out.

    Raises:
        StaanetError: no such folder.
    """
    found: dict[str, Utterance] = {}
    extra, problems, others = [], [], Counter[str]()
    for path in audio_files(root) if files is None else files:
        clip = utterance(path)
        if clip is None:
            problems.append(f"{root / path}: expected a name like {form}; left out")
        elif expected is not None and clip.id not in expected:
            extra.append(path)
        elif clip.label not in labels:
            others[clip.label] += 1
        elif clip.id in found:
            problems.append(f"{root / path}: expected each clip once, got another {clip.id}; left out")
        else:
            found[clip.id] = clip
    return Validation(
        utterances=tuple(found[name] for name in sorted(found)),
        missing=[name for name, label in (expected or {}).items() if label in labels and name not in found],
        extra=extra,
        problems=problems,
        remarks=[f"left out {others.total()} clips of other classes: {_told(others)}"] if others else [],
    )


def by_path(root: Path, described: Sequence[Utterance], form: str, emotions: Sequence[str] = ()) -> Validation:
    """List the clips of a corpus that says where each lies, of the given emotions or of all that occur.

    Raises:
        StaanetError: no such folder, or nothing usable there, where `form` says what should be.
    """
    files = dict.fromkeys(audio_files(root))
    there = [utterance for utterance in described if utterance.path in files]
    known = emotions or sorted({utterance.label for utterance in there} - {""})
    kept: dict[str, Utterance] = {}
    problems = []
    for utterance in there:
        if utterance.label not in known:
            wrong = str(unknown_name("emotion", utterance.label, known))
        elif utterance.id in kept:
            wrong = f"expected each clip once, got {kept[utterance.id].path} too"
        else:
            kept[utterance.id] = utterance
            continue
        problems.append(f"{root / utterance.path}: {wrong}; left out")
    if not kept:
        raise StaanetError(f"{root}: expected {form}, found no usable clip")
    return Validation(
        utterances=tuple(kept.values()),
        missing=[utterance.path for utterance in described if utterance.path not in files],
        extra=sorted(set(files) - {utterance.path for utterance in described}),
        problems=problems,
    )


def differences(what: str, utterances: Iterable[Utterance], published: Mapping[str, int]) -> list[str]:
    """Return a line where there are not as many clips of each emotion as published, else nothing.

    >>> differences("session 3", [], {"anger": 240, "sadness": 305})
    ['session 3: expected 545 clips (anger 240, sadness 305), got none']
    """
    counts = Counter(utterance.label for utterance in utterances)
    if counts == published:
        return []
    got = f"{counts.total()} ({_told(counts)})" if counts else "none"
    return [f"{what}: expected {sum(published.values())} clips ({_told(published)}), got {got}"]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
