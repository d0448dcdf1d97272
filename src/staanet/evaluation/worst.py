"""Several attacks as one: each clip's worst case, and who found it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from staanet.attacks import ATTACKS
from staanet.core.errors import StaanetError
from staanet.evaluation.case import Rows
from staanet.evaluation.flags import raised


def worst(members: Mapping[str, Rows]) -> Rows:
    """Return, clip by clip, the row of the member that pushed the margin furthest down, with its name as `member`.

    Source: ensembles of attacks as in F. Croce, M. Hein, "Reliable evaluation of adversarial robustness with an
    ensemble of diverse parameter-free attacks", ICML 2020. Of equals the first in the order of `members`.

    Args:
        members: the rows of each, on the same target and clips, by its name.

    Raises:
        StaanetError: members with different clips.

    >>> rows = lambda margin: [{"id": "a", "margin_adv": margin}]
    >>> worst({"spgd": rows(0.5), "sparse_rs": rows(-1.0)})
    [{'id': 'a', 'margin_adv': -1.0, 'member': 'sparse_rs'}]
    """
    clips: dict[str, list[dict[str, Any]]] = {}
    for name, rows in members.items():
        for row in rows:
            clips.setdefault(row["id"], []).append({**row, "member": name})
    lacking = [clip for clip, rows in clips.items() if len(rows) != len(members)]
    if lacking:
        raise StaanetError(
            f"expected the same clips from {', '.join(members)}, got {lacking[0]!r} from some; run again"
        )
    return [min(rows, key=lambda row: row["margin_adv"]) for _, rows in sorted(clips.items())]


def found(
    figures: Mapping[str, Any], rows: Rows, rates: Mapping[str, float], checks: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the figures of a worst case with what only it has: who found it, and what makes a model look robust.

    Args:
        figures: of the rows.
        rows: as `worst` returns them.
        rates: the ASR of each member by its name, which ends in that of the attack.
        checks: of the target, as `sanity` returns them.
    """
    seeing = [rate for name, rate in rates.items() if ATTACKS[name.rsplit(".", 1)[-1]].access == "gradient"]
    blind = [rate for name, rate in rates.items() if ATTACKS[name.rsplit(".", 1)[-1]].access != "gradient"]
    members = Counter(row["member"] for row in rows if row["predicted_adv"] != row["predicted_clean"])
    result = {
        **figures,
        **checks,
        "found_by": {name: members[name] for name in rates},
        "black_box_lead": max(blind) - max(seeing) if blind and seeing else None,
    }
    return {**result, "flags": raised(result)}
