"""Comparison of the files at a root with the clips that a corpus should have."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from staanet.audio.files import printable
from staanet.core.errors import StaanetError, unknown_name
from staanet.corpora.base import Utterance, Validation, audio_files, data_files, unusable_files
from staanet.corpora.missing import missing_reasons
from staanet.corpora.spelling import clip_id, path_key, unified


def by_name(
    root: Path,
    utterance: Callable[[str], Utterance | None],
    form: str,
    labels: Collection[str],
    expected: Mapping[str, str] | None = None,
    files: Iterable[str] | None = None,
) -> Validation:
    """List the clips of a corpus whose file names describe them.

    Args:
        root: Folder of the corpus.
        utterance: Returns the description that a path contains, or None if the name does not have the expected form.
        form: An example of a file name and the meaning of its parts, for error messages.
        labels: Emotions whose clips are kept; a remark counts the clips of others.
        expected: Emotion of every clip by its id; files with other ids are extra (default: None, any id belongs to the
            corpus).
        files: Relative paths of the files (default: all audio files at `root`).

    Raises:
        StaanetError: If `root` is not a folder.
    """
    found: dict[str, Utterance] = {}
    extra, problems, others = [], [], Counter[str]()
    for path in audio_files(root) if files is None else files:
        clip = utterance(path)
        if clip is None:
            problems.append(f"{root / path}: expected a name like {form}; skipped")
        elif expected is not None and clip.id not in expected:
            extra.append(path)
        elif clip.label not in labels:
            others[clip.label] += 1
        elif clip.id in found:
            problems.append(f"{root / path}: expected each clip once, got another {clip.id}; skipped")
        else:
            found[clip.id] = clip
    return Validation(
        utterances=tuple(found[name] for name in sorted(found)),
        missing=[name for name, label in (expected or {}).items() if label in labels and name not in found],
        extra=extra,
        problems=[*problems, *unusable_files(root).values()],
        remarks=[f"skipped {others.total()} clips of other classes: {_as_text(others)}"] if others else [],
    )


def by_path(root: Path, described: Sequence[Utterance], form: str, emotions: Sequence[str] = ()) -> Validation:
    """List the clips of a corpus whose descriptions name their files.

    A path may be absolute, begin with the root, or be spelled in another way than on disk (see `path_key`), if it means
    one file only. Spellings of one emotion or gender are unified. Remarks give the likely reasons why named files do
    not exist.

    Args:
        root: Folder of the corpus.
        described: Descriptions of the clips.
        form: The files that should be at `root`, for the error message.
        emotions: Emotions whose clips are kept (default: all that occur).

    Raises:
        StaanetError: If `root` is not a folder or has no usable clip.
    """
    files, unusable = audio_files(root), unusable_files(root)
    everything = [*files, *unusable, *data_files(root)]
    found = _paths_found(root, [utterance.path for utterance in described], everything)
    named = [replace(utterance, path=path) for utterance, path in zip(described, found, strict=True) if path]
    usable = [replace(utterance, id=clip_id(utterance.path)) for utterance in named if utterance.path not in unusable]
    there, remarks = unified(usable, emotions)
    known = emotions or sorted({utterance.label for utterance in there} - {""})
    kept: dict[str, Utterance] = {}
    problems = []
    for utterance in there:
        if not utterance.label:
            folder = PurePath(utterance.path).parent
            wrong = f"expected the folder of an emotion, got {repr(folder.name) if folder.name else 'the root'}"
        elif utterance.label not in known:
            wrong = str(unknown_name("emotion", utterance.label, known))
        elif utterance.id in kept:
            wrong = f"expected each clip once, got {kept[utterance.id].path} too"
        else:
            kept[utterance.id] = utterance
            continue
        problems.append(f"{root / utterance.path}: {wrong}; skipped")
    problems += unusable.values()
    missing = [printable(utterance.path) for utterance, path in zip(described, found, strict=True) if not path]
    lacking = missing_reasons(missing, len(described), everything)
    if not kept:
        reasons = [*lacking, *problems] if len(missing) > len(problems) else [*problems, *lacking]
        raise StaanetError(f"{root}: expected {form}, found no usable clip" + (f": {reasons[0]}" if reasons else ""))
    return Validation(
        utterances=tuple(kept.values()),
        missing=missing,
        extra=sorted(set(files) - {utterance.path for utterance in named}),
        problems=problems,
        remarks=[*lacking, *remarks],
    )


def _paths_found(root: Path, paths: Iterable[str], files: Iterable[str]) -> list[str | None]:
    """Return the file that each path means, as it is spelled on disk; None where there is none or several."""
    exact = set(files)
    spelled: dict[str, list[str]] = {}
    for file in exact:
        spelled.setdefault(path_key(file), []).append(file)
    roots = [f"{path_key(str(base))}/" for base in (root, root.absolute(), root.resolve())]
    found: list[str | None] = []
    for path in paths:
        key = path_key(path)
        keys = [key, *(key.removeprefix(base) for base in roots)]
        alike = [path] if path in exact else next((spelled[key] for key in keys if key in spelled), [])
        found.append(alike[0] if len(alike) == 1 else None)
    return found


def differences(what: str, utterances: Iterable[Utterance], published: Mapping[str, int]) -> list[str]:
    """Return one line if the numbers of clips per emotion differ from the published numbers, else nothing.

    Args:
        what: Name of the clips, with which the line begins.
        utterances: The clips.
        published: Published number of clips of each emotion.

    >>> differences("session 3", [], {"anger": 240, "sadness": 305})
    ['session 3: expected 545 clips (anger 240, sadness 305), got none']
    """
    counts = Counter(utterance.label for utterance in utterances)
    if counts == published:
        return []
    got = f"{counts.total()} ({_as_text(counts)})" if counts else "none"
    return [f"{what}: expected {sum(published.values())} clips ({_as_text(published)}), got {got}"]


def _as_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
