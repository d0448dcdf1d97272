"""The worst case over several attacks: for each clip, the attack that lowers the margin most."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from staanet.attacks import ATTACKS
from staanet.core.errors import StaanetError
from staanet.core.records import Rows


def worst(members: Mapping[str, Rows]) -> Rows:
    """Return for each clip the row of the attack that lowered the margin most, with the name of the attack as `member`.

    An attack that fools the clip counts before one that does not, and of attacks with the same margin the first one.
    Ensembles of attacks are used as in F. Croce, M. Hein,
    "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks", ICML 2020.

    Args:
        members: Rows of each attack by its name, on the same target model and clips.

    Raises:
        StaanetError: If the attacks have different clips.

    >>> rows = lambda margin, now: [{"id": "a", "margin_adv": margin, "predicted_clean": 0, "predicted_adv": now}]
    >>> [row["member"] for row in worst({"spgd": rows(0.5, 0), "sparse_rs": rows(-1.0, 1)})]
    ['sparse_rs']
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
    return [min(rows, key=_kept) for _, rows in sorted(clips.items())]


def _kept(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Return whether a clip kept its decision, and its margin."""
    return row["predicted_adv"] == row["predicted_clean"], row["margin_adv"]


def worst_case_figures(figures: Mapping[str, Any], rows: Rows, rates: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of a worst case, with the number of clips that each attack fooled.

    Args:
        figures: Figures of the rows.
        rows: Rows that `worst` returned.
        rates: Attack success rate of each member by its name, which ends in the name of the attack.
    """
    white_box = [rate for name, rate in rates.items() if ATTACKS[name.rsplit(".", 1)[-1]].access == "gradient"]
    black_box = [rate for name, rate in rates.items() if ATTACKS[name.rsplit(".", 1)[-1]].access != "gradient"]
    members = Counter(row["member"] for row in rows if row["predicted_adv"] != row["predicted_clean"])
    return {
        **figures,
        "found_by": {name: members[name] for name in rates},
        "black_box_lead": max(black_box) - max(white_box) if black_box and white_box else None,
    }
