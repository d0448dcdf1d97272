"""Checks of a listening test, whose answers are published as counts."""

import json

from scipy import stats

from verify.checks import Checks
from verify.formulae import clopper_pearson
from verify.study import Study
from verify.tables import Expected, Value, check_rows, percent, tables_in


def check_listening(study: Study, checks: Checks) -> None:
    """Compute shares, intervals and p-values from the counts, and compare them with the file and its table."""
    path = study.folder / "listening.json"
    if not path.is_file():
        return
    counts, expected = json.loads(path.read_text(encoding="utf-8")), []
    for row in counts["rows"]:
        n, hits, place = row["trials"], row["correct"], f"listening.json: {row['attack'] or 'all attacks'}"
        low, high = clopper_pearson(hits, n)
        p = float(stats.binom.sf(hits - 1, n, 0.5))
        computed = {"share": hits / n, "share_ci": [low, high], "guessing_inside": low <= 0.5 <= high, "p_value": p}
        for name, value in computed.items():
            checks.figure(place, name, row[name], value)
        expected.append(
            Expected(
                {"attack": row["attack"] or "all attacks"},
                {
                    **{name: Value(row[name]) for name in ("listeners", "trials", "correct")},
                    "share %": percent(hits / n, (low, high)),
                    "50 % inside": Value("yes" if low <= 0.5 <= high else "no"),
                    "p": Value(p, p_value=True),
                    "by listener %": percent(row["share_by_listener"], row["share_by_listener_ci"]),
                },
            )
        )
    _check_sums(counts["rows"], checks)
    checks.could_not("listening.json: share_by_listener, which follows from answers that are not published")
    for table in tables_in((study.folder / "tables" / "listening.md").read_text(encoding="utf-8")):
        check_rows(checks, "tables/listening.md", table, expected)


def _check_sums(rows: list[dict[str, object]], checks: Checks) -> None:
    for name in ("trials", "correct"):
        parts = [row[name] for row in rows if row["attack"] is not None and row["catch_trials"] == "passed"]
        for row in rows:
            if row["attack"] is None and row["catch_trials"] == "passed":
                checks.figure("listening.json: all attacks", name, row[name], sum(map(int, map(str, parts))))
