"""Tables of the reference page: texts of cells, the values behind them, and what each row was made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference_table.attacks import Attacked
from reference_table.entries import BUDGETS, ORDER, UNVERIFIED, Entry, Figure, name_of
from staanet.core.records import Interval, Record
from staanet.core.signature import file_digest
from staanet.corpora import CORPORA
from staanet.metrics.intervals import SPEAKERS
from staanet.report.wording import interval, number, percent

NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Origin:
    """What the cells of a row were made from.

    Args:
        files: Files in the repository.
        records: Signatures of the records in them, or hashes of the files.
        commits: Commits of the library that made them; marked if files had been changed since.
        versions: Versions of the packages.
        seeds: Seeds of the attacks.
        devices: What it was computed on.
    """

    files: tuple[str, ...]
    records: tuple[str, ...]
    commits: tuple[str, ...]
    versions: Mapping[str, str]
    seeds: tuple[int, ...]
    devices: tuple[str, ...]

    @property
    def made_with(self) -> str:
        """Everything but the records, as a sentence."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        seeds = ", ".join(map(str, self.seeds))
        return f"{', '.join(self.commits)}; {versions}; seed {seeds}; {', '.join(self.devices)}"


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        name: What it is about.
        cells: Texts of the other cells.
        values: The values behind them, by the names of the columns.
        origin: What they were made from.
    """

    name: str
    cells: tuple[str, ...]
    values: Mapping[str, Any]
    origin: Origin


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        heading: Its heading.
        caption: Sentences that say what its rows share.
        heads: Headings of its columns.
        words: Number of columns with words; the others hold numbers.
        rows: Its rows, sorted by the first column with numbers.
        notes: Sentences below it.
    """

    heading: str
    caption: str
    heads: tuple[str, ...]
    words: int
    rows: Sequence[Row]
    notes: Sequence[str]

    @property
    def origins(self) -> list[str]:
        """The different ways in which its rows were made; a row names its own by its number, from 1 on."""
        return list(dict.fromkeys(row.origin.made_with for row in self.rows))


def title(corpus: str) -> str:
    """Return the name of a corpus as its authors write it.

    >>> title("emodb"), title("mine")
    ('EmoDB', 'mine')
    """
    return str(CORPORA[corpus].__doc__).partition(":")[0] if corpus in CORPORA else corpus


MODEL_FIGURES = (*(name_of(*BUDGETS[place]) for place in ORDER), "clean", f"noise, {name_of(*BUDGETS[ORDER[0]])}")
"""Names of the figures of a model, in the order of the columns."""


def of_models(group: Sequence[Entry]) -> Table:
    """Return the table of models that were evaluated on the same clips."""
    first = group[0]
    settings, few = first.about["settings"], first.speakers < SPEAKERS
    return Table(
        heading=f"{title(first.about['corpus'])}, {len(first.rows)} clips of {first.speakers} speakers",
        caption=(
            f"UAR in % with its 95 % interval under the worst of the attacks of the ensemble {settings['ensemble']} "
            f"({', '.join(first.about['attacks'])}; preset {settings['preset']}), and under noise; guessing gives "
            f"{percent(1 / len(settings['labels']))} %. Sorted by {MODEL_FIGURES[0]}. Clips are saved "
            f"{first.about['saved']}."
            + (" The intervals are about other clips of these speakers, not about others." if few else "")
        ),
        heads=("model", *MODEL_FIGURES, "clips", "speakers", "status"),
        words=1,
        rows=[_model(entry) for entry in group],
        notes=[
            *(note for entry in group for note in _notes(entry)),
            *_flagged([(entry.run.name, entry.run.flags) for entry in group]),
        ],
    )


def _model(entry: Entry) -> Row:
    about = entry.about
    tree = {True: "", False: " with changes", None: ""}[about["tree_clean"]]
    place = "/".join(entry.folder.parts[-3:])
    return Row(
        name=entry.run.name,
        cells=(
            *(_figure(entry.figures[name]) for name in MODEL_FIGURES),
            str(len(entry.rows)),
            str(entry.speakers),
            entry.status,
        ),
        values={
            "status": entry.status,
            **{name: vars(entry.figures[name]) for name in MODEL_FIGURES},
            "clips": len(entry.rows),
            "speakers": entry.speakers,
            "weights": entry.weights,
            "model": entry.note.model,
        },
        origin=Origin(
            files=(f"{place}/evaluation.json", f"{place}/clips.json"),
            records=tuple(file_digest(entry.folder / name)[:10] for name in ("evaluation.json", "clips.json")),
            commits=(f"commit {about['commit'][:10]}{tree}" if about["commit"] else "commit unknown",),
            versions=about["versions"],
            seeds=(about["settings"]["seed"],),
            devices=(about["device"],),
        ),
    )


