"""Checks of the records of a study against the outcomes of their clips."""

import re
from collections import Counter
from typing import Any

from verify.cases import MEASURED, SIGNS, Case, figures_of
from verify.checks import Checks
from verify.study import FORMAT, Record, Row, Study, digest_of_rows, short_digest

FACTS = (
    *("signature", "experiment", "corpus", "split", "fold", "folds_planned", "source", "target", "attack"),
    *("generator", "defence", "protocol", "labels_from", "seed", "subset", "stands_for", "domain"),
    *("settings", "versions", "commit", "tree_clean", "device"),
)
"""Fields that say what a record is and where it comes from; they are no figures."""

COSTS = ("seconds_per_clip", "queries", "gradients")


def check_files(study: Study, checks: Checks) -> bool:
    """Check that a study has a page, and that its records are those of its outcomes; return whether it has."""
    names = [record["signature"] for record in study.records]
    conditions = {
        f"expected format {FORMAT}; publish the study again": ("run.json", study.layout["format"] == FORMAT),
        "it is missing": ("README.md", (study.folder / "README.md").is_file()),
        "two records have one signature": ("records.jsonl", len(names) == len(set(names))),
        "its records are not those of records.jsonl": ("outcomes.parquet", set(names) == set(study.rows)),
    }
    for sentence, (place, holds) in conditions.items():
        checks.invariant(place, sentence, holds=holds)
    return all(holds for _, holds in conditions.values())


def check_records(study: Study, checks: Checks) -> None:
    """Compare every figure of every record with what its outcomes give."""
    digests = list(map(short_digest, study.settings.values()))
    checks.figure("settings.jsonl", "signatures", list(study.settings), digests)
    holds = study.layout["records_sha256"] == _hashes(study)
    checks.invariant("run.json", "a record is not the one whose hash it holds", holds=holds)
    for record in study.records:
        _check(study, record, checks)


def _hashes(study: Study) -> dict[str, str]:
    """Return the hash of every record with all its settings, by its signature."""
    full = [
        {
            **record,
            "settings": {
                key: study.settings_of(record, key) if isinstance(value, dict) else value
                for key, value in record["settings"].items()
            },
        }
        for record in study.records
    ]
    return {record["signature"]: digest_of_rows([record]) for record in full}


def place_of(record: dict[str, Any]) -> str:
    """Return the name of a record in messages."""
    fold = "" if record["fold"] is None else f", fold {record['fold']}"
    return f"{record['signature']} ({record['attack']}: {record['source']} → {record['target']}{fold})"


def _check(study: Study, record: dict[str, Any], checks: Checks) -> None:
    rows, place = study.rows[record["signature"]], place_of(record)
    computed = {name: value for name, value in figures_of(study, record).items() if name not in (*MEASURED, *SIGNS)}
    computed |= {
        "outcomes_sha256": digest_of_rows(rows),
        "folds": [] if record["fold"] is None else [record["fold"]],
        "flags": sorted(Case(study, [record]).flags),
        "pooled": [],
        **dict.fromkeys(("asr_fold_ci", "asr_excess_fold_ci", "robust_accuracy_fold_ci")),
        "folds_flagged": {},
        "notes": _counted(record["notes"], rows),
        **_budget(study, record),
        **_labels(record),
        **_worst(study, record, rows, checks),
    }
    published = Record(record, flags=sorted(record["flags"]))
    for name, value in computed.items():
        checks.figure(place, name, published[name], value)
    for name in sorted(set(record) - set(computed) - {*FACTS, *MEASURED, *SIGNS}):
        checks.could_not(f"records.jsonl: {name}")


def _counted(notes: dict[str, str], rows: list[Row]) -> dict[str, str]:
    """Return notes with the numbers of clips in them counted again."""
    counted, fooled = dict(notes), [row for row in rows if row["predicted_adv"] != row["predicted_clean"]]
    for name, note in notes.items():
        if match := re.fullmatch(r"mean over the \d+ clips that changed", note):
            counted[name] = re.sub(r"\d+", str(sum(row["l0"] > 0 for row in rows)), match[0])
        elif match := re.fullmatch(r"\d+ of \d+ clips skipped, most often because (.*)", note, re.DOTALL):
            among = fooled if name.endswith("_fooled") else rows
            measure = name.removesuffix("_fooled")
            reasons = Counter(row["undefined"][measure] for row in among if row[measure] is None)
            often = max(reasons, key=reasons.__getitem__, default="")
            counted[name] = f"{reasons.total()} of {len(among)} clips skipped, most often because {often}"
    return counted


def _budget(study: Study, record: dict[str, Any]) -> dict[str, Any]:
    """Return the budget of a record by its attack's settings; one without bound may leave out epsilon."""
    budget = study.settings_of(record, "attack").get("budget")
    if budget is None:
        return {name: record[name] for name in ("budget_epsilon", "budget_snr_db", "budget_sparsity")}
    unbounded = record["budget_epsilon"] is None and budget["snr_db"] is None
    return {
        "budget_epsilon": None if unbounded else budget["epsilon"],
        "budget_snr_db": budget["snr_db"],
        "budget_sparsity": budget["sparsity"],
    }


def _labels(record: dict[str, Any]) -> dict[str, Any]:
    return {"labels": record["settings"].get("labels", record["labels"])}


def _worst(study: Study, record: dict[str, Any], rows: list[Row], checks: Checks) -> dict[str, Any]:
    """Return the figures that only a worst case over several attacks has."""
    group = record["settings"].get("worst")
    if group is None:
        return {"found_by": None, "black_box_lead": None}
    members = study.settings.get(group["signature"], {}) if set(group) == {"signature"} else group
    found = Counter(row["member"] for row in rows if row["predicted_adv"] != row["predicted_clean"])
    parts = {part["signature"]: part for part in study.records}
    own = {name: parts[signature] for name, signature in members.items() if signature in parts}
    if len(own) < len(members):
        checks.could_not("records.jsonl: clips of a worst case whose members are not published")
        return {"found_by": {name: found[name] for name in members}}
    _check_worst_rows(study, record, own, rows, checks)
    white, black = (
        [_asr(study, part) for part in own.values() if (part["gradients"] > 0) is gradient]
        for gradient in (True, False)
    )
    return {
        "found_by": {name: found[name] for name in members},
        "black_box_lead": max(black) - max(white) if black and white else None,
        **{name: sum(part[name] for part in own.values()) for name in COSTS},
    }


def _asr(study: Study, record: dict[str, Any]) -> float:
    return float(figures_of(study, record)["asr"])


def _check_worst_rows(
    study: Study, record: dict[str, Any], members: dict[str, dict[str, Any]], rows: list[Row], checks: Checks
) -> None:
    """Check that each clip has the outcome of the member that lowered its margin most."""
    of_members = {name: {row["id"]: row for row in study.rows[member["signature"]]} for name, member in members.items()}
    wrong = [
        row["id"]
        for row in rows
        if row != {**of_members[row["member"]].get(row["id"], {}), "member": row["member"]}
        or row["margin_adv"] > min(own[row["id"]]["margin_adv"] for own in of_members.values() if row["id"] in own)
    ]
    sentence = f"{', '.join(wrong[:3])}: not the outcome of the attack that lowered the margin most"
    checks.invariant(place_of(record), sentence, holds=not wrong, times=len(rows))
