"""The result of an attack on audio files in sentences, as the terminal shows them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean

from staanet.core.budget import Budget
from staanet.metrics import wilson
from staanet.report.wording import number, percent
from staanet.tasks.answers import AttackedFile, MovedFile
from staanet.tasks.attack import AttackResult, MoveResult

SHOWN = 20
"""Largest number of files with a line of their own."""


def lines(result: AttackResult, out: Path, *, windows: bool = False) -> list[str]:
    """Return a line per file, and then the figures over all files and the flags.

    Args:
        result: The result.
        out: Where the files were written.
        windows: Whether every file and every window has a line. Otherwise a long recording has one line, and of many
            files only the first have one.
    """
    return [
        *([_line(file) for file in result.files] if windows else _first_lines(result.files)),
        *([_robust_accuracy(result)] if result.labels else []),
        *([f"decisions: {_decisions(result.files)}"] if len(result.files) > 1 else []),
        f"{out}: {_success_rate(result.files)}",
        _control(result.files),
        budget_and_use(result.budget, result.files),
        *flags(result),
    ]


def flags(result: AttackResult | MoveResult) -> list[str]:
    """Return a line per sign of the model that the figures say little."""
    return [f"flag {name}: {meaning}" for name, meaning in result.flags.items()]


def _first_lines(results: Sequence[AttackedFile]) -> list[str]:
    files = [list(windows) for _, windows in groupby(results, lambda result: result.path)]
    more = len(files) - SHOWN
    return [
        *(_line(file[0]) if file[0].start is None else _recording(file) for file in files[:SHOWN]),
        *([f"... and {more} more; --windows shows all of them"] if more > 0 else []),
    ]


def _line(file: AttackedFile) -> str:
    change = "fooled" if file.fooled else "unchanged"
    return f"{place(file)}: {file.predicted_clean} -> {file.predicted_adv} ({change})"


def place(file: AttackedFile | MovedFile) -> str:
    """Return the path of a file and, of a window, where it begins, as text."""
    return file.path if file.start is None else f"{file.path} at {file.start:.2f} s"


def _recording(windows: Sequence[AttackedFile]) -> str:
    """Return how many windows of a long recording were fooled, and where its largest change is, as text."""
    largest = max(windows, key=lambda window: window.linf)
    fooled = sum(window.fooled for window in windows)
    return (
        f"{windows[0].path}: {fooled} of {len(windows)} windows fooled; the largest change, {largest.linf:.2g} of full "
        f"scale, is in the window at {largest.start:.2f} s; --windows shows every window"
    )


def _decisions(files: Iterable[AttackedFile]) -> str:
    """Return how often each decision became which other, the most frequent change first, as text."""
    changes = Counter((file.predicted_clean, file.predicted_adv) for file in files if file.fooled)
    kept = Counter(file.predicted_clean for file in files if not file.fooled)
    return ", ".join(
        [
            *(f"{before} -> {after} {count}" for (before, after), count in changes.most_common()),
            *(f"{label} kept {count}" for label, count in kept.most_common()),
        ]
    )


def _robust_accuracy(result: AttackResult) -> str:
    """Return the robust accuracy on clips whose emotions are known, as text."""
    files = result.files
    correct = [file for file in files if file.predicted_clean == file.label]
    robust = sum(not file.fooled for file in correct)
    low, high = wilson(robust / len(files), len(files))
    return (
        f"robust accuracy {percent(robust / len(files))} % (95 % interval {percent(low)} to {percent(high)} %): "
        f"{robust} of {len(files)} clips are classified correctly before and under the attack; chance is "
        f"{percent(1 / len(result.labels))} %, the accuracy before the attack {percent(len(correct) / len(files))} %"
    )


def _success_rate(files: Sequence[AttackedFile]) -> str:
    """Return how many files or windows were fooled, as text."""
    fooled = sum(file.fooled for file in files)
    share = percent(fooled / len(files))
    return f"{fooled} of {len(files)} fooled, as read back from their files (ASR {share} %)"


def budget_and_use(budget: Budget, files: Sequence[AttackedFile] | Sequence[MovedFile]) -> str:
    """Return the budget of an attack and how much of it the files use, as text."""
    return f"budget: {_budget(budget)}; used: {_change(files)}"


def _change(files: Sequence[AttackedFile] | Sequence[MovedFile]) -> str:
    """Return how many samples changed, and by how much, as means over the files or windows, as text."""
    snrs = [file.snr_peak_db for file in files if file.snr_peak_db is not None]
    changed = f"{_share(fmean(file.sparsity for file in files))} % of the samples"
    return changed + (f" at a peak SNR of {number(fmean(snrs))} dB" if snrs else "")


def _control(files: Sequence[AttackedFile]) -> str:
    """Return how often noise with the sizes of the changes fooled the model, as text."""
    draws = len(files[0].predicted_control)
    fooled = [sum(label != file.predicted_clean for label in file.predicted_control) for file in files]
    total = draws * len(files)
    return (
        f"control: noise of the same size on as many samples, {draws} draws each, fools {sum(fooled)} of {total} "
        f"({percent(sum(fooled) / total)} %)"
    )


def _budget(budget: Budget) -> str:
    size = f"{budget.snr_db:g} dB below the peak" if budget.epsilon is None else f"{budget.epsilon:g} of full scale"
    return f"{size}, {_share(budget.sparsity)} % of the samples"


def _share(fraction: float) -> str:
    """Return a share in per cent with as many decimals as it needs to be told from zero.

    >>> _share(0.12), _share(0.0001), _share(1 / 48000)
    ('12.0', '0.010', '0.0021')
    """
    return number(100 * fraction) if fraction >= 0.01 or not fraction else f"{100 * fraction:#.2g}"