def _notes(entry: Entry) -> Iterable[str]:
    name = entry.run.name
    by = f", submitted by {entry.note.submitted_by}" if entry.note.submitted_by else ""
    if entry.note.training or by:
        yield f"{name}{by}: {entry.note.training or 'nothing is said about its training.'}"
    if entry.status == UNVERIFIED:
        yield f"{name} is unverified: {entry.doubts[0]}."


def _flagged(rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a sentence for each flag that rows raise."""
    flags = sorted({flag for _, raised in rows for flag in raised})
    return [f"{flag} is raised by {', '.join(name for name, raised in rows if flag in raised)}." for flag in flags]


def _figure(figure: Figure) -> str:
    return _with_interval(figure.value, (figure.low, figure.high))


def _with_interval(value: float, bounds: Interval) -> str:
    """Return a share and its interval, which a line break may part from it and not divide."""
    return f"{percent(value)} {interval(bounds).replace(' ', NO_BREAK)}"


ATTACK_HEADS = (
    "attack",
    "ASR",
    "noise",
    "ASR, unseen model",
    "samples",
    "SNR",
    "seconds",
    "gradients",
    "queries",
    "robust accuracy",
)


def of_attacks(attacked: Sequence[Attacked]) -> list[Table]:
    """Return a table for each corpus and budget, whose attacks are sorted by success from the highest on."""
    groups: dict[tuple[str, float, float], list[Attacked]] = {}
    for one in attacked:
        groups.setdefault(one.group, []).append(one)
    return [_attack_table(group, groups[group]) for group in sorted(groups, key=lambda key: (key[0], -key[2]))]


def _attack_table(group: tuple[str, float, float], members: Sequence[Attacked]) -> Table:
    corpus, snr, share = group
    samples = "all samples" if share == 1 else f"{100 * share:g} % of the samples"
    first = members[0].record
    unseen = next(one.unseen.target for one in members if one.unseen)
    return Table(
        heading=f"{title(corpus)}, {snr:g} dB, {samples}",
        caption=(
            f"{first.n} clips of {first.speakers} speakers; model {first.target}, unseen model {unseen}. ASR is the "
            "share of decisions that change, in % with its 95 % interval; noise, the same under random signs with the "
            "attack's own sizes; samples, the share that changes in %; SNR, that of peaks in dB; seconds, gradients "
            "and queries are per clip; robust accuracy in %."
        ),
        heads=ATTACK_HEADS,
        words=1,
        rows=[_attack(one) for one in sorted(members, key=lambda one: -one.record.asr)],
        notes=_flagged([(one.record.attack, one.record.flags) for one in members]),
    )


def _attack(one: Attacked) -> Row:
    record, unseen = one.record, one.unseen
    bounds, beyond = _bounds(record), None if unseen is None else _bounds(unseen)
    return Row(
        name=record.attack,
        cells=(
            _with_interval(record.asr, bounds),
            percent(record.asr_control),
            "–" if unseen is None or beyond is None else _with_interval(unseen.asr, beyond),
            f"{100 * record.sparsity:.3g}",
            number(record.snr_peak_db),
            f"{record.seconds_per_clip:.2g}",
            f"{record.gradients:.0f}",
            f"{record.queries:.0f}",
            percent(record.robust_accuracy),
        ),
        values={
            "asr": {"value": record.asr, "low": bounds[0], "high": bounds[1]},
            "asr_control": record.asr_control,
            "asr_unseen": unseen and beyond and {"value": unseen.asr, "low": beyond[0], "high": beyond[1]},
            "sparsity": record.sparsity,
            "snr_peak_db": record.snr_peak_db,
            "seconds_per_clip": record.seconds_per_clip,
            "gradients": record.gradients,
            "queries": record.queries,
            "robust_accuracy": record.robust_accuracy,
            "clips": record.n,
            "speakers": record.speakers,
        },
        origin=_origin(one.parts),
    )


def _bounds(record: Record) -> Interval:
    """Return the interval of the ASR, which allows for clips of one speaker being alike if that makes it wider."""
    return record.asr_speaker_ci or record.asr_ci


def _origin(parts: Sequence[Record]) -> Origin:
    return Origin(
        files=(f"results/{parts[0].experiment}/records.jsonl",),
        records=tuple(part.signature for part in parts),
        commits=tuple(dict.fromkeys(f"commit {str(part.commit)[:10]}" for part in parts)),
        versions=parts[0].versions,
        seeds=tuple(dict.fromkeys(part.seed for part in parts)),
        devices=tuple(dict.fromkeys(part.device for part in parts)),
    )
